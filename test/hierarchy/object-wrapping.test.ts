import { readFileSync } from 'node:fs'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { ReceivingKey, sealTo } from '../../src/crypto/hpke.ts'
import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import { bytesOfSecret, type Secret, secretFromBytes } from '../../src/crypto/secret.ts'
import { changeKey } from '../../src/hierarchy/key-change.ts'
import { associatedData, Direction, info, ObjectWrapping } from '../../src/hierarchy/object-wrapping.ts'
import { rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { limits } from '../../src/limits.ts'
import { Suite } from '../../src/crypto/aead.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from './fixture.ts'
import { RotationBench } from './rotation-fixture.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let core: ObjectWrapping
let node: ReceivingKey
beforeEach(async () => {
  made = await newHierarchy(externalKey)
  core = new ObjectWrapping(made.chain)
  node = new ReceivingKey()
})

const context = {
  object: randomIdentifier(),
  objectVersion: 1,
  objectType: 2,
  algorithm: 3,
  lengthBits: 256,
  blobVersion: 1,
}
const bound = (direction: Direction, scope = made.scopes.own, of = context) =>
  associatedData(direction, made.chain.cluster, scope, of)
const sealed = (material: Buffer | Secret, data = bound(Direction.ToCore)) =>
  sealTo(core.publicKey, info, data, material)

describe('the core', () => {
  test('wraps what a node sealed to it and unwraps it for that node alone; the record is the one of its own objects', async () => {
    const material = randomBytes(32)
    const secret = secretFromBytes(material, 'object')
    for (const sent of [material, secret]) {
      const wrapped = await core.wrap(made.scopes.own, context, sealed(sent))
      expect(wrapped.keyVersion).toBe(1)
      const keys = await made.chain.service(made.scopes.own)
      expect(bytesOfSecret(keys.openObject(context, wrapped.keyVersion, wrapped.record))).toEqual(material)
      const payload = await core.unwrap(made.scopes.own, context, wrapped, node.publicKey)
      expect(payload.includes(material)).toBe(false)
      expect(bytesOfSecret(node.open(info, bound(Direction.ToNode), payload))).toEqual(material)
      expect(() => new ReceivingKey().open(info, bound(Direction.ToNode), payload)).toThrow(
        expect.objectContaining({ code: 'record-does-not-open' }),
      )
      // Each answer is sealed anew.
      expect(await core.unwrap(made.scopes.own, context, wrapped, node.publicKey)).not.toEqual(payload)
    }
  })

  test('takes a payload for its object, service, tenant and direction alone, and one that nobody has changed', async () => {
    const material = randomBytes(32)
    const { own, sibling, otherTenant } = made.scopes
    const good = sealed(material)
    const elsewhere = { ...context, object: randomIdentifier() }
    for (const other of [
      bound(Direction.ToNode),
      bound(Direction.ToCore, sibling),
      bound(Direction.ToCore, otherTenant),
      bound(Direction.ToCore, own, elsewhere),
      bound(Direction.ToCore, own, { ...context, blobVersion: 2 }),
      bound(Direction.ToCore, own, { ...context, algorithm: 4 }),
    ])
      await expect(core.wrap(own, context, sealed(material, other))).rejects.toMatchObject({
        code: 'record-does-not-open',
      })
    for (const at of [0, 31, 32, good.byteLength - 1]) {
      const changed = Buffer.from(good)
      changed[at]! ^= 1
      await expect(core.wrap(own, context, changed), `byte ${at}`).rejects.toMatchObject({
        code: 'record-does-not-open',
      })
    }
    const restarted = new ObjectWrapping(made.chain)
    await expect(restarted.wrap(own, context, good)).rejects.toMatchObject({ code: 'record-does-not-open' })
    const wrapped = await core.wrap(own, context, good)
    await expect(core.unwrap(sibling, context, wrapped, node.publicKey)).rejects.toMatchObject({
      code: 'record-invalid',
    })
    await expect(core.unwrap(own, elsewhere, wrapped, node.publicKey)).rejects.toMatchObject({
      code: 'record-does-not-open',
    })
  })

  test('says what is wrong with a payload or a key that is none', async () => {
    const { own } = made.scopes
    const wrapped = await core.wrap(own, context, sealed(randomBytes(32)))
    const invalid = { code: 'invalid-field' }
    for (const payload of [
      Buffer.alloc(0),
      Buffer.alloc(47),
      Buffer.alloc(48),
      Buffer.alloc(limits.materialBytesMax + 49),
    ])
      await expect(core.wrap(own, context, payload), `${payload.byteLength} bytes`).rejects.toMatchObject(invalid)
    // A point of small order gives everybody the same secret.
    for (const key of [Buffer.alloc(31), Buffer.alloc(33), Buffer.alloc(32)])
      await expect(core.unwrap(own, context, wrapped, key)).rejects.toMatchObject(invalid)
  })

  test('keeps to the life of the keys above: what is halted wraps nothing, what is rotated opens, what is compromised does not', async () => {
    const { own } = made.scopes
    const material = randomBytes(32)
    const wrapped = await core.wrap(own, context, sealed(material))
    const bench = new RotationBench(made)
    const address = { table: 'service_keys', ...own } as const
    const run = (reason: 'command' | 'compromise', from: number) =>
      bench.run(rotationJob(address, { from, reason, actor: 'system', subject: 'x' }))
    await run('command', 1)
    expect((await core.wrap(own, context, sealed(material))).keyVersion).toBe(2)
    const payload = await core.unwrap(own, context, wrapped, node.publicKey)
    expect(bytesOfSecret(node.open(info, bound(Direction.ToNode), payload))).toEqual(material)
    const second = await core.wrap(own, context, sealed(material))
    await run('compromise', 2)
    const halted = { code: 'wrong-key-lifecycle-state' }
    await expect(core.unwrap(own, context, second, node.publicKey)).rejects.toMatchObject(halted)
    const work = {
      ...bench.work,
      users: { refresh: async () => made.chain.refresh(), takeRoot: async () => undefined },
    }
    await changeKey(work, Suite.Xaes256Gcm, address, { act: 'suspend', actor: 'system' })
    await expect(core.wrap(own, context, sealed(material))).rejects.toMatchObject(halted)
  })
})

test('a payload between a node and the core has these bytes', () => {
  const page = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8')
  const json = /```json\n(\{\s+"vector": "core-payload".*?)```/s.exec(page)![1]!
  const vector = JSON.parse(json) as Record<string, string & number>
  const bytes = (name: string): Buffer => Buffer.from(vector[name]!, 'hex')
  const scope = { tenant: bytes('tenant'), system: bytes('system'), service: bytes('service') }
  const { objectVersion, objectType, algorithm, lengthBits, blobVersion, direction } = vector as never
  const of = { object: bytes('object'), objectVersion, objectType, algorithm, lengthBits, blobVersion }
  const data = associatedData(direction, bytes('cluster'), scope, of)
  expect(data).toEqual(bytes('associatedData'))
  expect(Buffer.from(info)).toEqual(bytes('info'))
  const payload = sealTo(bytes('publicKey'), info, data, bytes('material'), bytes('ephemeral'))
  expect(payload).toEqual(bytes('payload'))
  const own = new ReceivingKey(bytes('privateKey'))
  expect(own.publicKey).toEqual(bytes('publicKey'))
  expect(bytesOfSecret(own.open(info, data, payload))).toEqual(bytes('material'))
})
