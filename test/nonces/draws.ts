import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { dirname, join } from 'node:path'
import type { NonceDefect } from './defects.ts'
import { comparedBytes, NonceSet } from './nonce-set.ts'

/** Processes that are started; each makes one copy of itself. */
const started = 2
/** How long they run and are stopped by turns. */
const runMs = 150
const stoppedMs = 50

export interface DrawOutcome {
  readonly nonces: number
  readonly processes: number
  /** How often they were stopped and went on. */
  readonly stops: number
  readonly faults: readonly string[]
}

/** Compiles what forks a process; returns its file. It throws where there is no compiler. */
export function buildForking(directory: string): string {
  const file = join(directory, 'forking.node')
  const headers = join(dirname(process.execPath), '../include/node')
  const flags = ['-std=gnu++20', '-shared', '-fPIC', '-Wall', '-Wextra', '-Werror', `-I${headers}`]
  execFileSync('g++', [...flags, join(import.meta.dirname, 'fork.cc'), '-o', file])
  return file
}

/** `count` nonces of processes that were forked from others in the middle, and are stopped and go on all the time. Looks for one that comes twice. */
export async function drawNonces(
  directory: string,
  forking: string,
  { count, defect }: { count: number; defect?: NonceDefect },
): Promise<DrawOutcome> {
  const each = Math.ceil(count / started / 2)
  const names = Array.from({ length: started }, (_, at) => `drawer-${at}`)
  let stops = 0
  const ends = names.map(async (name) => {
    const script = join(import.meta.dirname, 'drawer.ts')
    const args = ['--single-threaded', script, forking, directory, name, String(each)]
    if (defect !== undefined) args.push(defect)
    // A group of its own, so that the copy is stopped with it.
    const drawer = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'ignore', 'inherit'] })
    const ended = once(drawer, 'exit')
    const stopping = setInterval(() => {
      signalGroup(drawer.pid!, 'SIGSTOP')
      stops++
      setTimeout(() => signalGroup(drawer.pid!, 'SIGCONT'), stoppedMs)
    }, runMs + stoppedMs)
    const [code, signal] = (await ended) as [number | null, string | null]
    clearInterval(stopping)
    return code === 0 ? [] : [`${name} ended with ${code ?? signal}`]
  })
  const faults = (await Promise.all(ends)).flat()
  const files = names.flatMap((name) => [name, `${name}-copy`])
  const seen = new NonceSet(each * files.length)
  let nonces = 0
  for (const file of files) {
    // Blocks of whole nonces.
    for await (const chunk of createReadStream(join(directory, file), { highWaterMark: comparedBytes * 8192 })) {
      const block = chunk as Buffer
      for (let at = 0; at < block.byteLength; at += comparedBytes) {
        nonces++
        if (!seen.add(block, at))
          faults.push(`nonce ${block.toString('hex', at, at + comparedBytes)} of ${file} came twice`)
      }
    }
  }
  if (nonces !== each * files.length) faults.push(`${nonces} nonces were drawn, ${each * files.length} were asked for`)
  return { nonces, processes: files.length, stops, faults }
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal)
  } catch {
    // It has ended meanwhile.
  }
}
