import { afterAll, beforeAll, expect, test } from 'vitest'
import { BlockCipherMode, CryptographicAlgorithm, Operation } from '../../src/kmip/enums.ts'
import { limits } from '../../src/limits.ts'
import type { Row } from '../../src/store/schema.ts'
import { parseUniqueIdentifier } from '../../src/objects/unique-identifier.ts'
import { attribute, createPayload, newServer } from '../operations/fixture.ts'
import type { Client, Server } from '../operations/fixture.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})
afterAll(() => server.services.cryptoWork.close(0))

const active = attribute('activationDate', 0)
const gcm = { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 }
const data = Buffer.from('data')

async function rowOf(uniqueIdentifier: string): Promise<Row<'nonce_counts'> | undefined> {
  const { tenant, system, service } = client.principal.scope
  const object = parseUniqueIdentifier(uniqueIdentifier)!
  return server.store.get('nonce_counts', { tenant, system, service, object })
}

/** The key as if it had given so many. */
async function setLeased(uniqueIdentifier: string, leased: number): Promise<void> {
  const objects = server.services.keystore.forPrincipal(client.principal)
  const row = { ...(await rowOf(uniqueIdentifier))!, leased }
  const changed = { ...row, row_version: row.row_version + 1 }
  const mac = (await objects.tenantKeys()).macRow('nonce_counts', changed)
  const change = { table: 'nonce_counts', kind: 'update', row: { ...changed, mac } } as const
  await server.store.commit({
    section: 'data',
    changes: [{ ...change, expectedVersion: row.row_version }],
    audit: [],
  })
}

test('nonces that are made here are leased in blocks, by each thread its own; a client’s own are not counted', async () => {
  const id = await client.create([active])
  const own = { uniqueIdentifier: id, cryptographicParameters: gcm, data, ivCounterNonce: Buffer.alloc(12) }
  await client.send(Operation.Encrypt, own)
  await client.send(Operation.Encrypt, { uniqueIdentifier: id, data })
  expect(await rowOf(id)).toBe(undefined)
  const request = { uniqueIdentifier: id, cryptographicParameters: gcm, data }
  const made = await Promise.all(Array.from({ length: 100 }, () => client.send(Operation.Encrypt, request)))
  expect(new Set(made.map(({ ivCounterNonce }) => Buffer.from(ivCounterNonce!).toString('hex'))).size).toBe(100)
  expect((await rowOf(id))!.leased).toBe(limits.nonceLease)
  await server.otherThread().send(Operation.Encrypt, request)
  expect((await rowOf(id))!.leased).toBe(2 * limits.nonceLease)
  await client.send(Operation.Encrypt, request)
  expect((await rowOf(id))!.leased).toBe(2 * limits.nonceLease)
  const { initIndicator, ...part } = { ...request, initIndicator: true }
  const thread = server.otherThread()
  await thread.send(Operation.Encrypt, { ...part, initIndicator })
  expect((await rowOf(id))!.leased).toBe(3 * limits.nonceLease)
  const audited = (await server.store.audit('data', 0, 100_000)).filter(
    ({ operation, object }) => operation === 'Encrypt' && object?.equals(parseUniqueIdentifier(id)!),
  )
  expect(audited.map(({ actor, result, detail }) => [actor, result, detail])).toEqual(
    ['client', 'thread', 'thread'].map((name, i) => [
      `client:${name}`,
      'success',
      `${limits.nonceLease} nonces leased, ${(i + 1) * limits.nonceLease} in all`,
    ]),
  )
})

test('a key gives 2^32 and no more, however many threads ask for the last of them', async () => {
  const id = await client.create([active])
  const request = { uniqueIdentifier: id, cryptographicParameters: gcm, data }
  await client.send(Operation.Encrypt, request)
  const left = 10
  await setLeased(id, limits.noncesPerKeyMax - left)
  const threads = [server.otherThread(), server.otherThread(), server.otherThread()]
  const asked = await Promise.all(
    Array.from({ length: 30 }, (_, i) => threads[i % 3]!.item(Operation.Encrypt, request)),
  )
  const done = asked.filter(({ resultStatus }) => resultStatus === 0).length
  // Only the thread that got the last block has any of it.
  expect(done).toBe(left)
  expect((await rowOf(id))!.leased).toBe(limits.noncesPerKeyMax)
  const refused = await server.otherThread().refusal(Operation.Encrypt, request)
  expect(refused).toMatchObject({ reason: 'Permission Denied' })
  expect(refused.message).toContain('Re-key')
  // The thread that has some of its block left goes on, and what needs no nonce too.
  await client.send(Operation.Encrypt, request)
  await server.otherThread().send(Operation.Encrypt, { uniqueIdentifier: id, data })
})

test('a count that was changed in the store is refused', async () => {
  const id = await client.create([active])
  const request = { uniqueIdentifier: id, cryptographicParameters: gcm, data }
  await client.send(Operation.Encrypt, request)
  const row = (await rowOf(id))!
  const change = { table: 'nonce_counts', kind: 'update', expectedVersion: row.row_version } as const
  const rolledBack = { ...row, leased: 0, row_version: row.row_version + 1 }
  await server.store.commit({ section: 'data', changes: [{ ...change, row: rolledBack }], audit: [] })
  const refused = await server.otherThread().item(Operation.Encrypt, request)
  expect(refused.resultStatus).toBe(1)
  expect(server.faults.splice(0)).toMatchObject([{ code: 'row-mac-mismatch' }])
})

test('clients bring no nonces where the operator does not let them', async () => {
  const strict = await newServer(undefined, { clientNonces: false })
  const { AES, ChaCha20Poly1305 } = CryptographicAlgorithm
  try {
    for (const [algorithm, blockCipherMode, bytes, allowed] of [
      [AES, BlockCipherMode.GCM, 12, false],
      [AES, BlockCipherMode.CTR, 16, false],
      [AES, BlockCipherMode.CCM, 12, false],
      [ChaCha20Poly1305, undefined, 12, false],
      [AES, BlockCipherMode.CBC, 16, true],
    ] as const) {
      const { uniqueIdentifier } = await strict.client.send(Operation.Create, createPayload([active], { algorithm }))
      const cryptographicParameters = { blockCipherMode, paddingMethod: 3 }
      const request = { uniqueIdentifier, cryptographicParameters, data }
      const { ivCounterNonce } = await strict.client.send(Operation.Encrypt, request)
      expect(ivCounterNonce!.byteLength).toBe(bytes)
      const own = { ...request, ivCounterNonce }
      for (const parts of [{}, { initIndicator: true }]) {
        const { resultStatus } = await strict.client.item(Operation.Encrypt, { ...own, ...parts })
        expect(resultStatus === 0, `${blockCipherMode}`).toBe(allowed)
      }
    }
  } finally {
    await strict.services.cryptoWork.close(0)
  }
})

test('keys of two services that have one identifier are counted apart', async () => {
  const id = await client.create([active])
  const request = { uniqueIdentifier: id, cryptographicParameters: gcm, data }
  await client.send(Operation.Encrypt, request)
  const { objectType: _, ...whole } = await client.send(Operation.Export, { uniqueIdentifier: id })
  await server.otherService.send(Operation.Import, whole)
  await server.otherService.send(Operation.Encrypt, request)
  const { tenant, system, service } = server.otherService.principal.scope
  const row = await server.store.get('nonce_counts', { tenant, system, service, object: parseUniqueIdentifier(id)! })
  expect(row?.leased).toBe(limits.nonceLease)
})
