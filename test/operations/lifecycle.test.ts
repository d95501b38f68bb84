import { beforeEach, describe, expect, test } from 'vitest'
import { Operation, RevocationReasonCode, State } from '../../src/kmip/enums.ts'
import { attribute, named, newServer, registerOpaque } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

let server: Server
let client: Client
beforeEach(async () => {
  server = await newServer()
  client = server.client
})

const key = Buffer.alloc(16, 3)

describe('Activate', () => {
  test('makes a Pre-Active object Active, from now on', async () => {
    const id = await client.register(key)
    server.clock.seconds += 5
    expect(await client.send(Operation.Activate, { uniqueIdentifier: id })).toEqual({ uniqueIdentifier: id })
    expect(await client.attributes(id, ['State', 'Activation Date', 'Last Change Date'])).toEqual({
      State: [State.Active],
      'Activation Date': [server.clock.seconds],
      'Last Change Date': [server.clock.seconds],
    })
  })

  test('refuses an object that is not Pre-Active, one that its date has activated too', async () => {
    const id = await client.register(key)
    await client.activate(id)
    const dated = await client.register(key, [attribute('activationDate', server.clock.seconds + 1)])
    server.clock.seconds += 1
    for (const uniqueIdentifier of [id, dated]) {
      expect((await client.refusal(Operation.Activate, { uniqueIdentifier })).reason).toBe('Permission Denied')
    }
  })

  test('refuses an Opaque Object, which has no State', async () => {
    const registered = await client.send(Operation.Register, registerOpaque(key))
    expect((await client.refusal(Operation.Activate, registered)).reason).toBe('Illegal Operation')
  })
})

describe('Revoke', () => {
  test('deactivates for any reason but a compromise', async () => {
    const id = await client.register(key)
    await client.activate(id)
    await client.send(Operation.Revoke, {
      uniqueIdentifier: id,
      revocationReason: { revocationReasonCode: RevocationReasonCode.Superseded, revocationMessage: 'old' },
    })
    expect(await client.attributes(id)).toMatchObject({
      State: [State.Deactivated],
      'Deactivation Date': [server.clock.seconds],
      'Revocation Reason': [{ revocationReasonCode: RevocationReasonCode.Superseded, revocationMessage: 'old' }],
    })
    expect((await client.attributes(id))['Compromise Date']).toBeUndefined()
  })

  test('compromises, now and since the date that is given, else since the object was made', async () => {
    const { clock } = server
    const made = clock.seconds
    const [a, b] = [await client.register(key), await client.register(key)]
    clock.seconds += 60
    const revocationReason = { revocationReasonCode: RevocationReasonCode.KeyCompromise }
    await client.send(Operation.Revoke, { uniqueIdentifier: a, revocationReason, compromiseOccurrenceDate: 6 })
    await client.send(Operation.Revoke, { uniqueIdentifier: b, revocationReason })
    const names = ['State', 'Compromise Date', 'Compromise Occurrence Date', 'Deactivation Date']
    const wanted = { State: [State.Compromised], 'Compromise Date': [clock.seconds] }
    expect(await client.attributes(a, names)).toEqual({ ...wanted, 'Compromise Occurrence Date': [6] })
    expect(await client.attributes(b, names)).toEqual({ ...wanted, 'Compromise Occurrence Date': [made] })
  })

  test('is taken in states where it changes little, keeps the first dates, and never takes a compromise back', async () => {
    const { clock } = server
    const id = await client.register(key)
    await client.revoke(id)
    const deactivated = clock.seconds
    clock.seconds += 5
    await client.revoke(id, RevocationReasonCode.Superseded)
    expect(await client.attribute(id, 'Deactivation Date')).toBe(deactivated)
    expect(await client.attribute(id, 'Revocation Reason')).toMatchObject({ revocationReasonCode: 5 })
    await client.revoke(id, RevocationReasonCode.CACompromise)
    const compromised = clock.seconds
    clock.seconds += 5
    await client.revoke(id, RevocationReasonCode.KeyCompromise)
    expect(await client.attribute(id, 'Compromise Date')).toBe(compromised)
    const again = { uniqueIdentifier: id, revocationReason: { revocationReasonCode: 1 } }
    expect((await client.refusal(Operation.Revoke, again)).reason).toBe('Permission Denied')
    await client.destroy(id)
    expect(await client.attribute(id, 'State')).toBe(State.DestroyedCompromised)
  })

  test('marks a destroyed object as compromised', async () => {
    const id = await client.register(key)
    await client.destroy(id)
    await client.revoke(id, RevocationReasonCode.KeyCompromise)
    expect(await client.attribute(id, 'State')).toBe(State.DestroyedCompromised)
  })

  test('revokes an Opaque Object without giving it dates of keys', async () => {
    const { uniqueIdentifier } = await client.send(Operation.Register, registerOpaque(key))
    await client.revoke(uniqueIdentifier)
    expect((await client.attributes(uniqueIdentifier))['Deactivation Date']).toBeUndefined()
    await client.destroy(uniqueIdentifier)
  })

  test('refuses a reason that the specification does not have, and an occurrence date without a compromise', async () => {
    const uniqueIdentifier = await client.register(key)
    const unknown = { uniqueIdentifier, revocationReason: { revocationReasonCode: 99 } }
    expect((await client.refusal(Operation.Revoke, unknown)).reason).toBe('Invalid Field')
    const dated = { uniqueIdentifier, revocationReason: { revocationReasonCode: 1 }, compromiseOccurrenceDate: 5 }
    expect((await client.refusal(Operation.Revoke, dated)).reason).toBe('Invalid Field')
    expect(await client.attribute(uniqueIdentifier, 'State')).toBe(State.PreActive)
  })
})

describe('Destroy', () => {
  test('empties the record, keeps the attributes and frees the Name', async () => {
    const id = await client.register(key, [named('destroyed')])
    await client.destroy(id)
    const [row] = await server.store.find('objects', { tenant: client.principal.tenant })
    expect(row?.record.byteLength).toBe(0)
    expect(await client.attributes(id, ['State', 'Destroy Date', 'Name'])).toEqual({
      State: [State.Destroyed],
      'Destroy Date': [server.clock.seconds],
      Name: [{ nameValue: 'destroyed', nameType: 1 }],
    })
    expect(await client.locate([named('destroyed')])).toEqual([])
    const second = await client.register(key, [named('destroyed')])
    expect(await client.locate([named('destroyed')])).toEqual([second])
  })

  test('refuses an Active object, and one that is destroyed already', async () => {
    const id = await client.register(key)
    await client.activate(id)
    expect((await client.refusal(Operation.Destroy, { uniqueIdentifier: id })).reason).toBe('Permission Denied')
    expect(await client.material(id)).toEqual(key)
    await client.revoke(id)
    await client.destroy(id)
    expect((await client.refusal(Operation.Destroy, { uniqueIdentifier: id })).reason).toBe('Permission Denied')
  })

  test('takes an object that its date has deactivated', async () => {
    const { clock } = server
    const id = await client.register(key, [
      attribute('activationDate', clock.seconds),
      attribute('deactivationDate', clock.seconds + 2),
    ])
    expect((await client.refusal(Operation.Destroy, { uniqueIdentifier: id })).reason).toBe('Permission Denied')
    clock.seconds += 2
    expect(await client.attribute(id, 'State')).toBe(State.Deactivated)
    await client.destroy(id)
  })
})
