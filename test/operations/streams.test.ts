import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nativeAddon } from '../../src/crypto/native.ts'
import {
  BatchErrorContinuationOption,
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  HashingAlgorithm,
  Operation,
  PaddingMethod,
  UsageLimitsUnit,
  ValidityIndicator,
} from '../../src/kmip/enums.ts'
import type { RequestPayload, ResponsePayload, ServedOperation } from '../../src/kmip/payloads/index.ts'
import type { CryptographicParameters } from '../../src/kmip/structures.ts'
import { limits, placement } from '../../src/limits.ts'
import { attribute, Client, item, newServer, principalOf, registerKey } from './fixture.ts'
import type { Sent, Server } from './fixture.ts'
import { p256, registerPrivate, registerPublic, rsa } from './key-pairs.ts'

let server: Server
let client: Client
let id: string
beforeAll(async () => {
  server = await newServer(undefined, { tripleDes: true })
  client = server.client
  id = await newKey()
})
beforeEach(() => server.services.streams.clear())
afterAll(() => server.services.cryptoWork.close(0))

const active = attribute('activationDate', 0)
const { Encrypt, Decrypt, MACGenerate, MACVerify } = CryptographicUsageMask
const mask = Encrypt | Decrypt | MACGenerate | MACVerify
const material = Buffer.from(Array.from({ length: 64 }, (_, i) => i))
const newKey = (more: Parameters<Client['register']>[1] = [], bytes = 32) =>
  client.register(material.subarray(0, bytes), [active, ...more], { mask })

const iv = material.subarray(0, 16)
const data = Buffer.from(Array.from({ length: 80 }, (_, i) => 3 * i))
const gcm = { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 }
const mode = (blockCipherMode: number, paddingMethod?: number) => ({ blockCipherMode, paddingMethod })

type Parts = readonly Buffer[]
const sevenths: Parts = Array.from({ length: 12 }, (_, i) => data.subarray(7 * i, 7 * i + 7))

type PartOperation =
  | typeof Operation.Encrypt
  | typeof Operation.Decrypt
  | typeof Operation.MAC
  | typeof Operation.MACVerify
  | typeof Operation.Sign
  | typeof Operation.SignatureVerify
  | typeof Operation.Hash

/** Sends the parts, the first with all that begins, and gives the answers. */
async function inParts<O extends PartOperation & ServedOperation>(
  operation: O,
  first: RequestPayload<O>,
  parts: Parts,
  last: Partial<RequestPayload<O>> = {},
  sent?: Sent,
): Promise<ResponsePayload<O>[]> {
  const { uniqueIdentifier } = first as { uniqueIdentifier?: string }
  const { cryptographicParameters } = first as { cryptographicParameters: CryptographicParameters }
  const answers: ResponsePayload<O>[] = []
  let correlationValue: Uint8Array | undefined
  for (const [i, part] of parts.entries()) {
    const isFinal = i === parts.length - 1
    const begin = i === 0 ? { ...first, initIndicator: true } : { uniqueIdentifier, correlationValue }
    const parameters = operation === Operation.Hash ? { cryptographicParameters } : {}
    const end = isFinal ? { ...last, finalIndicator: true } : {}
    const request = { ...begin, ...parameters, data: part, ...end } as RequestPayload<O>
    const answer = await client.send(operation, request, sent)
    correlationValue = (answer as { correlationValue?: Uint8Array }).correlationValue
    expect(correlationValue === undefined, `part ${i}`).toBe(isFinal)
    answers.push(answer)
  }
  return answers
}

const dataOf = (answers: readonly { data?: unknown }[]) =>
  Buffer.concat(answers.map((answer) => (answer.data as Uint8Array | undefined) ?? Buffer.alloc(0)))

describe('in parts and whole are the same:', () => {
  const modes: [string, CryptographicParameters, number, number | undefined][] = [
    ['ECB with PKCS5', mode(BlockCipherMode.ECB, PaddingMethod.PKCS5), 32, undefined],
    ['CBC with PKCS5', mode(BlockCipherMode.CBC, PaddingMethod.PKCS5), 24, 16],
    ['CBC with ANSI X9.23', mode(BlockCipherMode.CBC, PaddingMethod.ANSIX9_23), 16, 16],
    ['CTR', mode(BlockCipherMode.CTR), 32, 16],
    ['CFB', mode(BlockCipherMode.CFB), 32, 16],
    ['OFB', mode(BlockCipherMode.OFB), 32, 16],
    ['GCM', gcm, 32, 12],
    ['CCM', { ...gcm, blockCipherMode: BlockCipherMode.CCM }, 32, 12],
    ['XTS', mode(BlockCipherMode.XTS), 64, 16],
    ['NIST key wrap', mode(BlockCipherMode.NISTKeyWrap), 32, undefined],
    ['key wrap with padding', mode(BlockCipherMode.AESKeyWrapPadding), 32, undefined],
  ]
  test.each(modes)('%s', async (_, cryptographicParameters, keyBytes, ivBytes) => {
    const uniqueIdentifier = await newKey([], keyBytes)
    const associated = cryptographicParameters.tagLength === undefined ? undefined : Buffer.from('context')
    const request = {
      uniqueIdentifier,
      cryptographicParameters,
      ivCounterNonce: ivBytes === undefined ? undefined : iv.subarray(0, ivBytes),
      authenticatedEncryptionAdditionalData: associated,
    }
    const whole = await client.send(Operation.Encrypt, { ...request, data })
    const answers = await inParts(Operation.Encrypt, request, sevenths)
    expect(dataOf(answers)).toEqual(whole.data)
    const tag = whole.authenticatedEncryptionTag
    expect(answers.at(-1)!.authenticatedEncryptionTag).toEqual(tag)
    const opened = await inParts(Operation.Decrypt, { ...request, authenticatedEncryptionTag: tag }, [
      ...cut(whole.data!, 9),
    ])
    expect(dataOf(opened)).toEqual(data)
    // Nothing that authenticates, or is done in one call, is seen before the last part.
    if (tag !== undefined || keyBytes === 64) expect(dataOf(opened.slice(0, -1))).toEqual(Buffer.alloc(0))
  })

  test('GCM before 1.4, with the tag after the data and an IV of the server’s', async () => {
    const request = { uniqueIdentifier: id, cryptographicParameters: { ...gcm, randomIV: true } }
    const made = await inParts(Operation.Encrypt, request, sevenths, {}, { version: 13 })
    const { ivCounterNonce } = made[0]!
    expect(made.slice(1).every((answer) => answer.ivCounterNonce === undefined)).toBe(true)
    const opening = { uniqueIdentifier: id, cryptographicParameters: gcm, ivCounterNonce }
    const opened = await inParts(Operation.Decrypt, opening, [...cut(dataOf(made), 30)], {}, { version: 13 })
    expect(dataOf(opened)).toEqual(data)
  })

  test('parts that are too long for one turn of the loop, sent without waiting', async () => {
    const long = Buffer.alloc(3 * placement.inlineBytesMax, 7)
    const request = { uniqueIdentifier: id, cryptographicParameters: mode(BlockCipherMode.CTR), ivCounterNonce: iv }
    const { correlationValue } = await client.send(Operation.Encrypt, { ...request, initIndicator: true })
    const parts = [long, data, long].map((part, i) =>
      client.send(Operation.Encrypt, {
        uniqueIdentifier: id,
        correlationValue,
        data: part,
        finalIndicator: i === 2 || undefined,
      }),
    )
    const whole = await client.send(Operation.Encrypt, { ...request, data: Buffer.concat([long, data, long]) })
    expect(Buffer.compare(dataOf(await Promise.all(parts)), whole.data!)).toBe(0)
  })

  test('3DES, which is slow, in more turns', async () => {
    const { symmetricKey, ...payload } = registerKey(material.subarray(0, 24), [active], { mask })
    const keyBlock = { ...symmetricKey!.keyBlock, cryptographicAlgorithm: CryptographicAlgorithm.TripleDES }
    const own = await client.send(Operation.Register, { ...payload, symmetricKey: { keyBlock } })
    const request = { ...own, cryptographicParameters: mode(BlockCipherMode.CFB), ivCounterNonce: iv.subarray(0, 8) }
    const long = Buffer.alloc(placement.inlineBytesMax / 2, 7)
    const whole = await client.send(Operation.Encrypt, { ...request, data: Buffer.concat([long, long]) })
    expect(Buffer.compare(dataOf(await inParts(Operation.Encrypt, request, [long, long])), whole.data!)).toBe(0)
  })

  test.each([
    ['HMAC', { cryptographicAlgorithm: CryptographicAlgorithm.HMACSHA256 }],
    ['CMAC', { blockCipherMode: BlockCipherMode.CMAC }],
  ])('%s', async (_, cryptographicParameters) => {
    const request = { uniqueIdentifier: id, cryptographicParameters }
    const { macData } = await client.send(Operation.MAC, { ...request, data })
    const made = await inParts(Operation.MAC, request, sevenths)
    expect(made.map((answer) => answer.macData)).toEqual([...sevenths.slice(1).map(() => undefined), macData])
    const { Valid, Invalid, Unknown } = ValidityIndicator
    for (const [first, last, result] of [
      [{ macData }, {}, Valid],
      [{}, { macData }, Valid],
      [{}, { macData: macData!.subarray(1) }, Invalid],
    ] as const) {
      const verified = await inParts(Operation.MACVerify, { ...request, ...first }, sevenths, last)
      const indicators = verified.map(({ validityIndicator }) => validityIndicator)
      expect(indicators).toEqual([...sevenths.slice(1).map(() => Unknown), result])
    }
  })

  test('Hash', async () => {
    const request = { cryptographicParameters: { hashingAlgorithm: HashingAlgorithm.SHA3_256 } }
    const whole = await client.send(Operation.Hash, { ...request, data })
    expect(dataOf(await inParts(Operation.Hash, request, sevenths))).toEqual(whole.data)
  })

  const sha256 = { hashingAlgorithm: HashingAlgorithm.SHA256 }
  test.each([
    ['RSA with PKCS #1', rsa, { ...sha256, paddingMethod: PaddingMethod.PKCS1V1_5 }],
    ['RSA with PSS', rsa, { ...sha256, paddingMethod: PaddingMethod.PSS }],
    ['ECDSA', p256, sha256],
  ])('%s', async (name, pair, cryptographicParameters) => {
    const own = await client.send(Operation.Register, registerPrivate(pair.privateKey, [active]))
    const other = await client.send(Operation.Register, registerPublic(pair.publicKey, [active]))
    const signing = { ...own, cryptographicParameters }
    if (name === 'ECDSA' && nativeAddon() === undefined) {
      const refused = await client.refusal(Operation.Sign, { ...signing, data, initIndicator: true })
      expect(refused.reason).toBe('Feature Not Supported')
      return
    }
    const signatureData = (await inParts(Operation.Sign, signing, sevenths)).at(-1)!.signatureData!
    const verifying = { ...other, cryptographicParameters }
    const whole = await client.send(Operation.SignatureVerify, { ...verifying, data, signatureData })
    expect(whole.validityIndicator).toBe(ValidityIndicator.Valid)
    const inSome = await inParts(Operation.SignatureVerify, verifying, sevenths, { signatureData })
    expect(inSome.at(-1)!.validityIndicator).toBe(ValidityIndicator.Valid)
    const changed = [...sevenths.slice(1), Buffer.from([9])]
    const wrong = await inParts(Operation.SignatureVerify, { ...verifying, signatureData }, changed)
    expect(wrong.at(-1)!.validityIndicator).toBe(ValidityIndicator.Invalid)
  })
})

/** An encryption that was begun, and what each later part says. */
async function begun(uniqueIdentifier = id, by: Client = client) {
  const cryptographicParameters = mode(BlockCipherMode.CTR)
  const first = { uniqueIdentifier, cryptographicParameters, ivCounterNonce: iv, data, initIndicator: true }
  const { correlationValue } = await by.send(Operation.Encrypt, first)
  return { uniqueIdentifier, correlationValue, data }
}

const streams = () => server.services.streams.size

describe('an operation in parts is', () => {
  test('its client’s alone, for its key and operation', async () => {
    const part = await begun()
    const other = { ...part, uniqueIdentifier: await newKey() }
    for (const refused of [
      await server.colleague.refusal(Operation.Encrypt, part),
      await client.refusal(Operation.Encrypt, other),
      await client.refusal(Operation.Decrypt, part),
      await client.refusal(Operation.MAC, { ...part }),
      await client.refusal(Operation.Encrypt, { ...part, correlationValue: Buffer.alloc(16) }),
      await client.refusal(Operation.Encrypt, { ...part, correlationValue: Buffer.alloc(3) }),
    ]) {
      expect(refused.reason).toBe('Item Not Found')
      expect(refused.message).toContain('Begin again with Init Indicator')
    }
    const foreign = await server.otherTenant.refusal(Operation.Encrypt, part)
    expect(foreign).toEqual(await server.otherTenant.refusal(Operation.Encrypt, { ...part, data: Buffer.alloc(1) }))
    await client.send(Operation.Encrypt, { ...part, finalIndicator: true })
    expect(streams()).toBe(0)
  })

  test('the same on whatever connection its client comes', async () => {
    const part = await begun()
    const again = new Client({ ...client.principal }, client.services)
    await again.send(Operation.Encrypt, { ...part, finalIndicator: true })
  })

  test('over when it has ended, and when a part fails', async () => {
    const part = await begun()
    await client.send(Operation.Encrypt, { ...part, finalIndicator: true })
    expect((await client.refusal(Operation.Encrypt, part)).reason).toBe('Item Not Found')
    const failing = await begun()
    const others = { ...failing, cryptographicParameters: gcm }
    expect((await client.refusal(Operation.Encrypt, others)).message).toContain('Cryptographic Parameters')
    expect((await client.refusal(Operation.Encrypt, failing)).reason).toBe('Item Not Found')
    const half = { uniqueIdentifier: id, cryptographicParameters: mode(BlockCipherMode.ECB) }
    const { correlationValue } = await client.send(Operation.Encrypt, { ...half, data, initIndicator: true })
    const last = { uniqueIdentifier: id, correlationValue, data: data.subarray(3), finalIndicator: true }
    expect((await client.refusal(Operation.Encrypt, last)).reason).toBe('Invalid Field')
    expect(streams()).toBe(0)
  })

  test('over when its key may not be used so any more, whether a part comes or none', async () => {
    const [revoked, destroyed, kept] = [await newKey(), await newKey(), await begun()]
    const [one, two] = [await begun(revoked), await begun(destroyed)]
    await client.revoke(revoked)
    expect((await client.refusal(Operation.Encrypt, one)).reason).toBe('Permission Denied')
    expect(streams()).toBe(2)
    await client.revoke(destroyed)
    await client.destroy(destroyed)
    server.services.streams.sweep()
    await Promise.resolve()
    await expect.poll(streams).toBe(1)
    expect((await client.refusal(Operation.Encrypt, two)).reason).toBe('Permission Denied')
    await client.send(Operation.Encrypt, kept)
  })

  test('over when the keys of its tenant are destroyed, and nobody else’s with it', async () => {
    const part = await begun()
    server.services.streams.endOf('another')
    expect(streams()).toBe(1)
    server.services.streams.endOf(client.principal.tenant.toString('latin1'))
    expect((await client.refusal(Operation.Encrypt, part)).reason).toBe('Item Not Found')
  })

  test('over after a time without parts, and after a longer one whatever comes', async () => {
    const { clock } = server
    const [idle, busy] = [await begun(), await begun()]
    const stepSeconds = limits.streamIdleMs / 1000
    for (let seconds = 0; seconds <= limits.streamMs / 1000; seconds += stepSeconds) {
      clock.seconds += stepSeconds
      server.services.streams.sweep()
      if (seconds === 0) expect(streams()).toBe(2)
      if (seconds < limits.streamMs / 1000 - stepSeconds) await client.send(Operation.Encrypt, busy)
    }
    for (const part of [idle, busy]) {
      expect((await client.refusal(Operation.Encrypt, part)).reason).toBe('Item Not Found')
    }
    expect(streams()).toBe(0)
  })

  test('over when the request is undone that it came in', async () => {
    const part = await begun()
    const fails = item(Operation.Get, { uniqueIdentifier: 'none' })
    const undo = { header: { batchErrorContinuationOption: BatchErrorContinuationOption.Undo } }
    await client.batch([item(Operation.Encrypt, part), fails], undo)
    expect((await client.refusal(Operation.Encrypt, part)).reason).toBe('Item Not Found')
    const { correlationValue: _, ...first } = { ...part, initIndicator: true }
    await client.batch([item(Operation.Encrypt, first), fails], undo)
    expect(streams()).toBe(0)
  })

  test('one of so many for a client and for a tenant', async () => {
    const { principal, services } = client
    for (let i = 0; i < limits.streamsPerClientMax; i++) await begun()
    await expect(begun()).rejects.toThrow('too many at once')
    await begun(id, server.colleague)
    for (let i = 0; streams() < limits.streamsPerTenantMax; i++) {
      const another = new Client(principalOf(principal.scope, `client ${i}`), services)
      await begun(id, another)
      for (let j = 1; j < limits.streamsPerClientMax && streams() < limits.streamsPerTenantMax; j++) {
        await begun(id, another)
      }
    }
    await expect(begun(id, server.colleague)).rejects.toThrow('too many at once')
    expect(streams()).toBe(limits.streamsPerTenantMax)
  })

  test('bounded in what it keeps', async () => {
    const first = { uniqueIdentifier: id, cryptographicParameters: gcm, ivCounterNonce: iv, initIndicator: true }
    const part = async () => {
      const { correlationValue } = await client.send(Operation.Decrypt, first)
      return { uniqueIdentifier: id, correlationValue, data: Buffer.alloc(limits.streamBytesMax / 2 - 1) }
    }
    const one = await part()
    for (let i = 0; i < 2; i++) await client.send(Operation.Decrypt, one)
    const { message } = await client.refusal(Operation.Decrypt, one)
    expect(message).toContain(`at most ${limits.streamBytesMax} bytes`)
    // What has ended counts no more.
    for (let i = 0; i < 3; i++) {
      const last = { ...(await part()), finalIndicator: true }
      expect((await client.refusal(Operation.Decrypt, last)).reason).toBe('Cryptographic Failure')
    }
    expect(streams()).toBe(0)
  })

  test('counted by its bytes in the Usage Limits of the key, each part before it is encrypted', async () => {
    const usageLimits = { usageLimitsTotal: 200n, usageLimitsCount: 200n, usageLimitsUnit: UsageLimitsUnit.Byte }
    const limited = await newKey([attribute('usageLimits', usageLimits)])
    const left = async () => (await client.attribute(limited, 'Usage Limits')) as typeof usageLimits
    const part = await begun(limited)
    expect((await left()).usageLimitsCount).toBe(120n)
    await client.send(Operation.Encrypt, part)
    expect((await left()).usageLimitsCount).toBe(40n)
    expect((await client.refusal(Operation.Encrypt, part)).reason).toBe('Permission Denied')
    expect((await client.refusal(Operation.Encrypt, part)).reason).toBe('Permission Denied')
    expect((await left()).usageLimitsCount).toBe(40n)
    expect(streams()).toBe(0)
  })
})

test('what does not say which part it is, or belongs to the first, is refused', async () => {
  const part = await begun()
  const { data: _, ...without } = part
  const reasons: [Partial<RequestPayload<typeof Operation.Encrypt>>, string][] = [
    [{ uniqueIdentifier: id, data, finalIndicator: true }, 'Invalid Message'],
    [{ ...part, initIndicator: true }, 'Invalid Message'],
    [without, 'Missing Data'],
    [{ ...part, ivCounterNonce: iv }, 'Invalid Field'],
    [{ ...part, authenticatedEncryptionAdditionalData: iv }, 'Invalid Field'],
  ]
  for (const [request, reason] of reasons)
    expect((await client.refusal(Operation.Encrypt, request)).reason).toBe(reason)
  const { uniqueIdentifier } = await client.send(Operation.Register, registerPublic(rsa.publicKey, [active]))
  const oaep = { uniqueIdentifier, data, initIndicator: true }
  expect((await client.refusal(Operation.Encrypt, oaep)).reason).toBe('Feature Not Supported')
  const own = await client.send(Operation.Register, registerPrivate(rsa.privateKey, [active]))
  expect((await client.refusal(Operation.Decrypt, { ...own, data, initIndicator: true })).reason).toBe(
    'Feature Not Supported',
  )
  const digested = { ...own, digestedData: iv, initIndicator: true }
  expect((await client.refusal(Operation.Sign, digested)).reason).toBe('Invalid Field')
  const mac = { uniqueIdentifier: id, cryptographicParameters: { blockCipherMode: BlockCipherMode.CMAC }, data }
  const { correlationValue } = await client.send(Operation.MACVerify, { ...mac, initIndicator: true })
  const last = { uniqueIdentifier: id, correlationValue, finalIndicator: true }
  expect((await client.refusal(Operation.MACVerify, last)).reason).toBe('Missing Data')
})

function* cut(bytes: Uint8Array, partBytes: number): Generator<Buffer> {
  for (let from = 0; from < bytes.byteLength; from += partBytes) {
    yield Buffer.from(bytes.subarray(from, from + partBytes))
  }
}
