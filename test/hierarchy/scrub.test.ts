import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { JobStopped } from '../../src/jobs/job-run.ts'
import { schema, type TableName, tableNames } from '../../src/store/schema.ts'
import type { Store } from '../../src/store/store.ts'
import { type Hierarchy, newStaticKey } from './fixture.ts'
import { newFullStore } from './full-store.ts'
import { scrubbed } from './row-attacks.ts'
import { type AnyRow, tampered } from './tampered-store.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let rows: number

beforeAll(async () => {
  made = await newFullStore(externalKey)
  rows = 0
  for (const table of tableNames) {
    const found = await made.store.find(table, {})
    expect(found.length, table).toBeGreaterThan(0)
    rows += found.length
  }
})

/** One round over what readers find, by a thread that has opened nothing yet; the digests fit. */
function round(store: Store, options: Parameters<typeof scrubbed>[3] = {}): Promise<string> {
  return scrubbed(made, store, made.memory, options)
}

describe('a look at every row', () => {
  test('finds nothing where nothing was changed, and has seen every row', async () => {
    const told: string[] = []
    expect(await round(made.store, { report: (message) => told.push(message) })).toBe(
      `${rows} rows are as they were written`,
    )
    expect(told).toEqual([])
  })

  test('finds a row that was copied over another one, into another tenant, system, service or version', async () => {
    for (const table of ['tenant_keys', 'service_keys', 'objects', 'clients', 'integrity_keys', 'ivks'] as const) {
      const all: AnyRow[] = await made.store.find(table, {})
      const key: readonly string[] = schema[table].key
      const target = all.at(-1)!
      const source = all.find((row) => row !== target && !same(row['mac'], target['mac']))!
      const place = Object.fromEntries(key.map((name) => [name, target[name]]))
      const store = tampered(made.store, (name, found) =>
        name === table ? found.map((row) => (same(row['mac'], target['mac']) ? { ...source, ...place } : row)) : found,
      )
      const told: string[] = []
      await expect(round(store, { report: (message) => told.push(message) }), table).rejects.toMatchObject({
        code: 'row-mac-mismatch',
      })
      expect(told.length).toBeGreaterThan(0)
    }
  })

  test('finds a record that was put into a row by somebody who has its integrity key, but not its wrapping key', async () => {
    const { own } = made.scopes
    const keys = await made.chain.tenant(own.tenant)
    const store = tampered(made.store, (table, found) =>
      table === 'objects'
        ? found.map((row) => {
            if (!same(row['service'], own.service)) return row
            const record = Buffer.from(row['record'] as Buffer)
            record[record.byteLength - 1]! ^= 1
            const changed = { ...row, record }
            return { ...changed, mac: keys.macRow('objects', changed as never) }
          })
        : found,
    )
    await expect(round(store)).rejects.toThrow(/^4 faults in \d+ rows.* the first: a sealed record/)
  })

  test('finds a version of a key that was removed, and a system or tenant without its keys', async () => {
    const removals: [TableName, (row: AnyRow) => boolean][] = [
      ['ivks', (row) => row['version'] === 1],
      ['tenant_keys', (row) => row['version'] === 1 && same(row['system'], made.scopes.own.system)],
      ['service_keys', (row) => row['version'] === 1 && same(row['service'], made.scopes.own.service)],
      ['integrity_keys', (row) => same(row['tenant'], made.scopes.otherTenant.tenant)],
      ['tenant_keys', (row) => !same(row['system'], made.scopes.own.system)],
      ['service_keys', (row) => !same(row['service'], made.scopes.own.service)],
    ]
    for (const [table, isRemoved] of removals) {
      const store = tampered(made.store, (name, found) =>
        name === table ? found.filter((row) => !isRemoved(row)) : found,
      )
      await expect(round(store), table).rejects.toMatchObject({ code: 'row-mac-mismatch' })
    }
  })

  test('goes on where it was stopped, and forgets no fault that it has found', async () => {
    const store = tampered(made.store, (table, found) =>
      table === 'manifest' ? found.map((row) => ({ ...row, created: 1 })) : found,
    )
    const progress = { done: 0, total: 0, position: Buffer.alloc(0) }
    let attempts = 0
    for (; ; attempts++) {
      const controller = new AbortController()
      const result = round(store, { progress, signal: controller.signal })
      // Ends at its first step from here on; the step's progress is kept, as the queue keeps it.
      controller.abort()
      try {
        await result
      } catch (error) {
        if (error instanceof JobStopped) continue
        expect((error as Error).message).toMatch(new RegExp(`^1 faults in ${rows} rows`))
        break
      }
    }
    expect(attempts).toBeGreaterThan(5)
  })

  test('leaves out a row that was changed by a request meanwhile', async () => {
    let isOld = true
    const store = tampered(made.store, (table, found) =>
      table === 'clients' && isOld ? found.map((row) => ({ ...row, row_version: 0 })) : found,
    )
    const get = store.get.bind(store)
    store.get = async (table, key) => {
      isOld = false
      const row = await get(table, key)
      isOld = true
      return row
    }
    expect(await round(store)).toContain('as they were written')
  })
})

function same(a: unknown, b: unknown): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : a === b
}
