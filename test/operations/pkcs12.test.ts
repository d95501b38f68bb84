import { generateKeyPairSync, webcrypto } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  CertificateType,
  CryptographicUsageMask,
  KeyFormatType,
  LinkType,
  ObjectType,
  Operation,
  SecretDataType,
  WrappingMethod,
} from '../../src/kmip/enums.ts'
import { limits } from '../../src/limits.ts'
import { newKeys, newSigner, sign } from '../support/certificates.ts'
import { attribute, newServer, registerOpaque, registerSecret } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
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
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const block = { keyFormatType: KeyFormatType.PKCS12 }
    const mask = CryptographicUsageMask.Sign
    const inside = registerPrivate(privateKey, [], { mask, keyBlock: block })
    expect((await client.refusal(Operation.Register, inside)).reason).toBe('Key Format Type Not Supported')
    const approved = await newServer(undefined, { approved: true })
    const linkedPassword = registerSecret(Buffer.from('a'))
    const secretData = { ...linkedPassword.secretData!, secretDataType: SecretDataType.Password }
    const { uniqueIdentifier: id } = await approved.client.send(Operation.Register, { ...linkedPassword, secretData })
    const key = registerPrivate(p256.privateKey, [linked(PKCS12PasswordLink, id)])
    const { uniqueIdentifier } = await approved.client.send(Operation.Register, key)
    expect((await approved.client.refusal(Operation.Get, { uniqueIdentifier, ...pkcs12 })).reason).toBe('Invalid Field')
  })
})
