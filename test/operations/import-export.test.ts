import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  BlockCipherMode,
  CertificateType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  EncodingOption,
  HashingAlgorithm,
  KeyFormatType,
  KeyWrapType,
  ObjectType,
  Operation,
  ResultStatus,
  RevocationReasonCode,
  SplitKeyMethod,
  State,
  UsageLimitsUnit,
  WrappingMethod,
} from '../../src/kmip/enums.ts'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import type { RequestPayload } from '../../src/kmip/payloads/index.ts'
import { newSigner } from '../support/certificates.ts'
import { attribute, custom, item, named, newServer, registerKey, registerOpaque, registerSecret } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { p256, registerPrivate, registerPublic } from './key-pairs.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})
afterAll(() => server.services.cryptoWork.close(0))

type Register = RequestPayload<typeof Operation.Register>
type Import = RequestPayload<typeof Operation.Import>
const active = attribute('activationDate', 0)
const key = Buffer.from('00112233445566778899aabbccddeeff', 'hex')

/** The Import of what an Export has answered. */
async function exported(uniqueIdentifier: string, from: Client = client): Promise<Import> {
  const { objectType: _, ...whole } = await from.send(Operation.Export, { uniqueIdentifier })
  return whole
}

/** An Import of a new key with those attributes. */
function importKey(attributes: readonly WireAttribute[], more: Partial<Import> = {}): Import {
  const { symmetricKey } = registerKey(key)
  return { uniqueIdentifier: randomUUID(), attributes, symmetricKey, ...more }
}

const byName = (attributes: readonly WireAttribute[]) =>
  attributes.map(({ attributeName, index = 0, value }) => ({ attributeName, index, value }))

test('an instance with the highest index that there is can be read, and none comes after it', async () => {
  const { uniqueIdentifier } = importKey([])
  const last = { ...custom('x-i', 'last'), index: 0x7fffffff }
  await client.send(Operation.Import, importKey([last], { uniqueIdentifier }))
  const next = { uniqueIdentifier, attribute: custom('x-i', 'next') }
  expect((await client.refusal(Operation.AddAttribute, next)).reason).toBe('Index Out of Bounds')
  const { attributes } = await client.send(Operation.GetAttributes, { uniqueIdentifier, attributeNames: ['x-i'] })
  expect(attributes?.map(({ index }) => index)).toEqual([0x7fffffff])
})

describe('Export and Import', () => {
  const attributes = [named('moved'), named('moved too'), custom('x-1', 'v'), attribute('objectGroup', 'g')]
  const registers: Record<string, () => Promise<Register>> = {
    'a Symmetric Key': async () =>
      registerKey(key, [
        ...attributes,
        active,
        attribute('usageLimits', { usageLimitsTotal: 100n, usageLimitsUnit: UsageLimitsUnit.Byte }),
      ]),
    'a Secret Data': async () => registerSecret(Buffer.from('a password'), attributes),
    'an Opaque Object': async () => registerOpaque(Buffer.from('opaque'), attributes),
    'a Private Key': async () => registerPrivate(p256.privateKey, attributes),
    'a Public Key': async () => registerPublic(p256.publicKey, attributes),
    'a Split Key': async () => ({
      objectType: ObjectType.SplitKey,
      templateAttribute: { names: [], attributes },
      splitKey: {
        splitKeyParts: 2,
        keyPartIdentifier: 1,
        splitKeyThreshold: 2,
        splitKeyMethod: SplitKeyMethod.XOR,
        keyBlock: registerKey(key).symmetricKey!.keyBlock,
      },
    }),
    'a Template': async () => ({
      objectType: ObjectType.Template,
      templateAttribute: { names: [], attributes },
      template: { attributes: [attribute('cryptographicUsageMask', 12)] },
    }),
    'a Certificate': async () => ({
      objectType: ObjectType.Certificate,
      templateAttribute: { names: [], attributes },
      certificate: {
        certificateType: CertificateType.X509,
        certificateValue: (await newSigner({ name: 'CN=moved' })).der,
      },
    }),
  }

  test.each(Object.entries(registers))(
    'move %s to another tenant, with its past and its identifier',
    async (_, register) => {
      const { uniqueIdentifier } = await client.send(Operation.Register, await register())
      const isKey = (await client.attribute(uniqueIdentifier, 'State')) === State.Active
      if (isKey) await client.send(Operation.Encrypt, { uniqueIdentifier, data: key })
      server.clock.seconds += 1_000
      const whole = await exported(uniqueIdentifier)
      const { otherTenant } = server
      expect(await otherTenant.send(Operation.Import, whole)).toEqual({ uniqueIdentifier })
      const again = await exported(uniqueIdentifier, otherTenant)
      expect(byName(again.attributes)).toEqual(byName(whole.attributes))
      expect({ ...again, attributes: [] }).toEqual({ ...whole, attributes: [] })
      if (isKey) {
        expect(await otherTenant.attribute(uniqueIdentifier, 'Usage Limits')).toMatchObject({ usageLimitsCount: 84n })
        await otherTenant.send(Operation.Encrypt, { uniqueIdentifier, data: key })
      }
      // Each goes on without the other.
      await otherTenant.revoke(uniqueIdentifier, RevocationReasonCode.KeyCompromise).catch(() => {})
      await otherTenant.destroy(uniqueIdentifier)
      expect((await exported(uniqueIdentifier)).attributes).toHaveLength(whole.attributes.length)
      for (const name of ['moved', 'moved too']) expect(await client.locate([named(name)])).toEqual([uniqueIdentifier])
      if (!isKey) await client.destroy(uniqueIdentifier)
      else await client.revoke(uniqueIdentifier, 2).then(() => client.destroy(uniqueIdentifier))
    },
  )

  test('Export gives the attributes of what is destroyed, and no key; Import takes them back', async () => {
    const id = await client.register(key, [custom('x-1', 'v')])
    await client.destroy(id)
    const whole = await exported(id)
    expect(whole.symmetricKey?.keyBlock).toMatchObject({ keyFormatType: KeyFormatType.Raw, keyValue: undefined })
    expect(byName(whole.attributes)).toContainEqual({ attributeName: 'State', index: 0, value: State.Destroyed })
    await server.otherService.send(Operation.Import, whole)
    expect(await server.otherService.attribute(id, 'Destroy Date')).toBe(server.clock.seconds)
    expect((await server.otherService.refusal(Operation.Get, { uniqueIdentifier: id })).reason).toBe(
      'Illegal Operation',
    )
    const withKey = importKey([attribute('state', State.Destroyed)])
    expect((await client.refusal(Operation.Import, withKey)).reason).toBe('Invalid Field')
    const { uniqueIdentifier } = await client.send(Operation.Register, registerOpaque(key))
    await client.destroy(uniqueIdentifier)
    expect((await client.send(Operation.Export, { uniqueIdentifier })).opaqueObject).toBeUndefined()
  })

  test('Export guards what is Sensitive or not Extractable, as Get does, and ends its being Fresh', async () => {
    const sensitive = await client.register(key, [attribute('sensitive', true)])
    const kept = await client.register(key, [attribute('extractable', false)])
    expect((await client.refusal(Operation.Export, { uniqueIdentifier: sensitive })).reason).toBe('Sensitive')
    expect((await client.refusal(Operation.Export, { uniqueIdentifier: kept })).reason).toBe('Not Extractable')
    const keyWrapType = 3
    expect((await client.refusal(Operation.Export, { uniqueIdentifier: kept, keyWrapType })).reason).toBe(
      'Feature Not Supported',
    )
    const fresh = await client.register(key)
    expect(byName((await exported(fresh)).attributes)).toContainEqual({
      attributeName: 'Fresh',
      index: 0,
      value: false,
    })
    expect(await client.attribute(fresh, 'Fresh')).toBe(false)
  })

  test('Export wraps as Get does; Import keeps that, or unwraps it', async () => {
    const mask = CryptographicUsageMask.WrapKey | CryptographicUsageMask.UnwrapKey
    const cryptographicParameters = { blockCipherMode: BlockCipherMode.NISTKeyWrap }
    const wrapper = await client.register(
      key,
      [active, attribute('cryptographicParameters', cryptographicParameters)],
      { mask },
    )
    const uniqueIdentifier = await client.register(key, [attribute('sensitive', true)])
    const keyWrappingSpecification = {
      wrappingMethod: WrappingMethod.Encrypt,
      encryptionKeyInformation: { uniqueIdentifier: wrapper },
      attributeNames: [],
      encodingOption: EncodingOption.NoEncoding,
    }
    const { objectType: _, ...whole } = await client.send(Operation.Export, {
      uniqueIdentifier,
      keyWrappingSpecification,
    })
    const { wrappedKeyValue } = whole.symmetricKey!.keyBlock
    expect(wrappedKeyValue).toBeDefined()
    const attributes = whole.attributes.filter(({ name }) => name !== 'uniqueIdentifier')
    const asProvided = { ...whole, attributes, uniqueIdentifier: randomUUID() }
    await client.send(Operation.Import, asProvided)
    const get = async (id: string) =>
      (await client.send(Operation.Get, { uniqueIdentifier: id })).symmetricKey!.keyBlock
    expect((await get(asProvided.uniqueIdentifier)).wrappedKeyValue).toEqual(wrappedKeyValue)
    const clear = attributes.filter(({ name }) => name !== 'sensitive' && name !== 'alwaysSensitive')
    const unwrapped = {
      ...whole,
      attributes: clear,
      uniqueIdentifier: randomUUID(),
      keyWrapType: KeyWrapType.NotWrapped,
    }
    await client.send(Operation.Import, unwrapped)
    expect((await get(unwrapped.uniqueIdentifier)).keyValue?.keyMaterial).toEqual(key)
    const { otherTenant } = server
    expect((await otherTenant.refusal(Operation.Import, unwrapped)).reason).toBe('Item Not Found')
    expect((await client.refusal(Operation.Import, { ...unwrapped, keyWrapType: 9 })).reason).toBe(
      'Feature Not Supported',
    )
  })

  test('Import replaces an object only when it is told to: its key, its attributes, its past', async () => {
    const id = await client.register(key, [active, named('replaced'), custom('x-1', 'old')])
    const { data, ivCounterNonce } = await client.send(Operation.Encrypt, { uniqueIdentifier: id, data: key })
    const other = Buffer.alloc(16, 9)
    const request = importKey([attribute('state', State.Active), custom('x-2', 'new')], {
      uniqueIdentifier: id,
      symmetricKey: registerKey(other).symmetricKey,
    })
    const refusal = await client.refusal(Operation.Import, request)
    expect(refusal.reason).toBe('Object Already Exists')
    expect((await client.refusal(Operation.Import, { ...request, replaceExisting: false })).reason).toBe(
      'Object Already Exists',
    )
    expect(await client.material(id)).toEqual(key)
    await client.send(Operation.Import, { ...request, replaceExisting: true })
    expect(await client.material(id)).toEqual(other)
    expect(await client.locate([named('replaced')])).toEqual([])
    expect(await client.locate([custom('x-2', 'new')])).toEqual([id])
    expect(await client.attributes(id, ['x-1', 'x-2', 'Cryptographic Usage Mask'])).toMatchObject({
      'Cryptographic Usage Mask': [0],
    })
    const decryption = { uniqueIdentifier: id, data: data!, ivCounterNonce }
    expect((await client.refusal(Operation.Decrypt, decryption)).reason).toBe('Permission Denied')
    // Of another type, and back, by another thread and in one batch.
    const thread = server.otherThread()
    const { opaqueObject } = registerOpaque(key)
    const opaque = { uniqueIdentifier: id, replaceExisting: true, attributes: [], opaqueObject }
    await thread.send(Operation.Import, opaque)
    expect(await client.material(id)).toEqual(key)
    const answers = await client.batch([
      item(Operation.Import, { ...request, replaceExisting: true }),
      item(Operation.Export, {}),
      item(Operation.Import, opaque),
    ])
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual(Array(3).fill(ResultStatus.Success))
    expect(await thread.attribute(id, 'Object Type')).toBe(ObjectType.OpaqueObject)
    expect(server.faults).toEqual([])
  })

  test('Import gives an identifier where the one that is sent cannot be one here', async () => {
    const { uniqueIdentifier } = await client.send(Operation.Import, importKey([], { uniqueIdentifier: '17' }))
    expect(uniqueIdentifier).toMatch(/^[0-9a-f-]{36}$/u)
    expect(await client.material(uniqueIdentifier)).toEqual(key)
  })

  const refusals: Record<string, [Import, string]> = {
    'attributes of an object of another type': [
      importKey([attribute('objectType', ObjectType.SecretData)]),
      'Invalid Field',
    ],
    'attributes of another object': [importKey([attribute('uniqueIdentifier', randomUUID())]), 'Invalid Field'],
    'an attribute that there is once, twice': [
      importKey([attribute('state', 1), attribute('state', 2)]),
      'Invalid Field',
    ],
    'one instance twice': [importKey([custom('x-1', 'a'), { ...custom('x-1', 'b'), index: 0 }]), 'Invalid Field'],
    'a State that there is not': [importKey([attribute('state', 7)]), 'Invalid Field'],
    'a Digest of another key': [
      importKey([
        attribute('digest', {
          hashingAlgorithm: HashingAlgorithm.SHA256,
          digestValue: Buffer.alloc(32),
          keyFormatType: KeyFormatType.Raw,
        }),
      ]),
      'Invalid Field',
    ],
    'more used than Usage Limits allow': [
      importKey([
        attribute('usageLimits', { usageLimitsTotal: 1n, usageLimitsCount: 2n, usageLimitsUnit: UsageLimitsUnit.Byte }),
      ]),
      'Invalid Field',
    ],
    'Always Sensitive of what is not': [importKey([attribute('alwaysSensitive', true)]), 'Invalid Field'],
    'Never Extractable of what is': [importKey([attribute('neverExtractable', true)]), 'Invalid Field'],
    'the attribute of another type of object': [
      { uniqueIdentifier: randomUUID(), attributes: [active], opaqueObject: registerOpaque(key).opaqueObject },
      'Invalid Field',
    ],
    'dates in the wrong order': [importKey([active, attribute('deactivationDate', -1)]), 'Invalid Field'],
    'the length of another key': [importKey([attribute('cryptographicLength', 256)]), 'Invalid Field'],
    'no object': [{ uniqueIdentifier: randomUUID(), attributes: [] }, 'Missing Data'],
    'two objects': [importKey([], { opaqueObject: registerOpaque(key).opaqueObject }), 'Invalid Message'],
  }
  test.each(Object.entries(refusals))('Import refuses %s', async (_, [request, reason]) => {
    const refusal = await client.refusal(Operation.Import, request)
    expect(refusal.reason).toBe(reason)
    expect(refusal.message).not.toBe('')
    expect(server.faults).toEqual([])
  })

  test('Import refuses a Name that another object has', async () => {
    await client.register(key, [named('taken')])
    expect((await client.refusal(Operation.Import, importKey([named('taken')]))).reason).toBe('Invalid Field')
    const algorithm = attribute('cryptographicAlgorithm', CryptographicAlgorithm.AES)
    await client.send(Operation.Import, importKey([named('free'), algorithm]))
  })
})
