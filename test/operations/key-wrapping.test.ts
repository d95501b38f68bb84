import { createHmac, privateDecrypt, publicEncrypt, constants, verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  EncodingOption,
  HashingAlgorithm,
  KeyFormatType,
  KeyWrapType,
  LinkType,
  ObjectType,
  Operation,
  PaddingMethod,
  RevocationReasonCode,
  WrappingMethod,
} from '../../src/kmip/enums.ts'
import { decodeKeyValue } from '../../src/kmip/key-block.ts'
import type { KeyBlock, KeyWrappingData, KeyWrappingSpecification } from '../../src/kmip/key-block.ts'
import type { CryptographicParameters } from '../../src/kmip/structures.ts'
import { bytesOf, vectorsFolder, wycheproof } from '../crypto/vectors.ts'
import { attribute, newServer, registerKey, registerOpaque, registerSecret } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { p256, registerPrivate, registerPublic, rsa } from './key-pairs.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})
afterAll(() => server.services.cryptoWork.close(0))

const { Encrypt, MACSign, EncryptThenMACSign, MACSignThenEncrypt } = WrappingMethod
const { NoEncoding } = EncodingOption
const mask = CryptographicUsageMask
const active = attribute('activationDate', 0)
const parameters = (value: CryptographicParameters) => attribute('cryptographicParameters', value)
const kw = { blockCipherMode: BlockCipherMode.NISTKeyWrap }
const kwp = { blockCipherMode: BlockCipherMode.AESKeyWrapPadding }
const bothWays = mask.WrapKey | mask.UnwrapKey

/** A key that wraps by `value`; the bytes are RFC 3394's. */
const kek = (value: CryptographicParameters = kw, options: { mask?: number; more?: WireAttribute[] } = {}) =>
  client.register(
    Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'),
    [active, parameters(value), ...(options.more ?? [])],
    { mask: options.mask ?? bothWays },
  )

const registerAs = async (request: Parameters<typeof client.send<typeof Operation.Register>>[1]) =>
  (await client.send(Operation.Register, request)).uniqueIdentifier

const specified = (
  encryption: string | undefined,
  more: Partial<KeyWrappingSpecification> = {},
): { keyWrappingSpecification: KeyWrappingSpecification } => ({
  keyWrappingSpecification: {
    wrappingMethod: Encrypt,
    encryptionKeyInformation: encryption === undefined ? undefined : { uniqueIdentifier: encryption },
    attributeNames: [],
    ...more,
  },
})

/** The Key Block of an answer, whatever the object. */
async function keyBlockOf(uniqueIdentifier: string, more: object = {}): Promise<KeyBlock> {
  const answer = await client.send(Operation.Get, { uniqueIdentifier, ...more })
  const { symmetricKey, secretData, privateKey, publicKey } = answer
  return (symmetricKey ?? secretData ?? privateKey ?? publicKey)!.keyBlock
}

const material = async (uniqueIdentifier: string, more: object = {}): Promise<Buffer> =>
  Buffer.from((await keyBlockOf(uniqueIdentifier, more)).keyValue?.keyMaterial as Uint8Array)

/** A Register of what a wrapped Get gave, under attributes of its own. */
function registerBlock(keyBlock: KeyBlock, attributes: WireAttribute[] = []) {
  const template = { names: [], attributes: [attribute('cryptographicUsageMask', 0xc), ...attributes] }
  return { objectType: ObjectType.SymmetricKey, templateAttribute: template, symmetricKey: { keyBlock } }
}

const dek = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
const dekWrapped = Buffer.from('1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5', 'hex')

const wrappedBlock = (uniqueIdentifier: string, more: Partial<KeyBlock> = {}, data: Partial<KeyWrappingData> = {}) => ({
  keyFormatType: KeyFormatType.Raw,
  wrappedKeyValue: dekWrapped,
  cryptographicAlgorithm: CryptographicAlgorithm.AES,
  cryptographicLength: 128,
  ...more,
  keyWrappingData: {
    wrappingMethod: Encrypt,
    encryptionKeyInformation: { uniqueIdentifier, cryptographicParameters: kw },
    encodingOption: NoEncoding,
    ...data,
  },
})

describe('Get with a Key Wrapping Specification', () => {
  test('wraps the key material alone, as RFC 3394 has it, and says how', async () => {
    const wrapper = await kek()
    const uniqueIdentifier = await client.register(dek)
    const block = await keyBlockOf(uniqueIdentifier, specified(wrapper, { encodingOption: NoEncoding }))
    expect(block).toMatchObject({
      keyFormatType: KeyFormatType.Raw,
      cryptographicAlgorithm: CryptographicAlgorithm.AES,
      cryptographicLength: 128,
      keyWrappingData: {
        wrappingMethod: Encrypt,
        encryptionKeyInformation: { uniqueIdentifier: wrapper, cryptographicParameters: kw },
        encodingOption: NoEncoding,
      },
    })
    expect(block.keyValue).toBeUndefined()
    expect(block.wrappedKeyValue).toEqual(dekWrapped)
  })

  const { CBC, ECB, CTR, CFB, OFB, GCM, CCM } = BlockCipherMode
  test.each<[string, CryptographicParameters]>([
    ['key wrap', kw],
    ['key wrap with padding', kwp],
    ['CBC', { blockCipherMode: CBC, paddingMethod: PaddingMethod.PKCS5 }],
    ['CBC without padding', { blockCipherMode: CBC, paddingMethod: PaddingMethod.None }],
    ['ECB', { blockCipherMode: ECB, paddingMethod: PaddingMethod.PKCS5 }],
    ['CTR', { blockCipherMode: CTR }],
    ['CFB', { blockCipherMode: CFB }],
    ['OFB', { blockCipherMode: OFB }],
    ['GCM', { blockCipherMode: GCM }],
    ['GCM with a short tag', { blockCipherMode: GCM, tagLength: 12, ivLength: 96 }],
    ['CCM', { blockCipherMode: CCM }],
  ])('wraps by %s, and Register unwraps it again, with its attributes', async (_, value) => {
    const wrapper = await kek(value)
    const uniqueIdentifier = await client.register(dek, [], { mask: mask.Encrypt })
    for (const more of [
      { encodingOption: NoEncoding },
      { attributeNames: ['Cryptographic Usage Mask', 'State'] },
      {},
    ]) {
      const block = await keyBlockOf(uniqueIdentifier, specified(wrapper, more))
      expect(block.wrappedKeyValue).not.toEqual(dek)
      const { objectType, symmetricKey } = registerBlock(block)
      const again = await registerAs({ objectType, symmetricKey, templateAttribute: { names: [], attributes: [] } })
      expect(await material(again)).toEqual(dek)
      expect(await client.attribute(again, 'Cryptographic Usage Mask')).toBe(
        'attributeNames' in more ? mask.Encrypt : 0,
      )
      expect(await client.attribute(again, 'Digest')).toEqual(await client.attribute(uniqueIdentifier, 'Digest'))
    }
  })

  test.each<[string, CryptographicParameters, { padding: number; oaepHash?: string }]>([
    [
      'OAEP',
      {
        paddingMethod: PaddingMethod.OAEP,
        hashingAlgorithm: HashingAlgorithm.SHA256,
        maskGeneratorHashingAlgorithm: HashingAlgorithm.SHA256,
      },
      { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    ],
    ['PKCS#1', { paddingMethod: PaddingMethod.PKCS1V1_5 }, { padding: constants.RSA_PKCS1_PADDING }],
  ])('wraps by RSA with %s, which others open, and unwraps what others have made', async (_, value, options) => {
    const publicKey = await registerAs(
      registerPublic(rsa.publicKey, [active, parameters(value)], { mask: mask.WrapKey }),
    )
    const uniqueIdentifier = await client.register(dek)
    const block = await keyBlockOf(uniqueIdentifier, specified(publicKey, { encodingOption: NoEncoding }))
    const wrapped = Buffer.from(block.wrappedKeyValue as Uint8Array)
    expect(privateDecrypt({ key: rsa.privateKey, ...options }, wrapped)).toEqual(dek)

    const privateKey = await registerAs(registerPrivate(rsa.privateKey, [active], { mask: mask.UnwrapKey }))
    const wrappedKeyValue = publicEncrypt({ key: rsa.publicKey, ...options }, dek)
    const information = { uniqueIdentifier: privateKey, cryptographicParameters: value }
    const data = { encryptionKeyInformation: information }
    expect(await material(await registerAs(registerBlock(wrappedBlock('', { wrappedKeyValue }, data))))).toEqual(dek)
    // The key that has encrypted is the public one, and leads to the other by its Link.
    const named = { encryptionKeyInformation: { uniqueIdentifier: publicKey, cryptographicParameters: value } }
    const asPublic = registerBlock(wrappedBlock('', { wrappedKeyValue }, named))
    expect((await keyBlockOf(await registerAs(asPublic))).keyWrappingData).toBeDefined()
    await client.send(Operation.AddAttribute, {
      uniqueIdentifier: publicKey,
      attribute: attribute('link', { linkType: LinkType.PrivateKeyLink, linkedObjectIdentifier: privateKey }),
    })
    expect(await material(await registerAs(asPublic))).toEqual(dek)
  })

  test('makes a MAC over what was encrypted, over what is to be encrypted, or alone', async () => {
    const wrapper = await kek()
    const macMaterial = Buffer.alloc(32, 7)
    const hmac = { cryptographicAlgorithm: CryptographicAlgorithm.HMACSHA256 }
    const macKey = await client.register(macMaterial, [active, parameters(hmac)], {
      mask: mask.MACGenerate | mask.MACVerify,
    })
    const macSignatureKeyInformation = { uniqueIdentifier: macKey }
    const uniqueIdentifier = await client.register(dek)
    const over = (bytes: Uint8Array) => createHmac('sha256', macMaterial).update(bytes).digest()
    for (const [wrappingMethod, encryption, authenticated] of [
      [EncryptThenMACSign, wrapper, dekWrapped],
      [MACSignThenEncrypt, wrapper, dek],
      [MACSign, undefined, dek],
    ] as const) {
      const more = { wrappingMethod, macSignatureKeyInformation, encodingOption: NoEncoding }
      const block = await keyBlockOf(uniqueIdentifier, specified(encryption, more))
      const { macSignature, encryptionKeyInformation } = block.keyWrappingData!
      expect(macSignature).toEqual(over(authenticated))
      expect(encryptionKeyInformation?.uniqueIdentifier).toBe(encryption)
      expect(block.wrappedKeyValue).toEqual(encryption === undefined ? dek : dekWrapped)
      expect(await material(await registerAs(registerBlock(block)))).toEqual(dek)
      const forged = Buffer.from(macSignature!)
      forged[0]! ^= 1
      const bad = registerBlock({ ...block, keyWrappingData: { ...block.keyWrappingData!, macSignature: forged } })
      expect((await client.refusal(Operation.Register, bad)).reason).toBe('Cryptographic Failure')
    }
    // A Sensitive key is hidden by encryption, and not by a MAC.
    const sensitive = await client.register(dek, [attribute('sensitive', true)])
    const mac = {
      uniqueIdentifier: sensitive,
      ...specified(undefined, { wrappingMethod: MACSign, macSignatureKeyInformation }),
    }
    expect((await client.refusal(Operation.Get, mac)).reason).toBe('Sensitive')
    expect(await keyBlockOf(sensitive, specified(wrapper))).toMatchObject({
      keyWrappingData: { wrappingMethod: Encrypt },
    })
    const kept = await client.register(dek, [attribute('extractable', false)])
    const refusal = await client.refusal(Operation.Get, { uniqueIdentifier: kept, ...specified(wrapper) })
    expect(refusal.reason).toBe('Not Extractable')
  })

  test('signs with a private key, and verifies by the public one', async () => {
    const scheme = { hashingAlgorithm: HashingAlgorithm.SHA256, cryptographicAlgorithm: CryptographicAlgorithm.ECDSA }
    const privateKey = await registerAs(registerPrivate(p256.privateKey, [active, parameters(scheme)]))
    const publicKey = await registerAs(registerPublic(p256.publicKey, [active, parameters(scheme)]))
    const uniqueIdentifier = await client.register(dek)
    const signed = specified(undefined, {
      wrappingMethod: MACSign,
      macSignatureKeyInformation: { uniqueIdentifier: privateKey },
    })
    const block = await keyBlockOf(uniqueIdentifier, signed)
    const plain = Buffer.from(block.wrappedKeyValue as Uint8Array)
    expect(decodeKeyValue(plain, KeyFormatType.Raw)).toEqual({ keyMaterial: dek, attributes: undefined })
    expect(verify('sha256', plain, p256.publicKey, block.keyWrappingData!.macSignature!)).toBe(true)
    const byPublic = { uniqueIdentifier: publicKey, cryptographicParameters: scheme }
    const data = { ...block.keyWrappingData!, macSignatureKeyInformation: byPublic }
    const again = await registerAs(registerBlock({ ...block, keyWrappingData: data }))
    expect(await material(again)).toEqual(dek)
  })

  test('wraps private keys, transparent ones in TTLV only, and secrets', async () => {
    const wrapper = await kek(kwp)
    const uniqueIdentifier = await registerAs(registerPrivate(rsa.privateKey))
    const transparent = { keyFormatType: KeyFormatType.TransparentRSAPrivateKey }
    for (const more of [{}, transparent]) {
      const block = await keyBlockOf(uniqueIdentifier, { ...more, ...specified(wrapper) })
      const { objectType, templateAttribute } = registerPrivate(rsa.privateKey)
      const again = await registerAs({ objectType, templateAttribute, privateKey: { keyBlock: block } })
      const pkcs1 = { keyFormatType: KeyFormatType.PKCS1 }
      expect(await material(again, pkcs1)).toEqual(rsa.privateKey.export({ format: 'der', type: 'pkcs1' }))
    }
    const alone = { uniqueIdentifier, ...transparent, ...specified(wrapper, { encodingOption: NoEncoding }) }
    expect((await client.refusal(Operation.Get, alone)).reason).toBe('Encoding Option Error')
    const secret = await registerAs(registerSecret(Buffer.from('a password')))
    const { wrappedKeyValue } = await keyBlockOf(secret, specified(wrapper, { encodingOption: NoEncoding }))
    expect((wrappedKeyValue as Uint8Array).byteLength).toBe(24)
  })

  const noKey = '00000000-0000-4000-8000-000000000000'
  const refusals: Record<string, [() => Promise<Partial<KeyWrappingSpecification>>, string]> = {
    'a wrapping key that there is not': [async () => information(noKey), 'Item Not Found'],
    'the wrapping key of another service': [
      async () => information(await server.otherService.register(dek, [active, parameters(kw)], { mask: bothWays })),
      'Item Not Found',
    ],
    'what is no key': [async () => information(await registerAs(registerSecret(dek))), 'Illegal Operation'],
    'a key that may not wrap': [async () => information(await kek(kw, { mask: mask.UnwrapKey })), 'Permission Denied'],
    'a private key': [
      async () => information(await registerAs(registerPrivate(rsa.privateKey, [active], { mask: bothWays }))),
      'Permission Denied',
    ],
    'a key that was deactivated': [
      async () => {
        const wrapper = await kek()
        await client.revoke(wrapper)
        return information(wrapper)
      },
      'Permission Denied',
    ],
    'a key that was destroyed': [
      async () => {
        const wrapper = await kek()
        await client.revoke(wrapper, RevocationReasonCode.KeyCompromise)
        await client.destroy(wrapper)
        return information(wrapper)
      },
      'Permission Denied',
    ],
    'a key that is archived': [
      async () => {
        const wrapper = await kek()
        await client.send(Operation.Archive, { uniqueIdentifier: wrapper })
        return information(wrapper)
      },
      'Object archived',
    ],
    'a key without Cryptographic Parameters': [
      async () => information(await withoutParameters(await kek())),
      'Item Not Found',
    ],
    'parameters that are not the key’s': [
      async () => ({
        encryptionKeyInformation: { uniqueIdentifier: await kek(), cryptographicParameters: kwp },
      }),
      'Item Not Found',
    ],
    'a MAC key that may not make MACs': [
      async () => ({
        wrappingMethod: MACSign,
        macSignatureKeyInformation: {
          uniqueIdentifier: await kek({ cryptographicAlgorithm: CryptographicAlgorithm.HMACSHA256 }),
        },
      }),
      'Permission Denied',
    ],
    'a public key without a Link to the private one that signs': [
      async () => ({
        wrappingMethod: MACSign,
        macSignatureKeyInformation: { uniqueIdentifier: await registerAs(registerPublic(p256.publicKey, [active])) },
      }),
      'Permission Denied',
    ],
    'no wrapping key': [async () => ({}), 'Invalid Message'],
    'a MAC key that the method does not use': [
      async () => ({ ...information(await kek()), macSignatureKeyInformation: { uniqueIdentifier: noKey } }),
      'Invalid Field',
    ],
    'TR-31': [
      async () => ({ ...information(await kek()), wrappingMethod: WrappingMethod.TR31 }),
      'Feature Not Supported',
    ],
    'an Encoding Option that there is not': [
      async () => ({ ...information(await kek()), encodingOption: 3 }),
      'Encoding Option Error',
    ],
    'attributes without encoding': [
      async () => ({ ...information(await kek()), encodingOption: NoEncoding, attributeNames: ['State'] }),
      'Encoding Option Error',
    ],
    'a password of 10 bytes by key wrap without padding': [
      async () => ({ ...information(await kek()), encodingOption: NoEncoding }),
      'Encoding Option Error',
    ],
  }
  const information = (uniqueIdentifier: string) => ({ encryptionKeyInformation: { uniqueIdentifier } })
  async function withoutParameters(uniqueIdentifier: string): Promise<string> {
    await client.send(Operation.DeleteAttribute, { uniqueIdentifier, attributeName: 'Cryptographic Parameters' })
    return uniqueIdentifier
  }
  test.each(Object.entries(refusals))('refuses %s', async (_, [specification, reason]) => {
    const uniqueIdentifier = await registerAs(registerSecret(Buffer.from('a password')))
    const request = { uniqueIdentifier, ...specified(undefined, await specification()) }
    const refusal = await client.refusal(Operation.Get, request)
    expect(refusal.reason).toBe(reason)
    expect(refusal.message).not.toBe('')
    expect(server.faults).toEqual([])
  })

  test('refuses what has no Key Block and no Key Value, and takes from Usage Limits', async () => {
    const usage = attribute('usageLimits', { usageLimitsTotal: 1n, usageLimitsUnit: 2 })
    const wrapper = await kek(kw, { more: [usage] })
    const opaque = await registerAs(registerOpaque(dek))
    const asked = { uniqueIdentifier: opaque, ...specified(wrapper) }
    expect((await client.refusal(Operation.Get, asked)).reason).toBe('Illegal Operation')
    const empty = registerKey(dek)
    const { keyBlock } = empty.symmetricKey!
    const absent = await registerAs({ ...empty, symmetricKey: { keyBlock: { ...keyBlock, keyValue: undefined } } })
    const nothing = { uniqueIdentifier: absent, ...specified(wrapper) }
    expect((await client.refusal(Operation.Get, nothing)).reason).toBe('Key Value Not Present')
    const key = await client.register(dek)
    await keyBlockOf(key, specified(wrapper))
    const again = { uniqueIdentifier: key, ...specified(wrapper) }
    expect((await client.refusal(Operation.Get, again)).reason).toBe('Permission Denied')
  })
})

describe('Register of a wrapped key', () => {
  test('unwraps by no other parameters than its key has: that would decrypt for who may not', async () => {
    const wrapper = await kek(kw, { mask: mask.UnwrapKey })
    const encryptionKeyInformation = {
      uniqueIdentifier: wrapper,
      cryptographicParameters: { blockCipherMode: BlockCipherMode.ECB, paddingMethod: PaddingMethod.None },
    }
    const block = wrappedBlock(wrapper, {}, { encryptionKeyInformation })
    const uniqueIdentifier = await registerAs(registerBlock(block, [active]))
    expect(await keyBlockOf(uniqueIdentifier)).toEqual(asDecoded(block))
    const unwrapped = { uniqueIdentifier, keyWrapType: KeyWrapType.NotWrapped }
    expect((await client.refusal(Operation.Get, unwrapped)).reason).toBe('Item Not Found')
  })

  test('keeps it wrapped when its key may not unwrap it, and gives it back as it came', async () => {
    const wrapper = await kek(kw, { mask: mask.WrapKey })
    const shapes = [
      wrappedBlock(wrapper),
      wrappedBlock(wrapper, { wrappedKeyValue: undefined, keyValue: { keyMaterial: dekWrapped } }),
    ]
    for (const block of shapes) {
      const uniqueIdentifier = await registerAs(registerBlock(block, [active]))
      for (const more of [{}, { keyWrapType: KeyWrapType.AsRegistered }, { keyFormatType: KeyFormatType.Raw }]) {
        expect(await keyBlockOf(uniqueIdentifier, more)).toEqual(asDecoded(block))
      }
      const unwrapped = { uniqueIdentifier, keyWrapType: KeyWrapType.NotWrapped }
      expect((await client.refusal(Operation.Get, unwrapped)).reason).toBe('Permission Denied')
      const format = { uniqueIdentifier, keyFormatType: KeyFormatType.Opaque }
      expect((await client.refusal(Operation.Get, format)).reason).toBe('Key Format Type Not Supported')
      const encryption = { uniqueIdentifier, data: dek }
      expect((await client.refusal(Operation.Encrypt, encryption)).reason).toBe('Key Value Not Present')
      const objects = server.services.keystore.forPrincipal(client.principal)
      const object = (await objects.get(uniqueIdentifier))!
      expect(() => objects.open(object)).toThrow(expect.objectContaining({ code: 'key-value-not-present' }))
      expect(await client.attributes(uniqueIdentifier, ['Digest', 'Cryptographic Length'])).toEqual({
        'Cryptographic Length': [128],
      })
    }
  })
  const asDecoded = ({ keyFormatType, keyValue, wrappedKeyValue }: KeyBlock): unknown =>
    expect.objectContaining({
      keyFormatType,
      keyValue: keyValue && expect.objectContaining({ keyMaterial: dekWrapped }),
      wrappedKeyValue,
      keyWrappingData: expect.objectContaining({ encodingOption: NoEncoding }),
    })

  test('gives the unwrapped key, and the wrapped one to who asks for it as registered', async () => {
    const wrapper = await kek()
    const uniqueIdentifier = await registerAs(
      registerBlock(wrappedBlock(wrapper), [active, attribute('sensitive', true)]),
    )
    await client.send(Operation.ModifyAttribute, { uniqueIdentifier, attribute: attribute('sensitive', false) })
    expect(await material(uniqueIdentifier)).toEqual(dek)
    expect(await material(uniqueIdentifier, { keyWrapType: KeyWrapType.NotWrapped })).toEqual(dek)
    const asRegistered = { keyWrapType: KeyWrapType.AsRegistered }
    expect((await keyBlockOf(uniqueIdentifier, asRegistered)).wrappedKeyValue).toEqual(dekWrapped)
    await client.send(Operation.ModifyAttribute, { uniqueIdentifier, attribute: attribute('sensitive', true) })
    expect((await client.refusal(Operation.Get, { uniqueIdentifier })).reason).toBe('Sensitive')
    expect((await keyBlockOf(uniqueIdentifier, asRegistered)).wrappedKeyValue).toEqual(dekWrapped)
    // It is used with no regard to the key that had wrapped it.
    await client.revoke(wrapper, RevocationReasonCode.KeyCompromise)
    await client.destroy(wrapper)
    await client.send(Operation.Encrypt, { uniqueIdentifier, data: dek })
    await client.send(Operation.Encrypt, { uniqueIdentifier, data: dek })
  })

  test('is unwrapped for a Get when its key has come since, and wrapped by another', async () => {
    const wrapper = await kek(kw, { mask: mask.UnwrapKey, more: [] })
    const { uniqueIdentifier: foreign } = await server.otherService.send(
      Operation.Register,
      registerBlock(wrappedBlock(wrapper)),
    )
    const { symmetricKey } = await server.otherService.send(Operation.Get, { uniqueIdentifier: foreign })
    expect(symmetricKey?.keyBlock.wrappedKeyValue).toEqual(dekWrapped)

    const early = attribute('processStartDate', server.clock.seconds + 60)
    const late = await kek(kw, { more: [early] })
    const uniqueIdentifier = await registerAs(registerBlock(wrappedBlock(late)))
    expect((await keyBlockOf(uniqueIdentifier)).wrappedKeyValue).toEqual(dekWrapped)
    server.clock.seconds += 61
    expect(await material(uniqueIdentifier, { keyWrapType: KeyWrapType.NotWrapped })).toEqual(dek)
    const other = await kek(kwp)
    const { wrappedKeyValue } = await keyBlockOf(uniqueIdentifier, specified(other, { encodingOption: NoEncoding }))
    expect(wrappedKeyValue).not.toEqual(dekWrapped)
  })

  test.each<[string, (wrapper: string) => KeyBlock, string]>([
    [
      'what was wrapped by another key',
      (wrapper) => wrappedBlock(wrapper, { wrappedKeyValue: Buffer.alloc(24, 1) }),
      'Cryptographic Failure',
    ],
    [
      'no encoding, said to be one',
      (wrapper) => wrappedBlock(wrapper, {}, { encodingOption: undefined }),
      'Cryptographic Failure',
    ],
    [
      'an Encoding Option that there is not',
      (wrapper) => wrappedBlock(wrapper, {}, { encodingOption: 7 }),
      'Encoding Option Error',
    ],
    [
      'a transparent key without encoding',
      (wrapper) => wrappedBlock(wrapper, { keyFormatType: KeyFormatType.TransparentSymmetricKey }),
      'Encoding Option Error',
    ],
    [
      'another length than that of the key',
      (wrapper) => wrappedBlock(wrapper, { cryptographicLength: 256 }),
      'Invalid Field',
    ],
    ['no Key Value', (wrapper) => wrappedBlock(wrapper, { wrappedKeyValue: undefined }), 'Invalid Message'],
    ['no algorithm, kept wrapped', () => wrappedBlock('none', { cryptographicAlgorithm: undefined }), 'Missing Data'],
    ['TR-31', (wrapper) => wrappedBlock(wrapper, {}, { wrappingMethod: WrappingMethod.TR31 }), 'Feature Not Supported'],
    [
      'a MAC that is missing',
      (wrapper) =>
        wrappedBlock(
          wrapper,
          {},
          { wrappingMethod: EncryptThenMACSign, macSignatureKeyInformation: { uniqueIdentifier: wrapper } },
        ),
      'Invalid Message',
    ],
    [
      'a Structure that was not wrapped alone',
      (wrapper) =>
        wrappedBlock(
          wrapper,
          { wrappedKeyValue: undefined, keyValue: { keyMaterial: dekWrapped } },
          { encodingOption: EncodingOption.TTLVEncoding },
        ),
      'Invalid Message',
    ],
  ])('refuses %s', async (_, block, reason) => {
    const refusal = await client.refusal(Operation.Register, registerBlock(block(await kek())))
    expect(refusal.reason).toBe(reason)
    expect(refusal.message).not.toBe('')
    expect(server.faults).toEqual([])
  })

  const folder = vectorsFolder()
  test.skipIf(folder === undefined).each([
    ['aes_wrap', kw],
    ['aes_kwp', kwp],
  ] as const)('takes the vectors of Wycheproof: %s', async (file, value) => {
    let run = 0
    for (const { tests } of wycheproof(folder!, file)) {
      for (const vector of tests) {
        const wrapper = await client.register(bytesOf(vector, 'key'), [active, parameters(value)], { mask: bothWays })
        const information = { uniqueIdentifier: wrapper, cryptographicParameters: value }
        const keyWrappingData = {
          wrappingMethod: Encrypt,
          encryptionKeyInformation: information,
          encodingOption: NoEncoding,
        }
        const wrappedKeyValue = bytesOf(vector, 'ct')
        const request = registerSecret(dek, [], KeyFormatType.Raw)
        const keyBlock = { keyFormatType: KeyFormatType.Raw, wrappedKeyValue, keyWrappingData }
        const answer = await client.item(Operation.Register, {
          ...request,
          secretData: { ...request.secretData!, keyBlock },
        })
        run++
        // Wycheproof calls it acceptable to take keys of 64 bits, which are as short as that.
        if (vector.result === 'acceptable') continue
        expect(answer.resultReason === undefined, `tcId ${vector.tcId} ${vector.comment}`).toBe(
          vector.result === 'valid',
        )
        if (vector.result === 'invalid') continue
        const { uniqueIdentifier } = answer.responsePayload as { uniqueIdentifier: string }
        expect(await material(uniqueIdentifier)).toEqual(bytesOf(vector, 'msg'))
        const again = await keyBlockOf(uniqueIdentifier, specified(wrapper, { encodingOption: NoEncoding }))
        expect(again.wrappedKeyValue).toEqual(wrappedKeyValue)
      }
    }
    expect(run).toBeGreaterThan(100)
  })
})
