import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openForWriting } from '../../src/store/sqlite/section-file.ts'
import { SectionWriter } from '../../src/store/sqlite/section-writer.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { createUnit } from './store-rows.ts'

/**
 * What the writer's thread costs: a durable Create through it beside one in the same thread, alone and with 64 at once, in turns
 * of one run; beside both, the disk's own sync of 4 KiB (F). Run by itself: a suite's cases do not wait.
 */
async function main(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'bench-store-threads-'))
  try {
    const onFatal = (error: Error) => {
      throw error
    }
    const store = await openSqliteStore({ directory: join(root, 'store'), onFatal })
    const bare = new SectionWriter(openForWriting(root, 'data'), 'data')
    const rounds = {
      sync: [] as number[],
      bare1: [] as number[],
      store1: [] as number[],
      bare64: [] as number[],
      store64: [] as number[],
    }
    for (let round = 0; round < 7; round++) {
      rounds.sync.push(syncs(join(root, 'sync'), 300))
      rounds.bare1.push(await each(300, () => void bare.commit([createUnit()])))
      rounds.store1.push(await each(300, () => store.commit(createUnit())))
      rounds.bare64.push((await each(50, () => void bare.commit(Array.from({ length: 64 }, () => createUnit())))) / 64)
      rounds.store64.push((await together(64, 50, () => store.commit(createUnit()))) / 64)
    }
    await store.close()
    const us = Object.fromEntries(Object.entries(rounds).map(([name, values]) => [name, median(values)]))
    print('F: 4 KiB and its sync', us['sync']!)
    print('durable Create in this thread', us['bare1']!)
    print(
      'durable Create through the writer',
      us['store1']!,
      `2 F + ${(us['store1']! - 2 * us['sync']!).toFixed(0)} us, ${(us['store1']! / us['bare1']!).toFixed(2)} of the bare one`,
    )
    print('Create of 64 in a transaction, in this thread', us['bare64']!)
    print(
      'Create, 64 at once through the writer',
      us['store64']!,
      `${(us['bare64']! / us['store64']!).toFixed(2)} of the bare writer's throughput`,
    )
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** Median microseconds of one call. */
async function each(count: number, call: () => Promise<void> | void): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < count; n++) {
    const start = performance.now()
    const done = call()
    if (done !== undefined) await done
    times.push((performance.now() - start) * 1_000)
  }
  return median(times)
}

/** Microseconds of a round in which each of `clients` calls once. */
async function together(clients: number, rounds: number, call: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let n = 0; n < rounds; n++) await call()
    }),
  )
  return ((performance.now() - start) * 1_000) / rounds
}

function syncs(path: string, count: number): number {
  const file = openSync(path, 'w')
  const page = Buffer.alloc(4_096, 1)
  const times: number[] = []
  for (let n = 0; n < count; n++) {
    const start = performance.now()
    writeSync(file, page)
    fdatasyncSync(file)
    times.push((performance.now() - start) * 1_000)
  }
  closeSync(file)
  return median(times)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

function print(name: string, us: number, note = ''): void {
  console.log(`${name.padEnd(48)} ${us.toFixed(1).padStart(9)} us  ${note}`)
}

if (import.meta.main) await main()
