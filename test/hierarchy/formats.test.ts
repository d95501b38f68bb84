import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { auditDigest } from '../../src/audit/audit-digest.ts'
import { deriveWithHmac } from '../../src/crypto/kdf.ts'
import { labels } from '../../src/crypto/labels.ts'
import { hmac } from '../../src/crypto/mac.ts'
import { type Secret, secretFromBytes } from '../../src/crypto/secret.ts'
import { ownCopy } from '../../src/crypto/own-buffer.ts'
import { unwrapEnvelope } from '../../src/external-keys/envelope.ts'
import type { ExternalKey } from '../../src/external-keys/external-key.ts'
import { openStaticKey } from '../../src/external-keys/static.ts'
import { setDigestKeys, systemRowMacs } from '../../src/hierarchy/integrity-key.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { linkContext, openLinked, openLinkedCopy } from '../../src/hierarchy/link-key.ts'
import type { WrappingKey } from '../../src/hierarchy/root-keys.ts'
import { OpenTenantKeys } from '../../src/hierarchy/tenant-key.ts'
import {
  openRecord,
  Purpose,
  recordAssociatedData,
  type RecordContext,
  sealRecord,
} from '../../src/hierarchy/wrapped-key.ts'
import { Attributes } from '../../src/kmip/attribute.ts'
import { SplitKeyMethod } from '../../src/kmip/enums.ts'
import { decodeSplit, decodeTemplate, encodeSplit, encodeTemplate } from '../../src/kmip/kept-structures.ts'
import { keptKeyBlock, keyBlockIn, materialIn } from '../../src/objects/kept-key-block.ts'
import { encodeStored, structureOf } from '../../src/objects/stored-attributes.ts'
import { AnchorCodec } from '../../src/seal/anchor-state.ts'
import { unseal } from '../../src/seal/seal.ts'
import type { Columns } from '../../src/store/column.ts'
import type { Values } from '../../src/store/row-key.ts'
import {
  auditColumns,
  macInput,
  objectIndex,
  type Row,
  schema,
  setDigestColumns,
  type SetDigestRow,
  type StoredAuditRow,
  type TableName,
} from '../../src/store/schema.ts'
import { SetDigest } from '../../src/store/set-digest.ts'
import type { Change } from '../../src/store/store.ts'
import { clock, newStore } from './fixture.ts'

/** A vector of docs/formats.md: the test says what each field is, and fails when it is not. */
class Vector {
  readonly #fields: Readonly<Record<string, unknown>>
  constructor(fields: Readonly<Record<string, unknown>>) {
    this.#fields = fields
  }
  text(field: string): string {
    const value = this.#fields[field]
    if (typeof value !== 'string') throw new Error(`docs/formats.md: ${field} is no text`)
    return value
  }
  bytes(field: string): Buffer {
    return Buffer.from(this.text(field), 'hex')
  }
  number(field: string): number {
    const value = this.#fields[field]
    if (typeof value !== 'number') throw new Error(`docs/formats.md: ${field} is no number`)
    return value
  }
  part(field: string): Vector {
    return new Vector(Object(this.#fields[field]))
  }
  parts(field: string): Vector[] {
    const value = this.#fields[field]
    if (!Array.isArray(value)) throw new Error(`docs/formats.md: ${field} is no list`)
    return value.map((part) => new Vector(Object(part)))
  }
  names(): string[] {
    return Object.keys(this.#fields)
  }
  /** A row of `table`: every column by its kind. */
  row<T extends TableName>(table: T): Row<T> {
    return this.rowOf(schema[table].columns) as unknown as Row<T> // column by column from the schema
  }
  rowOf(columns: Columns): Values {
    return Object.fromEntries(
      Object.entries(columns)
        .filter(([column]) => column in this.#fields)
        .map(([column, { kind }]) => [
          column,
          (kind === 'id' || kind === 'bytes') && this.#fields[column] !== null
            ? this.bytes(column)
            : this.#fields[column],
        ]),
    )
  }
}

const page = readFileSync(join(import.meta.dirname, '../../docs/formats.md'), 'utf8')
const vectors = new Map(
  [...page.matchAll(/```json\n(.*?)```/gs)].map(([, json]): [string, Vector] => {
    const vector = new Vector(JSON.parse(json!))
    return [vector.text('vector'), vector]
  }),
)
const named = (name: string): Vector => vectors.get(name)!

const plain = (secret: Secret): Buffer => {
  const bytes = Buffer.alloc(secret.byteLength)
  secret.copyInto(bytes, 0)
  return bytes
}

test('the page lists every label that there is, and derives what it says', () => {
  const vector = named('derivation')
  const derived = vector.part('derived')
  expect(derived.names().sort()).toEqual(Object.values(labels).sort())
  const key = secretFromBytes(vector.bytes('key'), 'object')
  for (const label of derived.names()) {
    expect(deriveWithHmac(key, Buffer.from(`krypton/v1/${label}`), vector.bytes('context'), 32)).toEqual(
      derived.bytes(label),
    )
    expect(page).toContain(`\`${label}\``)
  }
})

test('an anchor is this line, of this audit row', () => {
  const vector = named('anchor')
  const row = vector.part('auditRow')
  const audit = {
    sequence: row.number('sequence'),
    time: row.number('time'),
    tenant: row.bytes('tenant'),
    actor: row.text('actor'),
    operation: row.text('operation'),
    object: row.bytes('object'),
    result: row.text('result'),
    detail: row.text('detail'),
  }
  expect(auditDigest(audit).toString('hex')).toBe(vector.text('digest'))
  const secret = secretFromBytes(vector.bytes('systemIntegrityKey'), 'system')
  const cluster = vector.bytes('cluster')
  const codec = new AnchorCodec({ cluster, systemIntegrityKeys: [{ version: 1, active: true, secret }] })
  const state = codec.decode(vector.text('line'), 'the page')
  expect(state).toMatchObject({
    cluster: cluster.toString('hex'),
    data: { sequence: 7, digest: vector.text('digest') },
  })
  expect(codec.encode(state)).toBe(`${vector.text('line')}\n`)
})

test('a Key Block that came wrapped is kept as these bytes', () => {
  const vector = named('kept-key-block')
  const kept = vector.bytes('kept')
  const keyBlock = keyBlockIn(kept)
  expect(keyBlock).toMatchObject({
    keyFormatType: 1,
    wrappedKeyValue: vector.bytes('wrappedKeyValue'),
    cryptographicAlgorithm: 3,
    cryptographicLength: 128,
    keyWrappingData: {
      wrappingMethod: 1,
      encryptionKeyInformation: {
        uniqueIdentifier: vector.text('wrappingKey'),
        cryptographicParameters: { blockCipherMode: 13 },
      },
      encodingOption: 1,
    },
  })
  expect(materialIn(kept)).toEqual(vector.bytes('material'))
  expect(keptKeyBlock(keyBlock, vector.bytes('material'))).toEqual(kept)
})

test('what an object’s own structure says stands after its attributes', () => {
  const vector = named('object-structures')
  const attributes = new Attributes()
  attributes.set('contactInformation', 'Joe')
  expect(Buffer.from(encodeStored(attributes))).toEqual(vector.bytes('attributes'))
  const split = {
    splitKeyParts: 5,
    keyPartIdentifier: 2,
    splitKeyThreshold: 3,
    splitKeyMethod: SplitKeyMethod.PolynomialSharingGF2_8,
    splitId: vector.bytes('splitId'),
  }
  expect(encodeSplit(split)).toEqual(vector.bytes('splitKey'))
  expect(decodeSplit(vector.bytes('splitKey'))).toEqual({ ...split, primeFieldSize: undefined })
  const given = [{ name: 'cryptographicLength', attributeName: 'Cryptographic Length', index: undefined, value: 256 }]
  expect(encodeTemplate({ attributes: given })).toEqual(vector.bytes('template'))
  expect(decodeTemplate(vector.bytes('template'))).toEqual({ attributes: given })
  for (const structure of [vector.bytes('splitKey'), vector.bytes('template')]) {
    const stored = Buffer.concat([vector.bytes('attributes'), structure])
    expect(Buffer.from(encodeStored(attributes, structure))).toEqual(stored)
    expect(structureOf(stored)).toEqual(structure)
  }
  expect(structureOf(vector.bytes('attributes'))).toBeUndefined()
})

test.each([1, 2, 3])('KRW1 in suite %i is sealed to these bytes and opens from them', (suite) => {
  const vector = named(`krw1-suite-${suite}`)
  const place = vector.part('context')
  const context: RecordContext = {
    cluster: place.bytes('cluster'),
    tenant: place.bytes('tenant'),
    system: place.bytes('system'),
    service: place.bytes('service'),
    object: place.bytes('object'),
    objectVersion: place.number('objectVersion'),
    objectType: place.number('objectType'),
    algorithm: place.number('algorithm'),
    lengthBits: place.number('lengthBits'),
    blobVersion: place.number('blobVersion'),
    extra: place.bytes('extra'),
  }
  const key: WrappingKey = {
    secret: secretFromBytes(vector.bytes('wrappingKey'), 'wrapping'),
    keyId: vector.bytes('keyId'),
    version: vector.number('keyVersion'),
    suite: vector.number('suite'),
  }
  const purpose = Object.values(Purpose).find((number) => number === vector.number('purpose'))!
  const record = vector.bytes('record')
  expect(sealRecord(purpose, key, context, vector.bytes('plaintext'), vector.bytes('nonce'))).toEqual(record)
  const header = record.subarray(0, record.byteLength - 32 - 16 - 4)
  expect(Buffer.from(recordAssociatedData(header, key.keyId, context))).toEqual(vector.bytes('associatedData'))
  expect(plain(openRecord(purpose, key, context, record, 'object'))).toEqual(vector.bytes('plaintext'))
})

const integrityKeys = (vector: Vector) => [
  {
    version: vector.number('integrityKeyVersion'),
    active: true,
    secret: secretFromBytes(vector.bytes('integrityKey'), 'system'),
  },
]
const tenantKeys = (vector: Vector): OpenTenantKeys =>
  new OpenTenantKeys(vector.bytes('cluster'), vector.bytes('tenant'), integrityKeys(vector))

test("the MAC of a tenant's row is over these bytes and has this value", () => {
  const vector = named('row-mac-tenant')
  const row = vector.part('row').row('clients')
  expect(Buffer.from(macInput('clients', row))).toEqual(vector.bytes('macInput'))
  expect(tenantKeys(vector).macRow('clients', row)).toEqual(vector.bytes('mac'))
})

test('the MAC of a system row is over these bytes and has this value', () => {
  const vector = named('row-mac-system')
  const row = vector.part('row').row('manifest')
  expect(Buffer.from(macInput('manifest', row))).toEqual(vector.bytes('macInput'))
  expect(systemRowMacs(vector.bytes('cluster'), integrityKeys(vector)).macRow('manifest', row)).toEqual(
    vector.bytes('mac'),
  )
})

test('a digest of all rows is this row, for these rows and no others', () => {
  const vector = named('set-digest')
  const keys = setDigestKeys({ cluster: vector.bytes('cluster'), systemIntegrityKeys: integrityKeys(vector) })
  const row = vector.part('row').rowOf(setDigestColumns) as unknown as SetDigestRow // column by column from the schema
  const newest = vector.part('audit').rowOf(auditColumns) as unknown as StoredAuditRow // as above
  expect(() => SetDigest.open('data', keys, row, { ...newest, sequence: newest.sequence + 1 })).toThrow(
    'is missing or not as it was written',
  )
  const digest = SetDigest.open('data', keys, row, newest)
  const counted = (table: 'clients' | 'object_index', rows: readonly Values[]) => {
    digest.walk(table)
    digest.pass(table, rows)
    return digest.compare(table)
  }
  const index = vector.part('index').rowOf(objectIndex.columns)
  expect(counted('clients', [vector.part('client').row('clients')])).toBeUndefined()
  expect(counted('object_index', [index])).toBeUndefined()
  expect(counted('object_index', [{ ...index, sequence: 1 }])).toMatchObject({
    table: 'object_index',
    kept: 1,
    found: 1,
  })
  expect(counted('clients', [])).toMatchObject({ table: 'clients', kept: 1, found: 0 })
})

test('an index token and a key check value have these values', () => {
  const token = named('index-token')
  expect(tenantKeys(token).indexToken(token.text('attribute'), token.bytes('value'))).toEqual(token.bytes('token'))
  const check = named('key-check-value')
  const key = {
    secret: secretFromBytes(check.bytes('key'), 'wrapping'),
    keyId: check.bytes('keyId'),
    version: check.number('keyVersion'),
    suite: 2,
  }
  expect(tenantKeys(check).keyCheckValue(key)).toEqual(check.bytes('checkValue'))
})

test('a Tenant Key under a link key under the IVK opens from these bytes, and so does its copy', () => {
  const vector = named('linked-key')
  const [cluster, tenant, system] = [vector.bytes('cluster'), vector.bytes('tenant'), vector.bytes('system')]
  const owner = { cluster, tenant, system }
  const wrapping = (name: string, suite: number) => ({
    secret: secretFromBytes(vector.bytes(name), 'wrapping'),
    keyId: vector.bytes(`${name}Id`),
    version: vector.number(`${name}Version`),
    suite,
  })
  const link = wrapping('linkKey', 3)
  const ivk = wrapping('ivk', 2)
  expect(linkContext(owner, { key_id: link.keyId, version: link.version })).toEqual(vector.bytes('linkContext'))
  const key = { key_id: vector.bytes('keyId'), version: vector.number('keyVersion') }
  const linked = {
    tenant,
    system,
    ...key,
    link_version: link.version,
    parent_version: ivk.version,
    check_value: vector.bytes('checkValue'),
    record: vector.bytes('copy'),
    row_version: 1,
    mac: Buffer.alloc(0),
  }
  const under = { link, ivk, tenantKeys: tenantKeys(vector), linked }
  const expected = secretFromBytes(vector.bytes('key'), 'wrapping')
  for (const opened of [
    openLinked(owner, { ...key, record: vector.bytes('record') }, under),
    openLinkedCopy(owner, under),
  ]) {
    expect(hmac('sha256', opened, Buffer.alloc(1))).toEqual(hmac('sha256', expected, Buffer.alloc(1)))
  }
  expect(() => openLinked(owner, { ...key, record: vector.bytes('copy') }, under)).toThrow(/record/)
})

test('a Tenant Key in a recovery file opens from these bytes', () => {
  const vector = named('recovery-record')
  const recovery = {
    secret: secretFromBytes(vector.bytes('recoveryKey'), 'wrapping'),
    keyId: vector.bytes('recoveryKeyId'),
    version: 1,
    suite: 3,
  }
  const context = {
    cluster: vector.bytes('cluster'),
    tenant: vector.bytes('tenant'),
    system: vector.bytes('system'),
    object: vector.bytes('keyId'),
    objectVersion: vector.number('keyVersion'),
    algorithm: 3,
    lengthBits: 256,
    extra: Buffer.from('recovery'),
  }
  expect(plain(openRecord(Purpose.Export, recovery, context, vector.bytes('record'), 'object'))).toEqual(
    vector.bytes('key'),
  )
})

test('KST1 opens from these bytes with this file', async () => {
  const vector = named('kst1')
  await withStaticKey(vector.bytes('fileKey'), async (external) => {
    expect(Buffer.from(external.configurationId)).toEqual(vector.bytes('configurationId'))
    const wrapped = {
      keyId: vector.bytes('keyId'),
      mechanism: 'xaes-256-gcm-committed',
      ciphertext: vector.bytes('ciphertext'),
    }
    expect(plain(await external.unwrap(wrapped, vector.bytes('context'), 'object'))).toEqual(vector.bytes('key'))
  })
})

test('KXE1 opens from these bytes with what the service answers', async () => {
  const vector = named('kxe1')
  const wrapped = {
    keyId: vector.bytes('keyId'),
    mechanism: vector.text('mechanism'),
    ciphertext: vector.bytes('ciphertext'),
  }
  const opened = await unwrapEnvelope(wrapped, vector.bytes('context'), 'object', (outside) => {
    expect(Buffer.from(outside)).toEqual(vector.bytes('outside'))
    return Promise.resolve(ownCopy(vector.bytes('outsideKey')))
  })
  expect(plain(opened)).toEqual(vector.bytes('key'))
})

test('a whole store opens, from the seal down to an object', async () => {
  const vector = named('store')
  const store = newStore()
  const rows = vector.part('rows')
  const [object] = rows.parts('objects').map((row) => row.row('objects'))
  const keyTables = ['manifest', 'seals', 'integrity_keys', 'ivks', 'tenant_keys', 'service_keys'] as const
  const changes = keyTables.flatMap((table) =>
    // One table's rows at a time, so that each insert is of its own table.
    rows.parts(table).map((row) => ({ table, kind: 'insert', row: row.row(table) }) as Change),
  )
  await store.commit({ section: 'keys', changes, audit: [] })
  await withStaticKey(vector.bytes('fileKey'), async (external) => {
    const root = await unseal(store, external, { production: true })
    expect(Buffer.from(root.verifier)).toEqual(vector.bytes('verifier'))
    const { tenant, system, service } = object!
    const keys = await new KeyChain(store, root, clock).service({ tenant, system, service })
    keys.verifyRow('objects', object!)
    const context = {
      object: object!.object,
      objectVersion: vector.number('objectVersion'),
      objectType: object!.object_type,
      algorithm: object!.algorithm,
      lengthBits: object!.length_bits,
      blobVersion: object!.blob_version,
    }
    expect(plain(keys.openObject(context, object!.key_version, object!.record))).toEqual(vector.bytes('material'))
  })
})

async function withStaticKey(key: Buffer, use: (external: ExternalKey) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'krypton-formats-'))
  try {
    const file = join(directory, 'seal.key')
    writeFileSync(file, key, { mode: 0o400 })
    await use(openStaticKey({ file, dataDirectory: join(directory, 'data') }))
  } finally {
    rmSync(directory, { recursive: true })
  }
}
