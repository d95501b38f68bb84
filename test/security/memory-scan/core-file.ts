import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, runWell } from '../../support/counterparts.ts'
import type { ServerUnderScan } from './server-under-scan.ts'

/** Makes the library with which a server shows its locked pages and its core file (`show-pages.c`), in `directory`; undefined without a compiler. */
export async function makeShowPages(directory: string): Promise<string | undefined> {
  if (!existsSync('/usr/bin/gcc')) return undefined
  const library = join(directory, 'show-pages.so')
  const sources = join(import.meta.dirname, 'show-pages.c')
  await runWell('/usr/bin/gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-o', library, sources, '-ldl'])
  return library
}

/** Why the kernel writes no core file into the directory of a process; undefined when it does. */
export function whyNoCore(): string | undefined {
  const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()
  return pattern.startsWith('|') || pattern.includes('/') ? `core files go to ${pattern} here` : undefined
}

/** Has the kernel write a core file of a server, which ends it, into `directory`, where the server runs. */
export async function dumpCore(server: ServerUnderScan, directory: string): Promise<string> {
  await run('/bin/kill', ['-ABRT', String(server.pid)])
  const how = await server.ended
  const name = readdirSync(directory).find((entry) => entry === 'core' || entry.startsWith('core.'))
  if (name === undefined) throw new Error(`the kernel wrote no core file: ${how}\n${server.log}`)
  return join(directory, name)
}
