import { beforeAll, describe, expect, test } from 'vitest'
import {
  CryptographicAlgorithm,
  LinkType,
  Operation,
  RevocationReasonCode,
  State,
  UsageLimitsUnit,
} from '../../src/kmip/enums.ts'
import { attribute, custom, item, named, newServer, refusalOf, registerKey, registerSecret } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})

const reKey = async (uniqueIdentifier: string, more: object = {}) =>
  (await client.send(Operation.ReKey, { uniqueIdentifier, ...more })).uniqueIdentifier
const refusal = async (uniqueIdentifier: string, more: object = {}) =>
  (await client.refusal(Operation.ReKey, { uniqueIdentifier, ...more })).reason
const materialOf = async (uniqueIdentifier: string) => {
  const { symmetricKey } = await client.send(Operation.Get, { uniqueIdentifier })
  const { keyMaterial } = symmetricKey!.keyBlock.keyValue as { keyMaterial: Uint8Array }
  return Buffer.from(keyMaterial).toString('hex')
}

describe('Re-key', () => {
  test('makes a key that takes over names and attributes, with links both ways, and leaves the old one as it was', async () => {
    const { seconds } = server.clock
    const old = await client.create([
      named('one'),
      named('two'),
      custom('x-kept', 'kept'),
      attribute('activationDate', seconds - 10),
      attribute('usageLimits', { usageLimitsTotal: 2n, usageLimitsUnit: UsageLimitsUnit.Object }),
    ])
    await client.send(Operation.GetUsageAllocation, { uniqueIdentifier: old, usageLimitsCount: 1n })
    const made = await reKey(old)
    const [before, after] = [await client.attributes(old), await client.attributes(made)]
    expect(before['Name']).toBeUndefined()
    expect(before).toMatchObject({
      State: [State.Active],
      'Usage Limits': [{ usageLimitsCount: 1n }],
      Link: [{ linkType: LinkType.ReplacementObjectLink, linkedObjectIdentifier: made }],
    })
    expect(after).toMatchObject({
      Name: [{ nameValue: 'one' }, { nameValue: 'two' }],
      'x-kept': [{ value: 'kept' }],
      State: [State.Active],
      'Activation Date': [seconds - 10],
      'Cryptographic Algorithm': before['Cryptographic Algorithm'],
      'Cryptographic Length': before['Cryptographic Length'],
      'Cryptographic Usage Mask': before['Cryptographic Usage Mask'],
      'Usage Limits': [{ usageLimitsTotal: 2n, usageLimitsCount: 2n }],
      'Initial Date': [seconds],
      Link: [{ linkType: LinkType.ReplacedObjectLink, linkedObjectIdentifier: old }],
      Fresh: [true],
    })
    expect(after['Digest']).not.toEqual(before['Digest'])
    expect(await materialOf(made)).not.toBe(await materialOf(old))
    expect(await client.locate([named('one')])).toEqual([made])
  })

  test('puts Names of the request after those of the old key, which keep their index', async () => {
    const old = await client.create([named('first'), named('second')])
    const made = await reKey(old, { templateAttribute: { names: [], attributes: [named('third')] } })
    expect((await client.attributes(made))['Name']).toMatchObject([
      { nameValue: 'first' },
      { nameValue: 'second' },
      { nameValue: 'third' },
    ])
  })

  test('sets the ID Placeholder to the new key, and takes it from it', async () => {
    const answers = await client.batch([
      item(Operation.Locate, { attributes: [named('one')] }),
      item(Operation.ReKey, {}),
      item(Operation.GetAttributes, { attributeNames: ['Unique Identifier'] }),
    ])
    const { uniqueIdentifier } = answers[1]!.responsePayload as { uniqueIdentifier: string }
    expect(answers[2]!.responsePayload).toMatchObject({ uniqueIdentifier })
  })

  test('counts the new dates from the offset (Table 172)', async () => {
    const { seconds } = server.clock
    const old = await client.create([
      attribute('activationDate', seconds - 100),
      attribute('processStartDate', seconds - 90),
      attribute('protectStopDate', seconds + 500),
      attribute('deactivationDate', seconds + 1000),
    ])
    expect(await client.attributes(await reKey(old, { offset: 50 }))).toMatchObject({
      'Activation Date': [seconds + 50],
      'Process Start Date': [seconds + 60],
      'Protect Stop Date': [seconds + 650],
      'Deactivation Date': [seconds + 1150],
      State: [State.PreActive],
    })
    const never = Number.MAX_SAFE_INTEGER
    const endless = await client.create([
      attribute('activationDate', seconds - 100),
      attribute('deactivationDate', never),
    ])
    const moved = await client.attributes(await reKey(endless, { offset: 50 }))
    expect(moved['Deactivation Date']).toEqual([never])
    const unbegun = await client.create([attribute('activationDate', never), attribute('deactivationDate', never)])
    expect(await refusal(unbegun, { offset: 5 })).toBe('Illegal Operation')
    const early = await client.create([
      attribute('activationDate', -never + 2),
      attribute('deactivationDate', seconds + 1000),
    ])
    expect(await refusal(early, { offset: 5 })).toBe('Invalid Field')
    const undated = await client.create([attribute('deactivationDate', seconds + 1000)])
    expect(await refusal(undated, { offset: 5 })).toBe('Illegal Operation')
    for (const name of ['activationDate', 'processStartDate', 'protectStopDate', 'deactivationDate'] as const) {
      const dated = { names: [], attributes: [attribute(name, seconds + 500)] }
      expect(await refusal(undated, { offset: 5, templateAttribute: dated })).toBe('Invalid Message')
    }
  })

  test('takes a compromised key, and makes one that is not', async () => {
    const old = await client.create([attribute('activationDate', 0)])
    await client.send(Operation.Revoke, {
      uniqueIdentifier: old,
      revocationReason: { revocationReasonCode: RevocationReasonCode.KeyCompromise },
      compromiseOccurrenceDate: server.clock.seconds,
    })
    const after = await client.attributes(await reKey(old))
    expect(after['State']).toEqual([State.Active])
    for (const name of ['Compromise Date', 'Compromise Occurrence Date', 'Revocation Reason']) {
      expect(after[name]).toBeUndefined()
    }
  })

  test('refuses what has no like, what is gone, and what was replaced', async () => {
    const once = await client.create()
    await reKey(once)
    const destroyed = await client.create()
    await client.destroy(destroyed)
    const secret = await client.send(Operation.Register, registerSecret(Buffer.from('secret')))
    for (const id of [once, destroyed, secret.uniqueIdentifier]) expect(await refusal(id)).toBe('Permission Denied')
    expect(await refusal('00000000-0000-0000-0000-000000000000')).toBe('Item Not Found')
    const other = { names: [], attributes: [attribute('cryptographicAlgorithm', CryptographicAlgorithm.TripleDES)] }
    const fresh = await client.create([named('still mine')])
    expect(await refusal(fresh, { templateAttribute: other })).toBe('Invalid Field')
    expect(await client.locate([named('still mine')])).toEqual([fresh])
    const answer = await server.otherService.item(Operation.ReKey, { uniqueIdentifier: fresh })
    expect(refusalOf(answer).reason).toBe('Item Not Found')
  })

  test('refuses a key that was registered without its Key Value', async () => {
    const payload = registerKey(Buffer.alloc(32), [
      attribute('keyValueLocation', { keyValueLocationValue: 'hsm', keyValueLocationType: 1 }),
    ])
    const { keyValue: _, ...keyBlock } = payload.symmetricKey!.keyBlock
    const { uniqueIdentifier } = await client.send(Operation.Register, { ...payload, symmetricKey: { keyBlock } })
    expect(await refusal(uniqueIdentifier)).toBe('Key Value Not Present')
  })
})

describe('Get Usage Allocation', () => {
  const limited = (total: bigint, more = [attribute('activationDate', 0)]) =>
    client.create([
      attribute('usageLimits', { usageLimitsTotal: total, usageLimitsUnit: UsageLimitsUnit.Byte }),
      ...more,
    ])
  const allocate = (uniqueIdentifier: string, usageLimitsCount: bigint) =>
    client.item(Operation.GetUsageAllocation, { uniqueIdentifier, usageLimitsCount })

  test('takes what is asked for, never more than there is, and counts with what is used here', async () => {
    const id = await limited(100n)
    expect(await client.send(Operation.GetUsageAllocation, { uniqueIdentifier: id, usageLimitsCount: 60n })).toEqual({
      uniqueIdentifier: id,
    })
    expect(refusalOf(await allocate(id, 41n)).reason).toBe('Permission Denied')
    await client.send(Operation.Encrypt, { uniqueIdentifier: id, data: Buffer.alloc(30) })
    expect(refusalOf(await allocate(id, 11n)).reason).toBe('Permission Denied')
    await client.send(Operation.GetUsageAllocation, { uniqueIdentifier: id, usageLimitsCount: 10n })
    expect(refusalOf(await allocate(id, 1n)).reason).toBe('Permission Denied')
    const left = { usageLimitsTotal: 100n, usageLimitsCount: 0n }
    expect(await client.attributes(id, ['Usage Limits'])).toMatchObject({ 'Usage Limits': [left] })
  })

  test('gives no more than there is to many who ask at once', async () => {
    const id = await limited(50n)
    const threads = [client, server.colleague, server.otherThread()]
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        threads[n % 3]!.item(Operation.GetUsageAllocation, { uniqueIdentifier: id, usageLimitsCount: 1n }),
      ),
    )
    expect(answers.filter(({ resultStatus }) => resultStatus === 0)).toHaveLength(50)
  })

  test('refuses an object without limits, one that protects nothing now, and a count that is none', async () => {
    const { seconds } = server.clock
    const free = await client.create([attribute('activationDate', 0)])
    expect(refusalOf(await allocate(free, 1n)).reason).toBe('Illegal Operation')
    const preActive = await limited(5n, [])
    const stopped = await limited(5n, [attribute('activationDate', 0), attribute('protectStopDate', seconds - 1)])
    for (const id of [preActive, stopped]) expect(refusalOf(await allocate(id, 1n)).reason).toBe('Illegal Operation')
    expect(refusalOf(await allocate(await limited(5n), -1n)).reason).toBe('Invalid Field')
    expect(refusalOf(await allocate('00000000-0000-0000-0000-000000000000', 1n)).reason).toBe('Item Not Found')
    const without = { uniqueIdentifier: free } as never
    expect((await client.refusal(Operation.GetUsageAllocation, without)).reason).toBe('Invalid Message')
  })
})
