import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import type { Row, StoredAuditRow } from '../../src/store/schema.ts'
import type { Change, LocateQuery, Store, Unit } from '../../src/store/store.ts'
import { VersionSlot } from '../../src/store/version-table.ts'
import {
  auditOf,
  bytesOf,
  clientRow,
  idOf,
  insertObject,
  keyOfObject,
  nameRow,
  objectRow,
  scopeOf,
  tenantRow,
  unitOf,
} from '../store/rows.ts'

/** What every store promises. A store runs it in two lines: `describe('…', () => storeContract(open))`. */
export function storeContract(open: () => Promise<Store>): void {
  let store: Store

  beforeEach(async () => {
    store = await open()
  })

  afterEach(() => store.close())

  const objectOf = async (row: Row<'objects'>) => await store.get('objects', keyOfObject(row))

  describe('rows', () => {
    test('come back byte for byte, whatever they hold', async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryObject, async (row) => {
          await store.commit(unitOf([{ table: 'objects', kind: 'insert', row }]))
          expect(await objectOf(row)).toEqual(row)
        }),
        { numRuns: 50 },
      )
    })

    test('of every kind of column come back as they were', async () => {
      const row: Row<'manifest'> = {
        id: 'manifest',
        format_version: 1,
        cluster: idOf(1),
        incarnation: idOf(2),
        epoch: 3,
        development: true,
        master_key_verifier: bytesOf(32),
        created: Number.MAX_SAFE_INTEGER,
        row_version: 1,
        mac: Buffer.alloc(0),
      }
      await store.commit({ section: 'keys', changes: [{ table: 'manifest', kind: 'insert', row }], audit: [] })
      expect(await store.get('manifest', { id: 'manifest' })).toEqual(row)
    })

    test('that are not there are undefined', async () => {
      expect(await store.get('tenants', { tenant: idOf(9) })).toBeUndefined()
      expect(await store.find('tenants', { name: 'nobody' })).toEqual([])
    })

    test('are not reached by writing into what was handed in or out', async () => {
      const row = objectRow(1)
      const record = Buffer.from(row.record)
      await store.commit(unitOf(insertObject(row)))
      row.record.fill(0)
      const read = await objectOf(row)
      read?.attributes.fill(0)
      expect((await objectOf(row))?.record).toEqual(record)
      expect((await objectOf(row))?.attributes).toEqual(row.attributes)
    })
  })

  describe('find', () => {
    test('answers by the first columns of a key, ordered by it, and by an index', async () => {
      const clients = [3, 1, 2].map((n) => clientRow(n))
      await store.commit(unitOf(clients.map((row) => ({ table: 'clients', kind: 'insert', row }))))
      const ordered = clients.toSorted((a, b) => a.client.compare(b.client))
      expect(await store.find('clients', { tenant: scopeOf().tenant })).toEqual(ordered)
      expect(await store.find('clients', { tenant: scopeOf().tenant }, { limit: 1, offset: 1 })).toEqual([ordered[1]])
      const { issuer_key_hash, leaf_key_hash } = ordered[2]!
      expect(await store.find('clients', { leaf_key_hash, issuer_key_hash })).toEqual([ordered[2]])
      expect(await store.find('clients', {})).toEqual(ordered)
    })

    test('refuses to read a whole table for a column without an index', async () => {
      await expect(async () => await store.find('clients', { created: 1 })).rejects.toThrow(/no index/u)
    })

    test('sees nothing of another tenant', async () => {
      await store.commit(unitOf(insertObject(objectRow(1))))
      const other = { ...keyOfObject(objectRow(1)), tenant: idOf(77) }
      expect(await store.get('objects', other)).toBeUndefined()
      expect(await store.find('objects', { tenant: idOf(77) })).toEqual([])
      expect(await store.locate({ ...scopeOf(), tenant: idOf(77), now: 0, limit: 10 })).toEqual([])
    })
  })

  describe('scan', () => {
    test('walks a table in the order of its key, across tenants, a page at a time, and misses nothing', async () => {
      const rows = Array.from({ length: 23 }, (_, n) => ({ ...objectRow(n), tenant: idOf(500 + (n % 3)) }))
      for (const row of rows) await store.commit(unitOf([{ table: 'objects', kind: 'insert', row }]))
      const seen: Row<'objects'>[] = []
      for (;;) {
        const last = seen.at(-1)
        const page = await store.scan('objects', last === undefined ? undefined : keyOfObject(last), 5)
        if (page.length === 0) break
        expect(page.length).toBe(Math.min(5, rows.length - seen.length))
        seen.push(...page)
      }
      expect(seen).toEqual(await store.find('objects', {}))
      const from = { ...keyOfObject(seen[7]!), object: Buffer.alloc(16) }
      const [first] = await store.scan('objects', from, 1)
      expect(first?.tenant).toEqual(seen[7]!.tenant)
    })
  })

  describe('commit', () => {
    test('writes the changes and their audit rows, in the section asked for', async () => {
      const row = objectRow(1)
      await store.commit({ ...unitOf(insertObject(row)), audit: [auditOf('Create', row.object)] })
      expect(await store.audit('data', 0, 10)).toEqual([{ sequence: 1, ...auditOf('Create', row.object) }])
      expect(await store.audit('keys', 0, 10)).toEqual([])
      const other = objectRow(2)
      await store.commit({ ...unitOf(insertObject(other)), audit: [auditOf('Create', other.object)] })
      expect(await store.auditHead('data')).toMatchObject({ sequence: 2 })
      expect(await store.auditHead('keys')).toBeUndefined()
    })

    test('is all or nothing: the last change of a unit that conflicts undoes the first, and the audit row', async () => {
      await store.commit(unitOf(insertObject(objectRow(1))))
      const [fresh, old] = [objectRow(2), objectRow(1)]
      const changes = [
        ...insertObject(fresh),
        { table: 'objects', kind: 'update', row: old, expectedVersion: 7 },
      ] satisfies Change[]
      await expect(store.commit({ ...unitOf(changes), audit: [auditOf('Create')] })).rejects.toMatchObject({
        code: 'store-conflict',
      })
      expect(await objectOf(fresh)).toBeUndefined()
      expect(await store.audit('data', 0, 10)).toEqual([])
      expect(await store.locate({ ...scopeOf(), tokens: [nameRow(fresh)], now: 0, limit: 10 })).toEqual([])
    })

    test('refuses an update, a delete and an insert that were computed from another version of the row', async () => {
      const row = objectRow(1)
      const next = { ...row, row_version: 2, state: 3 }
      await store.commit(unitOf(insertObject(row)))
      await store.commit(unitOf([{ table: 'objects', kind: 'update', row: next, expectedVersion: 1 }]))
      const refused: Change[] = [
        { table: 'objects', kind: 'update', row: next, expectedVersion: 1 },
        { table: 'objects', kind: 'delete', key: keyOfObject(row), expectedVersion: 1 },
        { table: 'objects', kind: 'insert', row },
        { table: 'objects', kind: 'update', row: objectRow(5), expectedVersion: 1 },
        { table: 'objects', kind: 'delete', key: keyOfObject(objectRow(5)), expectedVersion: 1 },
      ]
      for (const change of refused) {
        await expect(store.commit(unitOf([change]))).rejects.toMatchObject({ code: 'store-conflict' })
      }
      expect(await objectOf(row)).toEqual(next)
      await store.commit(unitOf([{ table: 'objects', kind: 'delete', key: keyOfObject(row), expectedVersion: 2 }]))
      expect(await objectOf(row)).toBeUndefined()
    })

    test('deletes what is not there without a word when no version is expected', async () => {
      await store.commit(unitOf([{ table: 'object_index', kind: 'delete', key: nameRow(objectRow(1)) }]))
    })

    test('refuses a unit that changes one row twice', async () => {
      const row = objectRow(1)
      const changes = [...insertObject(row), ...insertObject(row)]
      await expect(store.commit(unitOf(changes))).rejects.toMatchObject({ code: 'store-conflict' })
      expect(await objectOf(row)).toBeUndefined()
    })

    test('refuses a row that is not one of its table', async () => {
      const row = { ...objectRow(1), object: Buffer.alloc(15) }
      await expect(store.commit(unitOf([{ table: 'objects', kind: 'insert', row }]))).rejects.toThrow(/column object/u)
    })

    test('lets one of many concurrent changes of a row win', async () => {
      const row = objectRow(1)
      await store.commit(unitOf(insertObject(row)))
      const attempts = Array.from({ length: 20 }, (_, n) =>
        store.commit(
          unitOf([{ table: 'objects', kind: 'update', row: { ...row, row_version: 2, state: n }, expectedVersion: 1 }]),
        ),
      )
      const outcomes = await Promise.allSettled(attempts)
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect((await objectOf(row))?.state).toBe(outcomes.findIndex(({ status }) => status === 'fulfilled'))
    })

    test('of a group that holds one conflict writes the others', async () => {
      const rows = Array.from({ length: 30 }, (_, n) => objectRow(n))
      await store.commit(unitOf(insertObject(rows[13]!)))
      const outcomes = await Promise.allSettled(
        rows.map((row) => store.commit({ ...unitOf(insertObject(row)), audit: [auditOf('Create', row.object)] })),
      )
      expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([13])
      for (const row of rows) expect(await objectOf(row)).toEqual(row)
      expect(await store.audit('data', 0, 100)).toHaveLength(29)
    })

    test('of several sections and tables at once keeps each unit whole', async () => {
      const keyRow = {
        version: 1,
        key_id: idOf(1),
        suite: 2,
        state: 2,
        created: 1,
        record: bytesOf(60),
        row_version: 1,
        mac: bytesOf(36),
      }
      await Promise.all([
        store.commit({
          section: 'keys',
          changes: [{ table: 'ivks', kind: 'insert', row: keyRow }],
          audit: [auditOf('Rotate')],
        }),
        store.commit({
          ...unitOf([{ table: 'tenants', kind: 'insert', row: tenantRow(1) }]),
          audit: [auditOf('TenantAdd')],
        }),
      ])
      expect(await store.get('ivks', { version: 1 })).toEqual(keyRow)
      expect(await store.get('tenants', { tenant: tenantRow(1).tenant })).toEqual(tenantRow(1))
      expect(await store.audit('keys', 0, 10)).toHaveLength(1)
      expect(await store.audit('data', 0, 10)).toHaveLength(1)
    })
  })

  describe('unique values', () => {
    test('are refused for a second row, with the index named', async () => {
      await store.commit(unitOf([{ table: 'tenants', kind: 'insert', row: tenantRow(1) }]))
      const same = { ...tenantRow(2), name: tenantRow(1).name }
      const refused = store.commit(unitOf([{ table: 'tenants', kind: 'insert', row: same }]))
      await expect(refused).rejects.toMatchObject({
        code: 'store-unique',
        message: expect.stringContaining('tenant_name'),
      })
    })

    test('hold within one unit too', async () => {
      const changes = [1, 2].map((n): Change => ({
        table: 'tenants',
        kind: 'insert',
        row: { ...tenantRow(n), name: 'same' },
      }))
      await expect(store.commit(unitOf(changes))).rejects.toMatchObject({ code: 'store-unique' })
      expect(await store.find('tenants', {})).toEqual([])
    })

    test('come after what stands before them in a unit that is refused for both', async () => {
      const [first, second] = [objectRow(1), objectRow(2)]
      const insert = (row: Row<'objects'>): Change => ({ table: 'objects', kind: 'insert', row })
      const named = (row: Row<'objects'>): Change => ({
        table: 'object_index',
        kind: 'insert',
        row: { ...nameRow(row), token: Buffer.of(1) },
      })
      await store.commit(unitOf([insert(first), named(first)]))
      await store.commit(unitOf([insert(second)]))
      const isThere = store.commit(unitOf([insert(second), named(second)]))
      await expect(isThere).rejects.toMatchObject({ code: 'store-conflict' })
    })

    test('make a name one among the live objects of a service, and of that service only', async () => {
      const [first, second] = [objectRow(1), objectRow(2)]
      const token = bytesOf(20)
      const named = (row: Row<'objects'>): Change => ({
        table: 'object_index',
        kind: 'insert',
        row: { ...nameRow(row), token },
      })
      await store.commit(unitOf([{ table: 'objects', kind: 'insert', row: first }, named(first)]))
      const second_ = [{ table: 'objects', kind: 'insert', row: second }, named(second)] satisfies Change[]
      await expect(store.commit(unitOf(second_))).rejects.toMatchObject({ code: 'store-unique' })
      const elsewhere = { ...second, service: idOf(99) }
      await store.commit(unitOf([{ table: 'objects', kind: 'insert', row: elsewhere }, named(elsewhere)]))
      const group: Change = {
        table: 'object_index',
        kind: 'insert',
        row: { ...nameRow(first), attribute: 'objectGroup', token },
      }
      await store.commit(unitOf([group]))
      // freed and taken in one unit: Destroy and Create in one batch
      const freed: Change = { table: 'object_index', kind: 'delete', key: { ...nameRow(first), token } }
      await store.commit(unitOf([...second_, freed]))
      expect(await store.locate({ ...scopeOf(), tokens: [{ attribute: 'name', token }], now: 0, limit: 10 })).toEqual([
        second,
      ])
    })

    test('let a row keep its own value when it is updated', async () => {
      await store.commit(unitOf([{ table: 'tenants', kind: 'insert', row: tenantRow(1) }]))
      await store.commit(
        unitOf([
          { table: 'tenants', kind: 'update', row: { ...tenantRow(1), row_version: 2, state: 2 }, expectedVersion: 1 },
        ]),
      )
      expect((await store.get('tenants', { tenant: tenantRow(1).tenant }))?.state).toBe(2)
    })
  })

  describe('the version table', () => {
    const read = (id: Uint8Array) => store.versions.read(store.versions.slotOf(id))

    test('has moved for an object when its commit resolves, and not for a refused one', async () => {
      const row = objectRow(1)
      const before = read(row.object)
      await store.commit(unitOf([{ table: 'objects', kind: 'insert', row }]))
      expect(read(row.object)).toBe(before + 1)
      await expect(store.commit(unitOf([{ table: 'objects', kind: 'insert', row }]))).rejects.toThrow()
      expect(read(row.object)).toBe(before + 1)
    })

    test('has moved for the token of an index row that comes or goes', async () => {
      const row = { ...nameRow(objectRow(1)), token: Buffer.concat([bytesOf(4), idOf(77)]) }
      const moved = () => store.versions.read(store.versions.slotOf(idOf(77)))
      const before = moved()
      await store.commit(unitOf([{ table: 'object_index', kind: 'insert', row }]))
      expect(moved()).toBe(before + 1)
      await store.commit(unitOf([{ table: 'object_index', kind: 'delete', key: row }]))
      expect(moved()).toBe(before + 2)
    })

    test('has moved for a tenant, for who is trusted, and for the section of keys', async () => {
      const { tenant } = tenantRow(1)
      const { trust, keys } = VersionSlot
      await store.commit(unitOf([{ table: 'tenants', kind: 'insert', row: tenantRow(1) }]))
      expect([read(tenant), store.versions.read(trust), store.versions.read(keys)]).toEqual([1, 1, 0])
      const row = {
        tenant,
        version: 1,
        key_id: idOf(2),
        state: 2,
        parent_version: 1,
        record: bytesOf(60),
        row_version: 1,
        mac: bytesOf(36),
      }
      await store.commit({ section: 'keys', changes: [{ table: 'integrity_keys', kind: 'insert', row }], audit: [] })
      expect([read(tenant), store.versions.read(trust), store.versions.read(keys)]).toEqual([2, 1, 1])
    })

    test('never moves before the new row can be read', async () => {
      for (let n = 0; n < 50; n++) {
        const row = objectRow(n)
        const before = read(row.object)
        const committed = store.commit(unitOf([{ table: 'objects', kind: 'insert', row }]))
        const progress = { done: false }
        void committed.then(() => (progress.done = true))
        while (!progress.done) {
          const moved = read(row.object) !== before
          const seen = await objectOf(row)
          if (moved) expect(seen).toBeDefined()
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
    })
  })

  describe('locate', () => {
    test('answers in the order of sequence and identifier, page by page', async () => {
      const rows = Array.from({ length: 25 }, (_, n) => ({
        ...objectRow(n),
        sequence: 100 + (n % 3),
        object_type: 2 + (n % 2),
        state: 1 + (n % 4),
      }))
      for (const row of rows) await store.commit(unitOf(insertObject(row)))
      const ordered = rows.toSorted((a, b) => a.sequence - b.sequence || a.object.compare(b.object))
      const all = await store.locate({ ...scopeOf(), now: 0, limit: 100 })
      expect(all).toEqual(ordered)
      expect(await store.locate({ ...scopeOf(), now: 0, limit: 7, offset: 5 })).toEqual(ordered.slice(5, 12))
      expect(await store.locate({ ...scopeOf(), now: 0, limit: 7, after: ordered[11]! })).toEqual(ordered.slice(12, 19))
      expect(await store.locate({ ...scopeOf(), now: 0, limit: 7, after: ordered[11]!, offset: 2 })).toEqual(
        ordered.slice(14, 21),
      )
    })

    test('ends a page with the row that brings its bytes to their bound, and goes on after it', async () => {
      const record = Buffer.alloc(limits.storeLocateBytesMax / 4)
      const rows = Array.from({ length: 6 }, (_, n) => ({ ...objectRow(n), record }))
      for (const row of rows) await store.commit(unitOf(insertObject(row)))
      const page = async (more: Partial<LocateQuery>) =>
        (await store.locate({ ...scopeOf(), now: 0, limit: 100, ...more })).map(({ sequence }) => sequence)
      expect(await page({})).toEqual([0, 1, 2, 3])
      expect(await page({ after: rows[3]! })).toEqual([4, 5])
      expect(await page({ limit: 2 })).toEqual([0, 1])
    })

    test('takes more tokens than SQLite joins tables', async () => {
      const row = objectRow(1)
      const tokens = Array.from({ length: 100 }, (_, n) => ({ attribute: `x-${n}`, token: Buffer.of(n) }))
      const index = tokens.map((token): Change => ({
        table: 'object_index',
        kind: 'insert',
        row: { ...nameRow(row), ...token },
      }))
      await store.commit(unitOf([{ table: 'objects', kind: 'insert', row }, ...index]))
      expect(await store.locate({ ...scopeOf(), tokens, now: 0, limit: 10 })).toEqual([row])
      expect(hexOf(await store.indexed({ ...scopeOf(), tokens, limit: 10 }))).toEqual(hexOf([row.object]))
      tokens.push({ attribute: 'x-100', token: Buffer.of(100) })
      expect(await store.locate({ ...scopeOf(), tokens, now: 0, limit: 10 })).toEqual([])
      expect(await store.indexed({ ...scopeOf(), tokens, limit: 10 })).toEqual([])
    })

    test('answers as the memory store does, whatever is asked', async () => {
      const oracle = new MemoryStore()
      const rows = Array.from({ length: 60 }, (_, n) => datedObject(n))
      for (const [n, row] of rows.entries()) {
        const tokens = [n % 2, 2 + (n % 3), 5 + (n % 5)].map((token): Change => ({
          table: 'object_index',
          kind: 'insert',
          row: { ...nameRow(row), attribute: token < 5 ? 'objectGroup' : 'x-colour', token: Buffer.of(token) },
        }))
        const unit = unitOf([{ table: 'objects', kind: 'insert', row }, ...tokens])
        await oracle.commit(unit)
        await store.commit(unit)
      }
      await fc.assert(
        fc.asyncProperty(arbitraryQuery(rows), async (query) => {
          expect(await store.locate(query)).toEqual(oracle.locate(query))
          const { tokens = [], limit, ...scope } = query
          if (tokens.length === 0) return
          const indexed = { tenant: scope.tenant, system: scope.system, service: scope.service, tokens, limit }
          expect(hexOf(await store.indexed(indexed))).toEqual(hexOf(oracle.indexed(indexed)))
        }),
        { numRuns: 300 },
      )
    })
  })

  test('does what the memory store does, whatever the units', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryUnit, { minLength: 1, maxLength: 12 }), async (units) => {
        const oracle = new MemoryStore()
        const fresh = await open()
        try {
          for (const unit of units) {
            const [expected, found] = await Promise.allSettled([oracle.commit(unit), fresh.commit(unit)])
            expect(codeOf(found)).toBe(codeOf(expected))
          }
          expect(await stateOf(fresh)).toEqual(await stateOf(oracle))
        } finally {
          await fresh.close()
        }
      }),
      { numRuns: 25 },
    )
  })

  test('takes no unit after it was closed', async () => {
    await store.close()
    await expect(store.commit(unitOf(insertObject(objectRow(1))))).rejects.toMatchObject({ code: 'store-failed' })
  })
}

/** Buffers and plain arrays of bytes alike. */
function hexOf(identifiers: readonly Uint8Array[]): string[] {
  return identifiers.map((identifier) => Buffer.from(identifier).toString('hex'))
}

async function stateOf(store: Store): Promise<[Row<'objects'>[], Row<'objects'>[], StoredAuditRow[]]> {
  const found: Row<'objects'>[] = []
  for (let n = 0; n < 4; n++) {
    found.push(
      ...(await store.locate({
        ...scopeOf(),
        tokens: [{ attribute: 'name', token: Buffer.of(n) }],
        now: 0,
        limit: 99,
      })),
    )
  }
  return [await store.find('objects', {}), found, await store.audit('data', 0, 1_000)]
}

function codeOf(outcome: PromiseSettledResult<void>): unknown {
  if (outcome.status === 'fulfilled') return 'done'
  const reason: unknown = outcome.reason
  return reason instanceof Error && 'code' in reason ? reason.code : reason
}

const safeInteger = fc.maxSafeInteger()
const date = fc.option(fc.integer({ min: 0, max: 4_000_000_000 }))
const binary = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes))

const arbitraryObject: fc.Arbitrary<Row<'objects'>> = fc.record({
  tenant: id,
  system: id,
  service: id,
  object: id,
  sequence: safeInteger,
  object_type: safeInteger,
  state: safeInteger,
  activation_date: date,
  deactivation_date: date,
  algorithm: safeInteger,
  length_bits: safeInteger,
  key_format_type: safeInteger,
  data_type: safeInteger,
  attributes: binary,
  key_version: safeInteger,
  blob_version: safeInteger,
  record: binary,
  row_version: safeInteger,
  mac: binary,
})

function datedObject(n: number): Row<'objects'> {
  const at = (step: number) => (n % step === 0 ? null : (n * 37) % 100)
  return {
    ...objectRow(n),
    sequence: n % 17,
    object_type: 2 + (n % 3),
    state: 1 + (n % 5),
    activation_date: at(4),
    deactivation_date: at(3),
  }
}

function arbitraryQuery(rows: readonly Row<'objects'>[]): fc.Arbitrary<LocateQuery> {
  const token = fc
    .integer({ min: 0, max: 10 })
    .map((n) => ({ attribute: n < 5 ? 'objectGroup' : 'x-colour', token: Buffer.of(n) }))
  return fc
    .record({
      tokens: fc.option(fc.array(token, { maxLength: 3 }), { nil: undefined }),
      objectType: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      states: fc.option(fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }), { nil: undefined }),
      now: fc.integer({ min: 0, max: 110 }),
      after: fc.option(fc.constantFrom(...rows), { nil: undefined }),
      offset: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
      limit: fc.integer({ min: 1, max: 70 }),
    })
    .map((query) => ({ ...scopeOf(), ...query }))
}

/** Units over four objects and four names, so that they meet. */
const arbitraryUnit: fc.Arbitrary<Unit> = fc
  .array(
    fc.record({
      n: fc.nat(3),
      name: fc.nat(3),
      version: fc.integer({ min: 1, max: 3 }),
      kind: fc.constantFrom('insert', 'update', 'delete', 'name', 'unname'),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((steps) => ({ ...unitOf(steps.map(changeOf)), audit: [auditOf('Step')] }))

function changeOf({ n, name, version, kind }: { n: number; name: number; version: number; kind: string }): Change {
  const row = { ...objectRow(n), row_version: kind === 'insert' ? 1 : version + 1 }
  const index = { ...nameRow(row), token: Buffer.of(name) }
  if (kind === 'insert') return { table: 'objects', kind, row }
  if (kind === 'update') return { table: 'objects', kind, row, expectedVersion: version }
  if (kind === 'delete') return { table: 'objects', kind, key: keyOfObject(row), expectedVersion: version }
  return kind === 'name'
    ? { table: 'object_index', kind: 'insert', row: index }
    : { table: 'object_index', kind: 'delete', key: index }
}
