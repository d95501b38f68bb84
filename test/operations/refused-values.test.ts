import { beforeEach, describe, expect, test } from 'vitest'
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  KeyFormatType,
  ObjectType,
  Operation,
  PaddingMethod,
  RevocationReasonCode,
  State,
  UsageLimitsUnit,
} from '../../src/kmip/enums.ts'
import { attributeNames, attributeTable } from '../../src/kmip/attribute.ts'
import type { Kind, Struct } from '../../src/kmip/struct.ts'
import { ItemType } from '../../src/ttlv/item-type.ts'
import { attribute, createPayload, named, newServer, registerKey, registerOpaque, registerSecret } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

let server: Server
let client: Client
beforeEach(async () => {
  server = await newServer()
  client = server.client
})

const key = Buffer.alloc(16, 5)
const invalid = (message: RegExp) => ({ reason: 'Invalid Field', message: expect.stringMatching(message) })

describe('Register refuses a Cryptographic Length', () => {
  const lengths = [-8, -1, -(2 ** 31), 1, 7, 2 ** 31 - 1]

  test.each(lengths)('of %i, in the Key Block and among the attributes, of a secret', async (length) => {
    const payload = registerSecret(key)
    const keyBlock = { ...payload.secretData!.keyBlock, cryptographicLength: length, cryptographicAlgorithm: 3 }
    const inBlock = { ...payload, secretData: { ...payload.secretData!, keyBlock } }
    const asAttribute = registerSecret(key, [attribute('cryptographicLength', length)])
    for (const request of [inBlock, asAttribute]) {
      expect(await client.refusal(Operation.Register, request)).toEqual(invalid(/Cryptographic Length/))
    }
    expect(server.faults).toEqual([])
  })

  const { AES, TripleDES, HMACSHA256, RC4 } = CryptographicAlgorithm
  test.each([
    ...lengths.flatMap((length) => [AES, TripleDES, HMACSHA256, RC4].map((algorithm) => [algorithm, length])),
    [AES, 129],
    [AES, 64],
    [TripleDES, 136],
  ])('of a key of algorithm %i and %i bits, with its material and without', async (algorithm, length) => {
    const payload = registerKey(Buffer.alloc(algorithm === TripleDES ? 24 : 16))
    const keyBlock = {
      ...payload.symmetricKey!.keyBlock,
      cryptographicAlgorithm: algorithm,
      cryptographicLength: length,
    }
    for (const keyValue of [keyBlock.keyValue, undefined]) {
      const request = { ...payload, symmetricKey: { keyBlock: { ...keyBlock, keyValue } } }
      expect((await client.refusal(Operation.Register, request)).reason).toBe('Invalid Field')
    }
    expect(server.faults).toEqual([])
  })

  test('and takes those that the algorithm has', async () => {
    for (const [algorithm, length] of [
      [AES, 128],
      [AES, 512],
      [TripleDES, 168],
      [TripleDES, 192],
      [HMACSHA256, 256],
      [RC4, 40],
    ]) {
      const payload = registerKey(key)
      const keyBlock = {
        keyFormatType: KeyFormatType.Raw,
        cryptographicAlgorithm: algorithm,
        cryptographicLength: length,
      }
      await client.send(Operation.Register, { ...payload, symmetricKey: { keyBlock } })
    }
    const secret = registerSecret(key, [attribute('cryptographicLength', 128)])
    const { uniqueIdentifier } = await client.send(Operation.Register, secret)
    expect(await client.attribute(uniqueIdentifier, 'Cryptographic Length')).toBe(128)
  })
})

describe('Encrypt and Decrypt refuse what their mode has no use for', () => {
  const iv = Buffer.alloc(16, 1)
  const additional = { authenticatedEncryptionAdditionalData: Buffer.from('context') }
  const modes = ['CBC', 'ECB', 'CTR'] as const
  const parametersOf = (mode: (typeof modes)[number]) => ({
    cryptographicParameters: { blockCipherMode: BlockCipherMode[mode], paddingMethod: PaddingMethod.PKCS5 },
    ivCounterNonce: mode === 'ECB' ? undefined : iv,
  })
  let request: { uniqueIdentifier: string; data: Buffer }
  beforeEach(async () => {
    request = { uniqueIdentifier: await client.register(key, [attribute('activationDate', 0)]), data: key }
  })

  test.each(modes)('additional data and a tag with %s', async (mode) => {
    const parameters = parametersOf(mode)
    const { data } = await client.send(Operation.Encrypt, { ...request, ...parameters })
    const withData = { ...request, ...parameters, ...additional }
    expect(await client.refusal(Operation.Encrypt, withData)).toEqual(
      invalid(/Leave out .*Additional Data, or use GCM or CCM/),
    )
    expect(await client.refusal(Operation.Decrypt, { ...withData, data })).toEqual(
      invalid(/Leave out .*Additional Data, or use GCM or CCM/),
    )
    const withTag = { ...request, ...parameters, data, authenticatedEncryptionTag: iv }
    expect(await client.refusal(Operation.Decrypt, withTag)).toEqual(invalid(/Leave out .*Tag, or use GCM or CCM/))
  })

  test('an IV with ECB', async () => {
    const withIv = { ...request, ...parametersOf('ECB'), ivCounterNonce: iv }
    for (const operation of [Operation.Encrypt, Operation.Decrypt]) {
      expect(await client.refusal(operation, withIv)).toEqual(invalid(/Leave out IV/))
    }
  })
})

describe('values that mean nothing are refused', () => {
  const negative = attribute('usageLimits', { usageLimitsTotal: -1n, usageLimitsUnit: UsageLimitsUnit.Byte })

  test('negative Usage Limits', async () => {
    expect(await client.refusal(Operation.Create, createPayload([negative]))).toEqual(invalid(/Usage Limits Total/))
    const uniqueIdentifier = await client.create()
    const added = { uniqueIdentifier, attribute: negative }
    expect(await client.refusal(Operation.AddAttribute, added)).toEqual(invalid(/Usage Limits Total/))
    const good = attribute('usageLimits', { usageLimitsTotal: 0n, usageLimitsUnit: UsageLimitsUnit.Byte })
    await client.send(Operation.AddAttribute, { uniqueIdentifier, attribute: good })
    expect(await client.refusal(Operation.ModifyAttribute, added)).toEqual(invalid(/Usage Limits Total/))
  })

  test('a Compromise Occurrence Date that is yet to come', async () => {
    const uniqueIdentifier = await client.register(key)
    const revocationReason = { revocationReasonCode: RevocationReasonCode.KeyCompromise }
    const request = { uniqueIdentifier, revocationReason, compromiseOccurrenceDate: server.clock.seconds + 1 }
    expect(await client.refusal(Operation.Revoke, request)).toEqual(invalid(/Compromise Occurrence Date/))
    expect(await client.attribute(uniqueIdentifier, 'State')).toBe(State.PreActive)
    await client.send(Operation.Revoke, { ...request, compromiseOccurrenceDate: server.clock.seconds })
  })

  test('a Transparent Symmetric Key whose material is a Byte String', async () => {
    const payload = registerKey(key)
    const keyBlock = { ...payload.symmetricKey!.keyBlock, keyFormatType: KeyFormatType.TransparentSymmetricKey }
    const refusal = await client.refusal(Operation.Register, { ...payload, symmetricKey: { keyBlock } })
    expect(refusal).toEqual({ reason: 'Invalid Message', message: expect.stringMatching(/as a Structure/) })
  })

  test('to activate what its Deactivation Date would deactivate at once', async () => {
    const { clock } = server
    const uniqueIdentifier = await client.register(key, [attribute('deactivationDate', clock.seconds + 5)])
    clock.seconds += 5
    expect(await client.refusal(Operation.Activate, { uniqueIdentifier })).toEqual({
      reason: 'Permission Denied',
      message: expect.stringMatching(/Deactivation Date/),
    })
    expect(await client.attribute(uniqueIdentifier, 'State')).toBe(State.PreActive)
    const later = attribute('deactivationDate', clock.seconds + 1)
    await client.send(Operation.ModifyAttribute, { uniqueIdentifier, attribute: later })
    await client.activate(uniqueIdentifier)
    expect(await client.attribute(uniqueIdentifier, 'State')).toBe(State.Active)
  })

  test('an Original Creation Date of a key that is made here; of a registered one it is the client’s', async () => {
    const date = attribute('originalCreationDate', 6)
    expect(await client.refusal(Operation.Create, createPayload([date]))).toEqual(invalid(/Original Creation Date/))
    expect(await client.attribute(await client.register(key, [date]), 'Original Creation Date')).toBe(6)
  })

  test.each([
    ['Name', { name: 'name', attributeName: 'Name', value: {} }],
    ['Link', { name: 'link', attributeName: 'Link', value: { linkType: undefined } }],
    ['Usage Limits', { name: 'usageLimits', attributeName: 'Usage Limits', value: {} }],
  ])('to look for a %s that says nothing', async (_, filter) => {
    await client.register(key, [named('found by nobody')])
    await client.register(key)
    const answer = await client.refusal(Operation.Locate, { attributes: [filter] })
    expect(answer.reason).toMatch(/Invalid (Field|Message)/)
  })
})

/** A value for each enumeration that stands in an attribute, alone or in its structure, with the number in that place. */
function* enumerationsIn(kind: Kind<unknown>): Generator<(number: number) => unknown> {
  if (kind.types[0] === ItemType.Enumeration) yield (number) => number
  if (!('description' in kind)) return
  const { fields } = (kind as Struct<unknown>).description
  const others = Object.fromEntries(
    fields.filter(({ presence }) => presence === 'required').map((field) => [field.key, sample(field.kind)]),
  )
  for (const field of fields) {
    for (const value of enumerationsIn(field.kind)) yield (number) => ({ ...others, [field.key]: value(number) })
  }
}

function sample(kind: Kind<unknown>): unknown {
  const [type] = kind.types
  if (type === ItemType.TextString) return 'text'
  if (type === ItemType.ByteString) return Buffer.from('bytes')
  return type === ItemType.LongInteger ? 1n : 1
}

describe('an enumeration that the specification has no word for', () => {
  const places = attributeNames
    .filter((name) => attributeTable[name].modifiableByClient)
    .flatMap((name) =>
      [...enumerationsIn(attributeTable[name].kind as Kind<unknown>)].map((value, i) => [name, i, value] as const),
    )

  test.each(places)('is refused in %s (%i) by whatever sets it; an extension is kept', async (name, _, value) => {
    const of = (number: number) => attribute(name, value(number) as never)
    for (const number of [0, 0x7fff_ffff]) {
      const template = {
        objectType: ObjectType.Template,
        templateAttribute: { names: [], attributes: [named('unknown')] },
        template: { attributes: [of(number)] },
      }
      expect((await client.refusal(Operation.Create, createPayload([of(number)]))).reason).toBe('Invalid Field')
      if (name !== 'name') expect((await client.refusal(Operation.Register, template)).reason).toBe('Invalid Field')
      const uniqueIdentifier = await client.register(key)
      const added = { uniqueIdentifier, attribute: of(number) }
      expect((await client.refusal(Operation.AddAttribute, added)).reason).toBe('Invalid Field')
      await client.send(Operation.AddAttribute, { uniqueIdentifier, attribute: of(0x8000_0001) })
      expect((await client.refusal(Operation.ModifyAttribute, added)).reason).toBe('Invalid Field')
      await client.destroy(uniqueIdentifier) // which lets go of its Name
    }
    expect(
      await client.attribute(await client.register(key, [of(0x8000_0001)]), attributeTable[name].attributeName),
    ).toEqual(expect.anything())
  })

  test('is refused as the type of a secret, and of an Opaque Object, whose types are all extensions', async () => {
    const { secretData, ...secret } = registerSecret(key)
    const asked = { ...secret, secretData: { ...secretData!, secretDataType: 3 } }
    expect(await client.refusal(Operation.Register, asked)).toEqual(invalid(/Secret Data Type/))
    const { opaqueObject, ...opaque } = registerOpaque(key)
    const opaqueAsked = { ...opaque, opaqueObject: { ...opaqueObject!, opaqueDataType: 1 } }
    expect(await client.refusal(Operation.Register, opaqueAsked)).toEqual(invalid(/Opaque Data Type/))
  })
})
