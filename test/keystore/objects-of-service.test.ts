import { beforeEach, describe, expect, test } from 'vitest'
import { Keystore } from '../../src/keystore/keystore.ts'
import type { Store } from '../../src/store/store.ts'
import { custom, named, newServer } from '../operations/fixture.ts'
import type { Client, Server } from '../operations/fixture.ts'

let server: Server
let client: Client
let reads: number
beforeEach(async () => {
  reads = 0
  const counted = (store: Store): Store => ({
    versions: store.versions,
    get: (table, key) => {
      if (table === 'objects') reads++
      return store.get(table, key)
    },
    find: (...parameters) => store.find(...parameters),
    scan: (table, after, limit) => store.scan(table, after, limit),
    locate: (query) => store.locate(query),
    indexed: (query) => store.indexed(query),
    audit: (...parameters) => store.audit(...parameters),
    auditHead: (section) => store.auditHead(section),
    commit: (unit) => store.commit(unit),
    close: () => store.close(),
  })
  server = await newServer(counted)
  client = server.client
})

const objectsOf = (of: Client) => of.services.keystore.forPrincipal(of.principal)

describe('the objects of a service', () => {
  test('are read once, and are the same for all its clients, until one of them is changed', async () => {
    const id = await client.register(Buffer.alloc(16))
    reads = 0
    const first = objectsOf(client).get(id)
    expect(objectsOf(client).get(id)).toBe(first)
    expect(objectsOf(server.colleague).get(id)).toBe(first)
    expect(reads).toBe(1)
    await server.colleague.activate(id)
    expect(objectsOf(client).get(id)).not.toBe(first)
    expect(reads).toBe(2)
  })

  test('are read again when another thread has changed them', async () => {
    const id = await client.register(Buffer.alloc(16))
    const before = objectsOf(client).get(id)
    await server.otherThread().activate(id)
    const after = objectsOf(client).get(id)
    expect(after).not.toBe(before)
  })

  test('are out of the reach of other services, though the cache is one', async () => {
    const id = await client.register(Buffer.alloc(16))
    expect(objectsOf(client).get(id)).toBeDefined()
    for (const other of [server.otherService, server.otherSystem, server.otherTenant]) {
      expect(objectsOf(other).get(id)).toBeUndefined()
    }
    expect(objectsOf(client).get(id)).toBeDefined()
  })

  test('are not looked for under a text that is no identifier', () => {
    reads = 0
    for (const text of ['', 'no-such-key', 'x'.repeat(10_000)]) expect(objectsOf(client).get(text)).toBeUndefined()
    expect(reads).toBe(0)
  })

  test('have one accessor each, however many principals ask', () => {
    const { keystore } = server.services
    expect(keystore.forPrincipal(client.principal)).toBe(keystore.forPrincipal(server.colleague.principal))
    expect(keystore.forPrincipal(client.principal)).not.toBe(keystore.forPrincipal(server.otherService.principal))
    expect(keystore).toBeInstanceOf(Keystore)
  })

  test('get places in the order of their making, also when the clock stands still or goes back', () => {
    const objects = objectsOf(client)
    const first = objects.nextSequence()
    server.clock.seconds -= 100
    const places = [first, objects.nextSequence(), objectsOf(server.otherTenant).nextSequence()]
    expect(places).toEqual([first, first + 1, first + 2])
    server.clock.seconds += 200
    expect(objects.nextSequence()).toBe(server.clock.seconds * 1_000_000)
  })
})

describe('what is stored', () => {
  test('holds neither key material nor the text of a Name in its index', async () => {
    const material = Buffer.from('this is the key material, marked')
    const id = await client.register(material, [named('a marked name'), custom('x-marked', 'a marked value')])
    const [row] = await server.store.find('objects', { tenant: client.principal.tenant })
    expect(Buffer.from(row!.record).includes(material)).toBe(false)
    expect(Buffer.from(row!.attributes).includes(material)).toBe(false)
    expect(row!.object.toString('hex')).toBe(id.replaceAll('-', ''))
    expect(row!.row_version).toBe(1)
    await client.activate(id)
    const [changed] = await server.store.find('objects', { tenant: client.principal.tenant })
    expect(changed!.row_version).toBe(2)
    expect(Buffer.from(changed!.record)).toEqual(Buffer.from(row!.record))
  })

  test('opens under no other identifier, type, length or service', async () => {
    const id = await client.register(Buffer.alloc(16, 1))
    const object = await objectsOf(client).get(id)
    expect(object).toBeDefined()
    const foreign = await objectsOf(server.otherService).serviceKeys()
    const context = {
      object: object!.fields.id,
      objectVersion: 1,
      objectType: object!.fields.objectType,
      algorithm: object!.fields.algorithm,
      lengthBits: object!.fields.lengthBits,
      blobVersion: 1,
    }
    const own = await objectsOf(client).serviceKeys()
    own.openObject(context, 1, object!.fields.record).wipe()
    expect(() => foreign.openObject(context, 1, object!.fields.record)).toThrow()
    for (const change of [{ object: Buffer.alloc(16) }, { objectType: 7 }, { lengthBits: 256 }, { algorithm: 2 }]) {
      expect(() => own.openObject({ ...context, ...change }, 1, object!.fields.record)).toThrow()
    }
  })
})
