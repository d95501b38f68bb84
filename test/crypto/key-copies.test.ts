import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { memoryReport } from '../../src/crypto/native.ts'

/** Copies of a key in the memory of a process that uses it, after each of its steps. */
async function copies(native: 'required' | 'off'): Promise<Record<string, number>> {
  const script = join(import.meta.dirname, 'key-copies.mjs')
  const child = spawn(process.execPath, ['--expose-gc', script], {
    env: { ...process.env, KRYPTON_NATIVE: native },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const found: Record<string, number> = {}
  let key: Buffer | undefined
  for await (const line of createInterface(child.stdout)) {
    if (key === undefined) {
      // It comes with every bit turned, so that it is nowhere in the clear over there but where it is used.
      key = Buffer.from(line, 'hex').map((byte) => byte ^ 0xff) as Buffer
      continue
    }
    found[line] = copiesIn(child.pid!, key)
    child.stdin.write('\n')
  }
  return found
}

/** How often the key stands in the memory of a process. */
function copiesIn(pid: number, key: Buffer): number {
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const chunk = Buffer.alloc(1024 * 1024)
  let found = 0
  for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r(?!.*\[v)/.exec(line) ?? []
    if (from === undefined) continue
    const end = Number(`0x${to}`)
    for (let at = Number(`0x${from}`); at < end; at += chunk.length - 64) {
      let read
      try {
        read = readSync(memory, chunk, 0, Math.min(chunk.length, end - at), at)
      } catch {
        break // pages that nobody can read this way: memfd_secret
      }
      const part = chunk.subarray(0, read)
      for (let hit = part.indexOf(key); hit >= 0; hit = part.indexOf(key, hit + 1)) {
        // What stands at the end of a chunk stands at the beginning of the next one too.
        if (hit < chunk.length - 64) found++
      }
    }
  }
  closeSync(memory)
  return found
}

const { making, lockedBy } = memoryReport()

test.skipIf(making === 'javascript')('with the addon there is no copy of a key but the one in its slot', async () => {
  // Pages of memfd_secret cannot be read even by root this way; others count.
  const slots = lockedBy === 'memfd_secret' ? 0 : 3
  expect(await copies('required')).toEqual({ before: 0, planted: 1, held: slots, used: slots, wiped: 0 })
})

test('without it there are the KeyObjects and the buffer that hold it, and none when all are let go', async () => {
  const found = await copies('off')
  expect(found).toMatchObject({ before: 0, planted: 1, wiped: 0 })
  // Node makes one more of its own now and then, for as long as the key is held.
  expect(found['held']).toBeGreaterThanOrEqual(3)
})
