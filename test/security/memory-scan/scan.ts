import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runWell } from '../../support/counterparts.ts'
import { type KnownKey, patternsOf } from './key-forms.ts'
import type { OracleKey } from './key-oracle.ts'
import type { ScanRequest, ScanResult } from './scanner.ts'

/** A copy of a key where it was found. */
export interface Copy {
  readonly key: KnownKey
  readonly form: string
  readonly where: string
  readonly locked: boolean
}

export interface Scanned {
  readonly bytes: number
  readonly mappings: number
  readonly secretMappings: number
  readonly copies: readonly Copy[]
}

/** Looks for every form of every key in a process or a file, in a process of its own. */
export async function scan(keys: readonly KnownKey[], target: number | string, workspace: string): Promise<Scanned> {
  const patterns = patternsOf(keys)
  const request: ScanRequest = { patterns: patterns.map(({ bytes }) => bytes.toString('hex')) }
  const [requestFile, resultFile] = [join(workspace, 'patterns.json'), join(workspace, 'result.json')]
  writeFileSync(requestFile, JSON.stringify(request), { mode: 0o600 })
  const line = [process.execPath, script('scanner.ts'), requestFile, resultFile, String(target)]
  if (process.getuid?.() === 0) await runWell(process.execPath, line.slice(1))
  // A hardened server shows its memory to nobody else, not even to its own user.
  else await runWell('sudo', ['-n', ...line])
  // The scanner wrote it a moment ago; so did the oracle below.
  const { hits, ...counts } = JSON.parse(takenFrom(resultFile)) as ScanResult
  const copies = hits.map(({ pattern, where, locked }): Copy => {
    const { key, form } = patterns[pattern]!
    return { key: keys[key]!, form, where, locked }
  })
  return { ...counts, copies }
}

/** The keys of the hierarchy of an instance, and those of its objects' records. */
export async function hierarchyOf(instance: string, workspace: string): Promise<KnownKey[]> {
  const copy = join(workspace, 'oracle')
  const resultFile = join(workspace, 'oracle.json')
  await runWell(process.execPath, [script('key-oracle.ts'), instance, copy, resultFile])
  const found = JSON.parse(takenFrom(resultFile)) as OracleKey[]
  rmSync(copy, { recursive: true })
  return found.map(({ name, bytes }) => ({
    kind: name === 'key of a record' ? 'object' : 'root',
    name,
    bytes: Buffer.from(bytes, 'hex'),
  }))
}

/** What is in a file, which is gone then: it holds keys. */
function takenFrom(file: string): string {
  const text = readFileSync(file, 'utf8')
  rmSync(file)
  return text
}

function script(name: string): string {
  return join(import.meta.dirname, name)
}
