import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemCallsIn, tracer } from '../crash/system-calls.ts'
import type { NonceDefect } from './defects.ts'

/** What a traced process has asked the kernel for. */
export interface RandomCalls {
  readonly keys: number
  /** Calls that gave at least a key's bytes, while keys were made. */
  readonly calls: number
  readonly faults: readonly string[]
}

/** Makes `count` keys of each kind in a traced process. Each must have a call of the kernel's generator of its own that gives as many bytes as it has; nonces and identifiers are shorter. */
export function traceKeys(directory: string, { count, defect }: { count: number; defect?: NonceDefect }): RandomCalls {
  const [trace, marks] = [join(directory, 'trace'), join(directory, 'marks')]
  const [strace, ...options] = tracer(['getrandom', 'read', 'write'], trace)
  const maker = [join(import.meta.dirname, 'key-maker.ts'), marks, String(count)]
  execFileSync(strace!, [...options, process.execPath, ...maker, ...(defect === undefined ? [] : [defect])], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  let [keys, calls] = [0, 0]
  const faults: string[] = []
  let making = { kind: '', keys: 0, bytes: 0, drawn: 0 }
  for (const { name, target, text, result } of systemCallsIn(readFileSync(trace, 'utf8'))) {
    if (name === 'write' && target.startsWith(marks)) {
      if (making.drawn < making.keys) faults.push(`${making.kind}: ${making.keys} keys from ${making.drawn} calls`)
      keys += making.keys
      calls += making.drawn
      const [, kind, number, bytes] = /"(\w+) (\d+) (\d+)/u.exec(text)!
      making = { kind: kind!, keys: Number(number), bytes: Number(bytes), drawn: 0 }
    } else if (name === 'getrandom' || (name === 'read' && target.startsWith('/dev/urandom'))) {
      if (making.keys > 0 && result >= making.bytes) making.drawn++
    }
  }
  if (making.kind !== 'end') faults.push('the process did not make all of its keys')
  return { keys, calls, faults }
}
