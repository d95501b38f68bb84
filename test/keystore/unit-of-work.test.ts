import { beforeEach, describe, expect, test } from 'vitest'
import { auditEvent } from '../../src/audit/audit-event.ts'
import { randomIdentifier } from '../../src/crypto/random.ts'
import { isKryptonError } from '../../src/errors.ts'
import { KeyState } from '../../src/hierarchy/key-state.ts'
import { bytesCopiedOnce } from '../../src/keystore/copied-once.ts'
import { UnitOfWork } from '../../src/keystore/unit-of-work.ts'
import { State } from '../../src/kmip/enums.ts'
import { ManagedObject } from '../../src/objects/managed-object.ts'
import { named, newServer } from '../operations/fixture.ts'
import type { Client, Server } from '../operations/fixture.ts'

let server: Server
let client: Client
let id: string
beforeEach(async () => {
  server = await newServer()
  client = server.client
  id = await client.register(Buffer.alloc(16, 6), [named('unit')])
})

function newUnit(of: Client = client): UnitOfWork {
  const { keystore, clock } = of.services
  const { tenant, actor } = of.principal
  return new UnitOfWork(keystore.forPrincipal(of.principal), (object) =>
    auditEvent({ clock, tenant, actor, operation: 'Test', object, result: 'success' }),
  )
}

function commented(object: ManagedObject, comment: string): ManagedObject {
  const attributes = object.attributes.clone()
  attributes.set('comment', comment)
  return object.with({}, attributes)
}

const commentOf = async (unit: UnitOfWork) => (await unit.get(id)).attributes.first('comment')

describe('a unit of work', () => {
  test('reads its own changes, which nobody else sees before they are committed', async () => {
    const unit = newUnit()
    const before = await unit.get(id)
    unit.update(before, commented(before, 'mine'))
    expect(await commentOf(unit)).toBe('mine')
    expect(await commentOf(newUnit())).toBeUndefined()
    await unit.commit()
    expect(await commentOf(newUnit())).toBe('mine')
  })

  test('writes nothing when nothing was changed, or all of it was taken back', async () => {
    const unit = newUnit()
    const before = await unit.get(id)
    expect(unit.commit()).toBeUndefined()
    unit.update(before, commented(before, 'mine'))
    unit.drop()
    expect(unit.commit()).toBeUndefined()
    expect(await commentOf(unit)).toBeUndefined()
  })

  test('goes back to a mark, step by step, and keeps what was before', async () => {
    const unit = newUnit()
    const before = await unit.get(id)
    const first = unit.update(before, commented(before, 'one'))
    const mark = unit.mark()
    unit.update(unit.update(first, commented(first, 'two')), commented(first, 'three'))
    unit.rollback(mark)
    expect(await commentOf(unit)).toBe('one')
    await unit.commit()
    const rows = await server.store.audit('data', 0, 100)
    expect(rows.filter(({ operation }) => operation === 'Test')).toHaveLength(1)
  })

  test('writes an object once however often it was changed, with an audit row for each change', async () => {
    const unit = newUnit()
    let object = await unit.get(id)
    for (const comment of ['a', 'b', 'c']) object = unit.update(object, commented(object, comment))
    await unit.commit()
    const [row] = await server.store.find('objects', { tenant: client.principal.tenant })
    expect(row!.row_version).toBe(2)
    expect((await server.store.audit('data', 0, 100)).filter(({ operation }) => operation === 'Test')).toHaveLength(3)
  })

  test('is refused when another was faster, and changes nothing then', async () => {
    const [slow, fast] = [newUnit(), newUnit(server.otherThread())]
    const [a, b] = [await slow.get(id), await fast.get(id)]
    slow.update(a, commented(a, 'slow'))
    fast.update(b, commented(b, 'fast'))
    await fast.commit()
    const error: unknown = await slow.commit()!.catch((refusal: unknown) => refusal)
    expect(isKryptonError(error, 'store-conflict')).toBe(true)
    expect(await commentOf(newUnit())).toBe('fast')
  })

  test('is refused when a version of the Service Key is not active any more that something in it was sealed under', async () => {
    const unit = newUnit()
    const { fields, encodedAttributes } = await unit.get(id)
    const draft = new ManagedObject({ ...fields, id: randomIdentifier(), rowVersion: 0 }, encodedAttributes)
    await unit.create(draft, Buffer.alloc(16, 9))
    const { scope } = unit.objects
    const keys = await unit.objects.tenantKeys()
    const [old] = await server.store.find('service_keys', { ...scope })
    const { mac: _, ...row } = { ...old!, state: KeyState.Grace, row_version: old!.row_version + 1 }
    const change = {
      table: 'service_keys',
      kind: 'update',
      row: { ...row, mac: keys.macRow('service_keys', row) },
      expectedVersion: old!.row_version,
    } as const
    await server.store.commit({ section: 'keys', changes: [change], audit: [] })
    await expect(unit.commit()).rejects.toSatisfy((error) => isKryptonError(error, 'store-conflict'))
    expect(await server.store.get('objects', { ...scope, object: draft.fields.id })).toBeUndefined()
    // What was sealed before goes on: its record is not new.
    const other = newUnit()
    const before = await other.get(id)
    other.update(before, commented(before, 'still'))
    await other.commit()
    expect(await commentOf(newUnit())).toBe('still')
  })

  test('computes from the version that it read, though a newer one has been cached since', async () => {
    const unit = newUnit()
    const read = await unit.get(id)
    await client.activate(id)
    await client.attributes(id)
    unit.update(read, commented(read, 'lost update'))
    await expect(unit.commit()).rejects.toThrow(expect.objectContaining({ code: 'store-conflict' }))
    expect(await client.attribute(id, 'State')).toBe(State.Active)
  })

  test('knows which Names are taken, by others and by itself', async () => {
    const unit = newUnit()
    expect(await unit.isNameTaken('unit')).toBe(true)
    expect(await unit.isNameTaken('unit', id)).toBe(false)
    expect(await unit.isNameTaken('free')).toBe(false)
    expect(await newUnit(server.otherService).isNameTaken('unit')).toBe(false)
    const before = await unit.get(id)
    const attributes = before.attributes.clone()
    attributes.set('name', { nameValue: 'renamed', nameType: 1 })
    unit.update(before, before.with({}, attributes))
    expect([await unit.isNameTaken('unit'), await unit.isNameTaken('renamed')]).toEqual([false, true])
  })

  test('moves the index with the values, and not otherwise', async () => {
    const rename = async (name: string | undefined, comment: string) => {
      const unit = newUnit()
      const before = await unit.get(id)
      const attributes = before.attributes.clone()
      attributes.set('comment', comment)
      if (name === undefined) attributes.remove('name')
      else attributes.set('name', { nameValue: name, nameType: 1 })
      unit.update(before, before.with({}, attributes))
      await unit.commit()
    }
    const found = async (name: string) => (await client.locate([named(name)])).length
    await rename('unit', 'same value, another object')
    expect(await found('unit')).toBe(1)
    await rename('other', 'x')
    expect([await found('unit'), await found('other')]).toEqual([0, 1])
    await rename(undefined, 'y')
    expect(await found('other')).toBe(0)
  })

  test('wipes the keys of answers that are not given', async () => {
    const unit = newUnit()
    const kept = await unit.openForAnswer(await unit.get(id))
    const mark = unit.mark()
    const dropped = await unit.openForAnswer(await unit.get(id))
    const bytes = Buffer.from('plaintext')
    unit.answerWith(bytesCopiedOnce(bytes))
    unit.rollback(mark)
    expect(() => dropped.copyInto(Buffer.alloc(16), 0)).toThrow(/wiped/)
    expect(bytes.every((byte) => byte === 0)).toBe(true)
    const target = Buffer.alloc(18)
    kept.copyInto(target, 2)
    expect(target.subarray(2)).toEqual(Buffer.alloc(16, 6))
    expect(() => kept.copyInto(target, 0)).toThrow(/wiped/)
  })
})
