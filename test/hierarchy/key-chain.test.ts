import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import { generateSecret, type Secret } from '../../src/crypto/secret.ts'
import {
  createServiceKeys,
  createTenantKeys,
  exportRootKeys,
  importRootKeys,
  KeyChain,
  type ObjectContext,
  type Scope,
  type ServiceKeys,
  type TransferableRootKeys,
} from '../../src/hierarchy/key-chain.ts'
import type { Columns } from '../../src/store/column.ts'
import { macInput, type Row, schema, tableNames, type TableName } from '../../src/store/schema.ts'
import { clock, type Hierarchy, newHierarchy, newScope, newStaticKey } from './fixture.ts'
import { type AnyRow, nudged, tampered } from './tampered-store.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)
let made: Hierarchy
beforeAll(async () => {
  made = await newHierarchy(externalKey)
})

const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const context: ObjectContext = {
  object: randomIdentifier(),
  objectVersion: 1,
  objectType: 2,
  algorithm: 3,
  lengthBits: 256,
  blobVersion: 1,
}
const material = randomBytes(32)
const bytesOf = (secret: Secret): Buffer => {
  const bytes = Buffer.alloc(secret.byteLength)
  secret.copyInto(bytes, 0)
  return bytes
}
/** The keys of a scope in a thread that has opened nothing yet, over the store as `tampering` left it. */
const keysOf = async (scope: Scope, store = made.store): Promise<ServiceKeys> =>
  new KeyChain(store, made.root, clock).service(scope)

describe('the key chain', () => {
  test('seals an object and opens it again, in the thread that made it and in one that starts from the root', async () => {
    const keys = await made.chain.service(made.scopes.own)
    const record = keys.sealObject(context, material)
    expect(bytesOf(keys.openObject(context, keys.activeVersion, record))).toEqual(material)
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(exportRootKeys(made.root))
    const received: { message: TransferableRootKeys } | undefined = receiveMessageOnPort(port2)
    port1.close()
    const there = await new KeyChain(made.store, importRootKeys(received!.message), clock).service(made.scopes.own)
    const opened = there.openObject(context, keys.activeVersion, record)
    expect(bytesOf(opened)).toEqual(material)
    expect(opened.secretClass).toBe('object')
    there.verifyRow('tenants', tenantRow(keys))
    const secret = generateSecret(64, 'object')
    expect(bytesOf(there.openObject(context, 1, there.sealObject(context, secret)))).toEqual(bytesOf(secret))
  })

  test('returns what is open without a promise, until a key of the store or the tenant changes', async () => {
    const { store, chain, scopes } = made
    const first = await chain.service(scopes.own)
    expect(chain.service(scopes.own)).toBe(first)
    expect(chain.service({ ...scopes.own })).toBe(first)
    store.versions.bump(store.versions.slotOf(scopes.own.tenant))
    const second = await chain.service(scopes.own)
    expect(second).not.toBe(first)
    await store.commit(await createTenantKeys(chain, newScope(), 'system'))
    expect(await chain.service(scopes.own)).not.toBe(second)
  })

  test('opens keys once for requests that come together, and tries again after a failure', async () => {
    let broken = true
    let reads = 0
    const slow = tampered(made.store, (table, rows) => {
      if (table === 'service_keys') reads++
      return broken ? [] : rows
    })
    const chain = new KeyChain(slow, made.root, clock)
    await expect(chain.service(made.scopes.own)).rejects.toThrow(code('record-invalid'))
    broken = false
    const [one, two] = await Promise.all([chain.service(made.scopes.own), chain.service({ ...made.scopes.own })])
    expect(one).toBe(two)
    expect(reads).toBe(1)
  })

  test('knows no tenant and no service that has no keys', async () => {
    await expect(keysOf(newScope())).rejects.toThrow(code('not-found'))
    await expect(keysOf({ ...made.scopes.own, service: randomIdentifier() })).rejects.toThrow(code('not-found'))
    await expect(keysOf({ ...made.scopes.own, system: randomIdentifier() })).rejects.toThrow(code('not-found'))
    await expect((async () => createServiceKeys(made.chain, newScope(), 'system'))()).rejects.toThrow(code('not-found'))
  })

  test('refuses a second set of keys for a tenant or a service, and keeps the first', async () => {
    const { store, chain, scopes } = made
    await expect(store.commit(await createTenantKeys(chain, scopes.own, 'system'))).rejects.toThrow(
      code('store-conflict'),
    )
    await expect(store.commit(await createServiceKeys(chain, scopes.own, 'system'))).rejects.toThrow(
      code('store-conflict'),
    )
  })

  test('tells of new keys in the audit of the same transaction', async () => {
    const unit = await createTenantKeys(made.chain, newScope(), 'operator:ada')
    expect(unit.section).toBe('keys')
    expect(unit.audit).toMatchObject([{ actor: 'operator:ada', operation: 'TenantKeysCreate', result: 'success' }])
  })

  test('gives nothing after it forgot its keys', async () => {
    const own = await newHierarchy(externalKey)
    const keys = await own.chain.service(own.scopes.own)
    own.chain.forget()
    expect(() => own.chain.system()).toThrow(code('seal-failed'))
    expect(() => own.chain.service(own.scopes.own)).toThrow(code('seal-failed'))
    expect(() => own.chain.tenant(own.scopes.own.tenant)).toThrow(code('seal-failed'))
    expect(() => keys.sealObject(context, material)).toThrow(/after it was wiped/)
  })
})

describe('records of objects', () => {
  test('do not open in another service, system or tenant', async () => {
    const { own, ...others } = made.scopes
    const record = (await keysOf(own)).sealObject(context, material)
    for (const [name, scope] of Object.entries(others)) {
      const keys = await keysOf(scope)
      expect(() => keys.openObject(context, 1, record), name).toThrow(code('record-invalid'))
    }
  })

  test('do not open swapped between two objects, or for another version of the key', async () => {
    const keys = await keysOf(made.scopes.own)
    const other = { ...context, object: randomIdentifier() }
    const records = [keys.sealObject(context, material), keys.sealObject(other, randomBytes(32))] as const
    expect(() => keys.openObject(context, 1, records[1])).toThrow(code('record-does-not-open'))
    expect(() => keys.openObject(other, 1, records[0])).toThrow(code('record-does-not-open'))
    expect(() => keys.openObject({ ...context, blobVersion: 2 }, 1, records[0])).toThrow(code('record-does-not-open'))
    expect(() => keys.openObject(context, 2, records[0])).toThrow(code('record-invalid'))
  })
})

describe('index tokens and check values', () => {
  test('are the same for the same value in one tenant, and tell nothing across tenants, attributes or versions', async () => {
    const own = await keysOf(made.scopes.own)
    const sibling = await keysOf(made.scopes.sibling)
    const foreign = await keysOf(made.scopes.otherTenant)
    const value = Buffer.from('a name')
    expect(own.indexToken('name', value)).toEqual(sibling.indexToken('name', value))
    expect(own.indexToken('name', value)).toHaveLength(20)
    expect(own.indexToken('name', value).readUInt32BE(0)).toBe(1)
    const all = [
      own.indexToken('name', value),
      foreign.indexToken('name', value),
      own.indexToken('namea', Buffer.from(' name')),
      own.indexToken('nam', Buffer.from('ea name')),
    ]
    expect(new Set(all.map((token) => token.toString('hex'))).size).toBe(4)
  })

  test('tell one key from another', async () => {
    const own = await keysOf(made.scopes.own)
    const { active } = await made.chain.ivks()
    expect(own.keyCheckValue(active)).toEqual(own.keyCheckValue({ ...active }))
    expect(own.keyCheckValue({ ...active, secret: generateSecret(32, 'wrapping') })).not.toEqual(
      own.keyCheckValue(active),
    )
    expect(own.keyCheckValue({ ...active, version: 2 })).not.toEqual(own.keyCheckValue(active))
  })
})

describe('rows of keys', () => {
  const tables = ['ivks', 'integrity_keys', 'tenant_keys', 'service_keys'] as const

  test.each(tables)('of %s are refused without a MAC', async (table) => {
    const store = tampered(made.store, (at, rows) => (at === table ? rows.map((row) => ({ ...row, mac: null })) : rows))
    const chain = new KeyChain(store, made.root, clock)
    await expect((async () => chain.service(made.scopes.own))()).rejects.toMatchObject({ code: 'row-mac-mismatch' })
  })

  test.each(tables)('of %s are refused with any column changed', async (table) => {
    for (const column of Object.keys(schema[table].columns)) {
      const store = tampered(made.store, (at, rows) =>
        at === table ? rows.map((row) => ({ ...row, [column]: nudged(row[column]) })) : rows,
      )
      await expect(keysOf(made.scopes.own, store), column).rejects.toThrow(code('row-mac-mismatch'))
    }
  })

  test.each(tables)('of %s are refused with any byte of record and MAC changed', async (table) => {
    const original = (await made.store.find(table, pick(table, made.scopes.own)))[0]!
    for (const column of ['record', 'mac', 'key_id'] as const) {
      for (let i = 0; i < original[column].byteLength; i++) {
        const store = tampered(made.store, (at, rows) =>
          at === table ? rows.map((row) => ({ ...row, [column]: flipped(row[column], i) })) : rows,
        )
        await expect(keysOf(made.scopes.own, store), `${column} byte ${i}`).rejects.toThrow(code('row-mac-mismatch'))
      }
    }
  })

  test('are refused when they are swapped between services, systems and tenants', async () => {
    const { own, ...others } = made.scopes
    for (const other of Object.values(others)) {
      for (const table of ['integrity_keys', 'tenant_keys', 'service_keys'] as const) {
        if (sameKey(table, own, other)) continue
        const foreign = await made.store.find(table, pick(table, other))
        const whole = tampered(made.store, (at, rows) => (at === table ? foreign : rows))
        await expect(keysOf(own, whole), `${table} whole`).rejects.toThrow()
        // Moved to this place by its columns too, so that the row says it belongs here.
        const moved = tampered(made.store, (at, rows) =>
          at === table ? foreign.map((row) => ({ ...row, ...pick(table, own) })) : rows,
        )
        await expect(keysOf(own, moved), `${table} moved`).rejects.toThrow(code('row-mac-mismatch'))
      }
    }
  })

  test('of another root are refused', async () => {
    const foreign = await newHierarchy(externalKey)
    for (const table of tables) {
      const rows = await foreign.store.find(table, {})
      const store = tampered(made.store, (at, own) =>
        at === table ? own.map((row, i) => ({ ...rows[i], ...pickKey(table, row) })) : own,
      )
      await expect(keysOf(made.scopes.own, store), table).rejects.toThrow()
    }
  })

  test('that are missing are refused, whatever hangs on them', async () => {
    for (const table of tables) {
      const store = tampered(made.store, (at, rows) => (at === table ? [] : rows))
      await expect(keysOf(made.scopes.own, store), table).rejects.toThrow()
    }
  })

  test('with a right MAC but another place in the hierarchy do not open', async () => {
    // Somebody who holds the tenant's integrity key, but no wrapping key, writes rows with right MACs.
    const { own, otherSystem } = made.scopes
    const keys = await keysOf(own)
    const foreign = (await made.store.find('tenant_keys', pick('tenant_keys', otherSystem)))[0]!
    const forged: Row<'tenant_keys'> = { ...foreign, system: own.system }
    forged.mac = keys.macRow('tenant_keys', forged)
    const store = tampered(made.store, (at, rows) => (at === 'tenant_keys' ? [{ ...forged }] : rows))
    await expect(keysOf(own, store)).rejects.toThrow(code('record-does-not-open'))
    const nameless: Row<'tenant_keys'> = { ...foreign, system: own.system, parent_version: 77 }
    nameless.mac = keys.macRow('tenant_keys', nameless)
    const without = tampered(made.store, (at, rows) => (at === 'tenant_keys' ? [{ ...nameless }] : rows))
    await expect(keysOf(own, without)).rejects.toThrow(code('record-invalid'))
  })
})

describe('MACs of rows', () => {
  test('cover every column of every table, under the key of the system as under a tenant', async () => {
    const keys = await keysOf(made.scopes.own)
    for (const by of [keys, made.chain.system()]) {
      for (const table of tableNames) {
        const row = sampleRow(table)
        row['mac'] = by.macRow(table, asRow(row))
        by.verifyRow(table, asRow(row))
        for (const column of Object.keys(schema[table].columns)) {
          const changed = { ...row, [column]: nudged(row[column]) }
          expect(() => by.verifyRow(table, asRow(changed)), `${table}.${column}`).toThrow(code('row-mac-mismatch'))
        }
        for (const length of [0, 4, 35, 37]) {
          const cut = Buffer.concat([row['mac'] as Buffer, Buffer.alloc(1)]).subarray(0, length)
          expect(() => by.verifyRow(table, asRow({ ...row, mac: cut }))).toThrow(code('row-mac-mismatch'))
        }
      }
    }
  })

  test('that do not fit name the row by its identifiers, and say nothing else of it', () => {
    const by = made.chain.system()
    const row = { ...sampleRow('tenants'), tenant: Buffer.alloc(16, 0xab), name: 'secret', mac: Buffer.alloc(36) }
    const thrown = (table: TableName, found: Record<string, unknown>) => {
      try {
        by.verifyRow(table, asRow(found))
      } catch (error) {
        return (error as Error).message
      }
      return ''
    }
    expect(thrown('tenants', row)).toContain('table tenants (tenant abababab-abab-abab-abab-abababababab)')
    expect(thrown('tenants', row)).not.toContain('secret')
    expect(thrown('ivks', { ...sampleRow('ivks'), version: 7, mac: Buffer.alloc(36) })).toContain('(version 7)')
    const forged = { ...sampleRow('manifest'), id: 'a forged text', mac: Buffer.alloc(0) }
    expect(thrown('manifest', forged)).not.toContain('a forged text')
    expect(thrown('tenants', { ...row, tenant: Buffer.alloc(1_000) }).length).toBeLessThan(300)
  })

  test('of the system, of tenants and of other tables do not stand in for one another', async () => {
    const own = await keysOf(made.scopes.own)
    const foreign = await keysOf(made.scopes.otherTenant)
    const row = tenantRow(own)
    for (const by of [foreign, made.chain.system()])
      expect(() => by.verifyRow('tenants', row)).toThrow(code('row-mac-mismatch'))
    expect(macInput('tenants', row)).not.toEqual(macInput('systems', { ...row, system: row.tenant }))
  })
})

function tenantRow(keys: ServiceKeys): Row<'tenants'> {
  const row = { tenant: made.scopes.own.tenant, name: 'one', state: 1, created: 1, row_version: 1 }
  return { ...row, mac: keys.macRow('tenants', row) }
}

/** A row with something in every column, by the column's kind. */
function sampleRow(table: TableName): AnyRow {
  const values = { id: Buffer.alloc(16, 5), bytes: Buffer.from('bytes'), text: 'text', integer: 7, flag: true }
  const columns: Columns = schema[table].columns
  return Object.fromEntries(Object.entries(columns).map(([column, { kind }]) => [column, values[kind]]))
}

/** Made by column from the schema, so it is a row of whichever table. */
function asRow(row: AnyRow): never {
  return row as never
}

function pick(table: TableName, scope: Scope): AnyRow {
  return Object.fromEntries(Object.entries(scope).filter(([column]) => column in schema[table].columns))
}

function pickKey(table: TableName, row: AnyRow): AnyRow {
  return Object.fromEntries(schema[table].key.map((column) => [column, row[column]]))
}

function sameKey(table: TableName, one: Scope, other: Scope): boolean {
  const parts = ['tenant', 'system', 'service'] as const
  return parts.filter((part) => part in schema[table].columns).every((part) => one[part].equals(other[part]))
}

function flipped(value: unknown, index: number): Buffer {
  const changed = Buffer.from(value as Uint8Array) // a column of bytes
  changed[index]! ^= 0x10
  return changed
}
