import { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  CertificateType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  LinkType,
  ObjectType,
  Operation,
  SecretDataType,
  WrappingMethod,
} from '../../src/kmip/enums.ts'
import { decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import { protocolVersion } from '../../src/kmip/version.ts'
import { limits } from '../../src/limits.ts'
import { executeBatch } from '../../src/operations/execute-batch.ts'
import { newKeys, newSigner, sign } from '../support/certificates.ts'
import {
  attribute,
  Client,
  item,
  newServer,
  principalOf,
  refusalOf,
  registerOpaque,
  registerSecret,
} from './fixture.ts'
import type { Server } from './fixture.ts'
import { p256, registerPrivate, registerPublic, rsa } from './key-pairs.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})
afterAll(() => server.services.cryptoWork.close(0))

const pkcs12 = { keyFormatType: KeyFormatType.PKCS12 }
const linked = (linkType: LinkType, linkedObjectIdentifier: string) =>
  attribute('link', { linkType, linkedObjectIdentifier })
const { PKCS12PasswordLink, PKCS12CertificateLink, CertificateLink, PublicKeyLink } = LinkType

async function registered(request: Parameters<typeof client.send<typeof Operation.Register>>[1]): Promise<string> {
  return (await client.send(Operation.Register, request)).uniqueIdentifier
}

async function password(text: string | Buffer): Promise<string> {
  const request = registerSecret(Buffer.from(text))
  return registered({ ...request, secretData: { ...request.secretData!, secretDataType: SecretDataType.Password } })
}

const certificate = (certificateValue: Uint8Array, attributes: WireAttribute[] = []) =>
  registered({
    objectType: ObjectType.Certificate,
    templateAttribute: { names: [], attributes },
    certificate: { certificateType: CertificateType.X509, certificateValue },
  })

async function fileOf(uniqueIdentifier: string): Promise<Buffer> {
  const { privateKey } = await client.send(Operation.Get, { uniqueIdentifier, ...pkcs12 })
  expect(privateKey!.keyBlock).toMatchObject({ ...pkcs12, keyValue: undefined, cryptographicAlgorithm: undefined })
  return Buffer.from(privateKey!.keyBlock.wrappedKeyValue as Uint8Array)
}

/** The certificates that a TLS server shows which has nothing but the file. */
async function shownBy(pfx: Buffer, passphrase: string): Promise<Buffer[]> {
  const listening = tls.createServer({ pfx, passphrase })
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const { port } = listening.address() as AddressInfo
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  const own = socket.getPeerCertificate(true)
  socket.destroy()
  listening.close()
  const { issuerCertificate } = own
  return issuerCertificate === undefined ? [own.raw] : [own.raw, issuerCertificate.raw]
}

describe('Get of a Private Key as PKCS#12', () => {
  test.each([
    ['password', 'by PKCS#12 Certificate Links'],
    ['Grüße, 鍵 und 🔑', 'by the Certificate Link of its Public Key'],
  ])('gives a file that OpenSSL opens with the password %s, with key and chain found %s', async (text, way) => {
    const signer = await newSigner({ name: 'CN=signer' })
    const keys = await newKeys()
    const leaf = await sign(signer, { keys })
    const issuer = await certificate(signer.der)
    const own = await certificate(leaf, [linked(CertificateLink, issuer)])
    const publicKey = await registered(registerPublic(p256.publicKey, [linked(CertificateLink, own)]))
    const keyMaterial = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
    const toCertificate = way.includes('PKCS#12')
      ? linked(PKCS12CertificateLink, own)
      : linked(PublicKeyLink, publicKey)
    const links = [linked(PKCS12PasswordLink, await password(text)), toCertificate]
    const keyBlock = { keyFormatType: KeyFormatType.PKCS8, keyValue: { keyMaterial } }
    const uniqueIdentifier = await registered(registerPrivate(p256.privateKey, links, { keyBlock }))
    const file = await fileOf(uniqueIdentifier)
    expect(await shownBy(file, text)).toEqual([leaf, signer.der])
    expect(() => tls.createSecureContext({ pfx: file, passphrase: 'another' })).toThrow(/mac verify failure/u)
    expect(file.includes(Buffer.from('alias', 'utf16le').swap16())).toBe(true)
    // Nothing in it is the same twice, but for names and numbers.
    expect(await fileOf(uniqueIdentifier)).not.toEqual(file)
    await client.send(Operation.AddAttribute, { uniqueIdentifier, attribute: attribute('pkcs12FriendlyName', 'mine') })
    const named = await fileOf(uniqueIdentifier)
    expect(named.includes(Buffer.from('mine', 'utf16le').swap16())).toBe(true)
    expect(named.includes(Buffer.from('alias', 'utf16le').swap16())).toBe(false)
  })

  test('gives an RSA key alone where no Link leads to one', async () => {
    const attributes = [linked(PKCS12PasswordLink, await password('secret'))]
    const uniqueIdentifier = await registered(registerPrivate(rsa.privateKey, attributes))
    const pfx = await fileOf(uniqueIdentifier)
    expect(() => tls.createSecureContext({ pfx, passphrase: 'secret' })).toThrow(
      /Unable to load private key|certificate/iu,
    )
    expect(() => tls.createSecureContext({ pfx, passphrase: 'wrong' })).toThrow(/mac verify failure/u)
  })

  const refusals: Record<string, [() => Promise<WireAttribute[]>, string]> = {
    'no password': [async () => [], 'Invalid Field'],
    'two passwords': [
      async () => [linked(PKCS12PasswordLink, await password('a')), linked(PKCS12PasswordLink, await password('b'))],
      'Invalid Field',
    ],
    'a secret that is no password': [
      async () => [linked(PKCS12PasswordLink, await registered(registerSecret(Buffer.from('seed'))))],
      'Invalid Field',
    ],
    'a password that is destroyed': [
      async () => {
        const id = await password('a')
        await client.destroy(id)
        return [linked(PKCS12PasswordLink, id)]
      },
      'Invalid Field',
    ],
    'a password that is not there': [
      async () => [linked(PKCS12PasswordLink, '00000000-0000-4000-8000-000000000000')],
      'Item Not Found',
    ],
    'a password that is no UTF-8': [
      async () => [linked(PKCS12PasswordLink, await password(Buffer.from([0x61, 0xff])))],
      'Invalid Field',
    ],
    'two chains': [
      async () => [
        linked(PKCS12PasswordLink, await password('a')),
        linked(PKCS12CertificateLink, 'one'),
        linked(PKCS12CertificateLink, 'another'),
      ],
      'Invalid Field',
    ],
    'a chain of no certificates': [
      async () => [
        linked(PKCS12PasswordLink, await password('a')),
        linked(PKCS12CertificateLink, await registered(registerOpaque(Buffer.from('x')))),
      ],
      'Invalid Field',
    ],
    'a chain without an end': [
      async () => {
        const { der } = await newSigner({ name: 'CN=itself' })
        const uniqueIdentifier = await certificate(der)
        await client.send(Operation.AddAttribute, {
          uniqueIdentifier,
          attribute: linked(CertificateLink, uniqueIdentifier),
        })
        return [linked(PKCS12PasswordLink, await password('a')), linked(PKCS12CertificateLink, uniqueIdentifier)]
      },
      'Invalid Field',
    ],
    'a chain that is too long': [
      async () => {
        const { der } = await newSigner({ name: 'CN=one of many' })
        let id: string | undefined
        for (let i = 0; i <= limits.pkcs12CertificatesMax; i++) {
          id = await certificate(der, id === undefined ? [] : [linked(CertificateLink, id)])
        }
        return [linked(PKCS12PasswordLink, await password('a')), linked(PKCS12CertificateLink, id!)]
      },
      'Invalid Field',
    ],
  }
  test.each(Object.entries(refusals))('refuses %s', async (_, [attributes, reason]) => {
    const uniqueIdentifier = await registered(registerPrivate(p256.privateKey, await attributes()))
    const refusal = await client.refusal(Operation.Get, { uniqueIdentifier, ...pkcs12 })
    expect(refusal.reason).toBe(reason)
    expect(refusal.message).not.toBe('')
    expect(server.faults).toEqual([])
  })

  test('guards a Sensitive key, wraps no file, and is for private keys only', async () => {
    const attributes = [linked(PKCS12PasswordLink, await password('a')), attribute('sensitive', true)]
    const sensitive = await registered(registerPrivate(p256.privateKey, attributes))
    expect((await client.refusal(Operation.Get, { uniqueIdentifier: sensitive, ...pkcs12 })).reason).toBe('Sensitive')
    const wrapped = {
      uniqueIdentifier: sensitive,
      ...pkcs12,
      keyWrappingSpecification: { wrappingMethod: WrappingMethod.Encrypt, attributeNames: [] },
    }
    expect((await client.refusal(Operation.Get, wrapped)).reason).toBe('Illegal Operation')
    const publicKey = await registered(registerPublic(p256.publicKey))
    const refusal = await client.refusal(Operation.Get, { uniqueIdentifier: publicKey, ...pkcs12 })
    expect(refusal.reason).toBe('Key Format Type Not Supported')
    const approved = await newServer(undefined, { approved: true })
    const linkedPassword = registerSecret(Buffer.from('a'))
    const secretData = { ...linkedPassword.secretData!, secretDataType: SecretDataType.Password }
    const { uniqueIdentifier: id } = await approved.client.send(Operation.Register, { ...linkedPassword, secretData })
    const key = registerPrivate(p256.privateKey, [linked(PKCS12PasswordLink, id)])
    const { uniqueIdentifier } = await approved.client.send(Operation.Register, key)
    expect((await approved.client.refusal(Operation.Get, { uniqueIdentifier, ...pkcs12 })).reason).toBe('Invalid Field')
  })
})

const vector = (name: string) => readFileSync(join(import.meta.dirname, '../vectors/pkcs12', name))
const correct = 'correct horse'

/** A Register of a file; its algorithm and length are those of the key in it. */
function registerFile(file: Uint8Array, attributes: readonly WireAttribute[], asKeyValue = false) {
  const { Sign } = CryptographicUsageMask
  const keyBlock = asKeyValue ? { ...pkcs12, wrappedKeyValue: file } : { ...pkcs12, keyValue: { keyMaterial: file } }
  return {
    objectType: ObjectType.PrivateKey,
    templateAttribute: { names: [], attributes: [attribute('cryptographicUsageMask', Sign), ...attributes] },
    privateKey: { keyBlock },
  }
}

/** Links of one type. */
async function linksOf(uniqueIdentifier: string, linkType: LinkType): Promise<string[]> {
  const { Link = [] } = await client.attributes(uniqueIdentifier, ['Link'])
  const links = Link as { linkType: LinkType; linkedObjectIdentifier: string }[]
  return links.filter((one) => one.linkType === linkType).map((one) => one.linkedObjectIdentifier)
}
const certificates = () => client.locate([attribute('objectType', ObjectType.Certificate)])
const valueOf = async (uniqueIdentifier: string) =>
  Buffer.from((await client.send(Operation.Get, { uniqueIdentifier })).certificate!.certificateValue as Uint8Array)

describe('Register of a PKCS#12 file', () => {
  test.each([
    ['as Key Material', false],
    ['as Key Value', true],
  ])('%s keeps its key, its name and its chain, which Get gives again', async (_, asKeyValue) => {
    const attributes = [linked(PKCS12PasswordLink, await password(correct))]
    const id = await registered(registerFile(vector('openssl-3.p12'), attributes, asKeyValue))
    const { privateKey } = await client.send(Operation.Get, { uniqueIdentifier: id })
    expect(privateKey!.keyBlock).toMatchObject({
      keyFormatType: KeyFormatType.PKCS8,
      cryptographicAlgorithm: CryptographicAlgorithm.EC,
      cryptographicLength: 256,
    })
    expect(privateKey!.keyBlock.keyValue!.keyMaterial).toEqual(vector('key.der'))
    expect(await client.attribute(id, 'PKCS#12 Friendly Name')).toBe('My Key')
    const [leaf, ...others] = await linksOf(id, PKCS12CertificateLink)
    expect(others).toEqual([])
    const [root] = await linksOf(leaf!, CertificateLink)
    expect(await Promise.all([valueOf(leaf!), valueOf(root!)])).toEqual([vector('leaf.der'), vector('root.der')])
    expect(await linksOf(root!, CertificateLink)).toEqual([])
    expect(await shownBy(await fileOf(id), correct)).toEqual([vector('leaf.der'), vector('root.der')])
  })

  test('takes the key of its name, and what Get gave, and a chain that is there already', async () => {
    const link = linked(PKCS12PasswordLink, await password(correct))
    const name = attribute('pkcs12FriendlyName', 'OTHER')
    const id = await registered(registerFile(vector('java.p12'), [link, name]))
    expect(await client.attribute(id, 'PKCS#12 Friendly Name')).toBe('OTHER')
    const again = await registered(registerFile(await fileOf(id), [link]))
    expect(await client.attribute(again, 'PKCS#12 Friendly Name')).toBe('OTHER')
    const before = await certificates()
    const [leaf] = await linksOf(id, PKCS12CertificateLink)
    const own = await registered(registerFile(await fileOf(id), [link, linked(PKCS12CertificateLink, leaf!)]))
    expect(await linksOf(own, PKCS12CertificateLink)).toEqual([leaf])
    expect(await certificates()).toEqual(before)
    const alone = await registered(registerFile(vector('no-certificate.p12'), [link]))
    expect(await linksOf(alone, PKCS12CertificateLink)).toEqual([])
    expect(await client.attribute(alone, 'PKCS#12 Friendly Name')).toBeUndefined()
    const [answer] = await client.batch([
      item(Operation.Register, registerFile(vector('openssl-3.p12'), [link])),
      item(Operation.Get, pkcs12),
    ])
    expect(answer!.resultStatus).toBe(0)
  })

  const file = vector('openssl-3.p12')
  const refusals: Record<string, [() => Promise<WireAttribute[]>, string, (Buffer | undefined)?]> = {
    'no password': [async () => [], 'Invalid Field'],
    'two passwords': [
      async () => [linked(PKCS12PasswordLink, await password('a')), linked(PKCS12PasswordLink, await password('b'))],
      'Invalid Field',
    ],
    'a secret that is no password': [
      async () => [linked(PKCS12PasswordLink, await registered(registerSecret(Buffer.from(correct))))],
      'Invalid Field',
    ],
    'a password that is not there': [
      async () => [linked(PKCS12PasswordLink, '00000000-0000-4000-8000-000000000000')],
      'Item Not Found',
    ],
    'another password': [async () => [linked(PKCS12PasswordLink, await password('wrong'))], 'Cryptographic Failure'],
    'a name that it does not have': [
      async () => [linked(PKCS12PasswordLink, await password(correct)), attribute('pkcs12FriendlyName', 'third')],
      'Invalid Field',
    ],
    'another length': [
      async () => [linked(PKCS12PasswordLink, await password(correct)), attribute('cryptographicLength', 384)],
      'Invalid Field',
    ],
    'another encryption': [
      async () => [linked(PKCS12PasswordLink, await password(correct))],
      'Invalid Field',
      vector('rc2-key.p12'),
    ],
    'no file': [
      async () => [linked(PKCS12PasswordLink, await password(correct))],
      'Invalid Field',
      Buffer.from('none'),
    ],
  }
  test.each(Object.entries(refusals))('refuses %s, and leaves nothing behind', async (_, [attributes, reason, of]) => {
    const [before, asked] = [await certificates(), await attributes()]
    const refusal = await client.refusal(Operation.Register, registerFile(of ?? file, asked))
    expect(refusal.reason).toBe(reason)
    expect(refusal.message).not.toBe('')
    expect(await certificates()).toEqual(before)
    expect(server.faults).toEqual([])
  })

  test('is for private keys, and not for approved algorithms', async () => {
    const request = registerFile(file, [linked(PKCS12PasswordLink, await password(correct))])
    // The same request under 1.3, which has no such format.
    const frame = encodeRequest({
      requestHeader: { protocolVersion: protocolVersion(14), batchCount: 1 },
      batchItems: [item(Operation.Register, request)],
    })
    frame[51] = 3
    const [older] = await executeBatch(decodeRequest(frame), client.principal, server.services)
    expect(refusalOf(older!).reason).toBe('Key Format Type Not Supported')
    const publicKey = {
      ...request,
      objectType: ObjectType.PublicKey,
      privateKey: undefined,
      publicKey: request.privateKey,
    }
    expect((await client.refusal(Operation.Register, publicKey)).reason).toBe('Key Format Type Not Supported')
    const approved = await newServer(undefined, { approved: true })
    const refusal = await approved.client.refusal(Operation.Register, request)
    expect(refusal).toEqual({ reason: 'Invalid Field', message: expect.stringMatching(/approved algorithms/u) })
  })

  test('puts the certificates into the groups of the key, and none where the role of the client has none', async () => {
    const link = linked(PKCS12PasswordLink, await password(correct))
    const { Register, Get, Locate } = Operation
    const rule = {
      operations: new Set<number>([Register, Get, Locate]),
      objectTypes: undefined,
      objectGroups: undefined,
    }
    const clientWith = (own: object) =>
      new Client(
        { ...principalOf(client.principal.scope, 'limited'), objectRules: [{ ...rule, ...own }] },
        server.services,
      )
    const request = registerFile(file, [link, attribute('objectGroup', 'cards')])
    const secrets = { ...rule, objectTypes: new Set([ObjectType.SecretData]) }
    const inGroup = new Client(
      {
        ...principalOf(client.principal.scope, 'g'),
        objectRules: [{ ...rule, objectGroups: new Set(['cards']) }, secrets],
      },
      server.services,
    )
    const { uniqueIdentifier } = await inGroup.send(Operation.Register, request)
    const [leaf] = await linksOf(uniqueIdentifier, PKCS12CertificateLink)
    expect(await client.attribute(leaf!, 'Object Group')).toBe('cards')
    const keysOnly = clientWith({ objectTypes: new Set([ObjectType.PrivateKey, ObjectType.SecretData]) })
    const before = await certificates()
    expect(refusalOf(await keysOnly.item(Operation.Register, request)).reason).toBe('Permission Denied')
    expect(await certificates()).toEqual(before)
  })

  test('Import takes one as well', async () => {
    const attributes = [
      attribute('cryptographicUsageMask', CryptographicUsageMask.Sign),
      linked(PKCS12PasswordLink, await password(correct)),
    ]
    const { privateKey } = registerFile(file, [])
    const request = { uniqueIdentifier: webcrypto.randomUUID(), attributes, privateKey }
    const { uniqueIdentifier } = await client.send(Operation.Import, request)
    expect(uniqueIdentifier).toBe(request.uniqueIdentifier)
    expect(await shownBy(await fileOf(uniqueIdentifier), correct)).toEqual([vector('leaf.der'), vector('root.der')])
    const taken = await client.refusal(Operation.Import, request)
    expect(taken.reason).toBe('Object Already Exists')
  })
})
