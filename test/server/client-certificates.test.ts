import { webcrypto } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { p256 } from '../../src/certificates/key-pair.ts'
import { x509 } from '../../src/certificates/x509.ts'
import { digest } from '../../src/crypto/digest.ts'
import { ResultReason } from '../../src/kmip/enums.ts'
import { encodeRequest } from '../../src/kmip/request-message.ts'
import { decodeResponse } from '../../src/kmip/response-message.ts'
import { protocolVersion } from '../../src/kmip/version.ts'
import { Operation } from '../../src/kmip/enums.ts'
import {
  type CertificateRecipe,
  day,
  newKeys,
  newSigner,
  rsa,
  type Signer,
  signIdentity,
  type TestIdentity,
} from '../support/certificates.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { KmipClient, type KmipClientOptions } from '../support/kmip-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

/** Certificates of clients over real TLS (S-5): one server, on which every key is bound, so that only what a case says is wrong. */

const actor = 'operator:test'
let clock: FakeClock
let server: TestServer
/** The registered authorities of tenant `demo`, of another tenant, and one that nobody has registered. */
let mine: Signer
let theirs: Signer
let stranger: Signer

beforeAll(async () => {
  clock = new FakeClock(Date.now())
  server = await startServer({ clock })
  mine = await newSigner({ name: 'CN=authority' })
  theirs = await newSigner({ name: 'CN=theirs' })
  stranger = await newSigner({ name: 'CN=authority' })
  await server.registry.createTenant('other', actor)
  await server.registry.authorities.register({ certificate: mine.der, tenant: 'demo' }, actor)
  await server.registry.authorities.register({ certificate: theirs.der, tenant: 'other' }, actor)
})
afterAll(() => server.stop())

const hashOf = (spki: ArrayBuffer | Uint8Array) => digest('sha256', new Uint8Array(spki))
const publicKeyHash = async (keys: webcrypto.CryptoKeyPair) =>
  hashOf(await webcrypto.subtle.exportKey('spki', keys.publicKey))

let bound = 0

/** Binds a key, vouched for by that signer, to a client of a tenant. */
async function bind(signer: Signer, keys: webcrypto.CryptoKeyPair, tenant = 'demo'): Promise<string> {
  const name = `client-${bound++}`
  const issuerKeyHash = await publicKeyHash(signer.keys)
  await server.registry.clients.create({ tenant, name, issuerKeyHash, leafKeyHash: await publicKeyHash(keys) }, actor)
  return name
}

const request = encodeRequest({
  requestHeader: { protocolVersion: protocolVersion(14), batchCount: 1 },
  batchItems: [{ operation: Operation.DiscoverVersions, requestPayload: {} }],
})

type Outcome = 'served' | 'unknown' | 'no handshake'

/** What a client with that certificate gets for a request: an answer, the one fixed refusal, or not even a connection. */
async function outcome(
  identity: Pick<TestIdentity, 'cert' | 'key'> | undefined,
  more: Partial<KmipClientOptions> = {},
): Promise<Outcome> {
  const { port, authority } = server
  const shown = identity === undefined ? {} : { cert: identity.cert, key: identity.key }
  let client: KmipClient | undefined
  try {
    client = await KmipClient.connect({ port, ca: authority.certificatePem, ...shown, ...more })
    return await outcomeOn(client)
  } catch {
    return 'no handshake'
  } finally {
    client?.socket.destroy()
  }
}

async function outcomeOn(client: KmipClient): Promise<Outcome> {
  const answer = await client.send(request)
  if (answer.equals(request)) return 'served'
  const [item] = decodeResponse(answer).batchItems
  expect(item?.resultReason).toBe(ResultReason.AuthenticationNotSuccessful)
  await client.closed()
  return 'unknown'
}

interface Case {
  readonly signer?: () => Signer | Promise<Signer>
  readonly algorithm?: object
  readonly recipe?: CertificateRecipe | (() => Promise<CertificateRecipe>)
  readonly tenant?: string
  readonly edit?: (der: Buffer) => void
  readonly client?: Partial<KmipClientOptions>
}

const extension = (oid: string, critical: boolean) => new x509.Extension(oid, critical, new Uint8Array([5, 0]))
const names = (...values: x509.JsonGeneralNames) => new x509.SubjectAlternativeNameExtension(values)
const { keyEncipherment, keyCertSign, digitalSignature } = x509.KeyUsageFlags
const { clientAuth, serverAuth } = x509.ExtendedKeyUsage
const from = (days: number) => new Date(clock.now() + days * day)
/** RSA-1024 and SHA-1 are below what OpenSSL lets a client itself use. */
const weak: Partial<KmipClientOptions> = { ciphers: 'DEFAULT:@SECLEVEL=0' }

async function identityOf({ signer, algorithm, recipe, tenant, edit }: Case): Promise<TestIdentity> {
  const by = (await signer?.()) ?? mine
  const given = typeof recipe === 'function' ? await recipe() : recipe
  const keys = given?.keys ?? (await newKeys(algorithm ?? p256))
  const identity = await signIdentity(by, { ...given, keys })
  await bind(by, keys, tenant)
  if (edit === undefined) return identity
  const der = Buffer.from(identity.der)
  edit(der)
  const cert = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`
  return { ...identity, der, cert }
}

/** An authority of another kind of key, registered for `demo`. */
async function registered(algorithm: object, name: string): Promise<Signer> {
  const signer = await newSigner({ name, algorithm: algorithm as Signer['algorithm'] })
  await server.registry.authorities.register({ certificate: signer.der, tenant: 'demo' }, actor)
  return signer
}

const served: Readonly<Record<string, Case>> = {
  'of P-256': {},
  'of P-384': { algorithm: { name: 'ECDSA', namedCurve: 'P-384' } },
  'of P-521': { algorithm: { name: 'ECDSA', namedCurve: 'P-521' } },
  'of RSA 2048': { algorithm: rsa(2048) },
  'of RSA 3072': { algorithm: rsa(3072) },
  'of Ed25519': { algorithm: { name: 'Ed25519' } },
  'over TLS 1.2 alone': { client: { maxVersion: 'TLSv1.2' } },
  'over TLS 1.3 alone': { client: { minVersion: 'TLSv1.3' } },
  'with two common names': { recipe: { subject: 'CN=one, CN=two' } },
  "with the common name of another tenant's client": { recipe: { subject: 'CN=demo' } },
  'without subject, with a critical alternative name': {
    recipe: {
      subject: '',
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'client.example' }], true)],
    },
  },
  'with a wildcard': { recipe: { extensions: [names({ type: 'dns', value: '*.example' })] } },
  'with a NUL in an alternative name': { recipe: { extensions: [names({ type: 'dns', value: 'a\0.example' })] } },
  'with a mail address': { recipe: { extensions: [names({ type: 'email', value: 'a@example.org' })] } },
  'with a URI': { recipe: { extensions: [names({ type: 'url', value: 'spiffe://example/db' })] } },
  'with an IP address': { recipe: { extensions: [names({ type: 'ip', value: '192.0.2.1' })] } },
  'with a directory name': { recipe: { extensions: [names({ type: 'dn', value: 'CN=x' })] } },
  'with a hundred alternative names': {
    recipe: {
      extensions: [names(...Array.from({ length: 100 }, (_, i) => ({ type: 'dns' as const, value: `n${i}.example` })))],
    },
  },
  'with a name in UTF-8': { recipe: { subject: 'CN=клиент' } },
  'with a name in punycode': { recipe: { subject: 'CN=xn--80ajghhoc2aj1c8b' } },
  'with the serial number of all the others': { recipe: { serialNumber: '0102030405' } },
  'for clients and servers': { recipe: { extendedKeyUsage: [serverAuth, clientAuth] } },
  'without key usage': { recipe: { keyUsage: null } },
  'with more key usages': { recipe: { keyUsage: digitalSignature | keyEncipherment } },
  'without basic constraints': { recipe: { ca: null } },
  'with an unknown extension that is not critical': { recipe: { extensions: [extension('1.2.3.4', false)] } },
  'whose issuer is named otherwise': { recipe: { issuer: 'CN=renamed' } },
  'without hint at its issuer': { recipe: { issuer: 'CN=renamed', authorityKeyIdentifier: false } },
  'signed with RSA and SHA-256': { signer: () => registered(rsa(2048), 'CN=RSA') },
  'signed with RSA and SHA-512': { signer: () => registered(rsa(2048, 'SHA-512'), 'CN=RSA 512') },
  'signed with RSASSA-PSS': {
    signer: () => registered({ ...rsa(2048, 'SHA-256', 'RSA-PSS'), saltLength: 32 }, 'CN=PSS'),
  },
  'signed with Ed25519': { signer: () => registered({ name: 'Ed25519' }, 'CN=Ed25519') },
  "of another tenant's authority, for that tenant": { signer: () => theirs, tenant: 'other' },
}

const refused: Readonly<Record<string, Case>> = {
  'that has expired': { recipe: async () => ({ notBefore: from(-2), notAfter: from(-1) }) },
  'that is not valid yet': { recipe: async () => ({ notBefore: from(1), notAfter: from(2) }) },
  'whose validity ends before it begins': { recipe: async () => ({ notBefore: from(1), notAfter: from(-1) }) },
  'of an authority that nobody has registered, with the names of one': { signer: () => stranger },
  "of another tenant's authority": { signer: () => theirs },
  "that is an authority's": { recipe: { ca: true } },
  'that is an authority by its key usage too': { recipe: { ca: true, keyUsage: keyCertSign | digitalSignature } },
  'for servers alone': { recipe: { extendedKeyUsage: [serverAuth] } },
  'without extended key usage': { recipe: { extendedKeyUsage: null } },
  'for any purpose': { recipe: { extendedKeyUsage: ['2.5.29.37.0'] } },
  'whose key may only encipher': { recipe: { keyUsage: keyEncipherment } },
  'whose key may only sign certificates': { recipe: { keyUsage: keyCertSign } },
  'with an unknown critical extension': { recipe: { extensions: [extension('1.2.3.4', true)] } },
  'with critical name constraints': {
    recipe: { extensions: [new x509.Extension('2.5.29.30', true, new Uint8Array([0x30, 0]))] },
  },
  'with critical policy constraints': {
    recipe: { extensions: [new x509.Extension('2.5.29.36', true, new Uint8Array([0x30, 0]))] },
  },
  'with an extension twice': { recipe: { extensions: [extension('1.2.3.4', false), extension('1.2.3.4', false)] } },
  'with extended key usage twice': {
    recipe: { extendedKeyUsage: [serverAuth], extensions: [new x509.ExtendedKeyUsageExtension([clientAuth])] },
  },
  'of RSA 1024': { algorithm: rsa(1024), client: weak },
  'signed with SHA-1': {
    signer: () => mine,
    recipe: { signingAlgorithm: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-1' } },
    client: weak,
  },
  'with a negative serial number': { recipe: { serialNumber: '11' }, edit: setSerial(0x81) },
  'with the serial number 0': { recipe: { serialNumber: '11' }, edit: setSerial(0) },
  'longer than any certificate need be': {
    recipe: {
      extensions: [
        names(...Array.from({ length: 700 }, (_, i) => ({ type: 'dns' as const, value: `${i}.${'x'.repeat(20)}` }))),
      ],
    },
  },
}

function setSerial(first: number) {
  return (der: Buffer): void => {
    der[der.indexOf(Buffer.from([2, 1, 0x11])) + 2] = first
  }
}

describe('is served, a certificate', () => {
  test.each(Object.entries(served))('%s', async (_, given) => {
    expect(await outcome(await identityOf(given), given.client)).toBe('served')
  })

  test("of the server's own authority", async () => {
    expect(await outcome(server.client)).toBe('served')
  })

  test('that comes with an intermediate that nobody asked for', async () => {
    const identity = await identityOf({})
    const extra = await signIdentity(mine, { subject: 'CN=intermediate', ca: true, keyUsage: keyCertSign })
    expect(await outcome({ ...identity, cert: `${identity.cert}\n${extra.cert}` })).toBe('served')
  })

  test('that was renewed with the same key, the old one beside it, and one of a renewed authority', async () => {
    const keys = await newKeys()
    const first = await identityOf({ recipe: { keys } })
    const renewed = await signIdentity(mine, { keys, subject: 'CN=renewed', serialNumber: '77' })
    const again = await newSigner({ name: 'CN=authority again', keys: mine.keys })
    await server.registry.authorities.register({ certificate: again.der, tenant: 'demo' }, actor)
    const byRenewed = await signIdentity(again, { keys })
    expect([await outcome(first), await outcome(renewed), await outcome(byRenewed)]).toEqual([
      'served',
      'served',
      'served',
    ])
  })
})

describe('is unknown', () => {
  test.each(Object.entries(refused))('a certificate %s', async (_, given) => {
    const identity = await identityOf(given)
    expect(await outcome(identity, given.client)).not.toBe('served')
    if (given.client === undefined && given.edit === undefined) expect(await outcome(identity)).toBe('unknown')
  })

  test('who shows no certificate', async () => {
    expect(await outcome(undefined)).toBe('unknown')
  })

  test('a certificate that signed itself, though its key is bound', async () => {
    const keys = await newKeys()
    await bind(mine, keys)
    expect(await outcome(await signIdentity({ ...mine, keys, name: 'CN=client' }, { keys }))).toBe('unknown')
  })

  test('a good certificate whose key is bound to nobody, with the subject of one that is', async () => {
    await identityOf({ recipe: { subject: 'CN=bound' } })
    expect(await outcome(await signIdentity(mine, { subject: 'CN=bound' }))).toBe('unknown')
  })

  test('a bound key that another authority of the same tenant vouches for', async () => {
    const keys = await newKeys()
    await bind(mine, keys)
    const second = await registered(p256, 'CN=second')
    expect(await outcome(await signIdentity(second, { keys }))).toBe('unknown')
  })

  test('whoever is below an intermediate authority, with the whole chain shown', async () => {
    const keys = await newKeys()
    const between = await signIdentity(mine, { keys, subject: 'CN=between', ca: true, keyUsage: keyCertSign })
    const leaf = await identityOf({ signer: () => ({ ...mine, keys, name: 'CN=between' }) })
    expect(await outcome({ ...leaf, cert: `${leaf.cert}\n${between.cert}` })).toBe('unknown')
  })

  test("whoever is below a client's certificate", async () => {
    const keys = await newKeys()
    const client = await identityOf({ recipe: { keys, subject: 'CN=client' } })
    const below = await identityOf({ signer: () => ({ ...mine, keys, name: 'CN=client' }) })
    expect([await outcome(client), await outcome({ ...below, cert: `${below.cert}\n${client.cert}` })]).toEqual([
      'served',
      'unknown',
    ])
  })

  test("an authority's own certificate", async () => {
    const der = x509.PemConverter.encode(new Uint8Array(mine.der), 'CERTIFICATE')
    const { key } = await signIdentity(mine, { keys: mine.keys })
    expect(await outcome({ cert: der, key })).toBe('unknown')
  })

  test('who was revoked, for good: a new client has another name and key', async () => {
    const keys = await newKeys()
    const name = await bind(mine, keys)
    const identity = await signIdentity(mine, { keys })
    expect(await outcome(identity)).toBe('served')
    await server.registry.clients.revoke('demo', name, actor)
    expect(await outcome(identity)).toBe('unknown')
    const taken = expect.objectContaining({ code: 'already-exists' })
    await expect(bind(mine, keys)).rejects.toEqual(taken)
    expect(await outcome(await identityOf({}))).toBe('served')
    expect(await outcome(identity)).toBe('unknown')
  })

  test('an authority is registered for one tenant only, however it is called', async () => {
    const again = await newSigner({ name: 'CN=mine too', keys: theirs.keys })
    await expect(
      server.registry.authorities.register({ certificate: again.der, tenant: 'demo' }, actor),
    ).rejects.toEqual(expect.objectContaining({ code: 'already-exists' }))
  })
})

describe('TLS', () => {
  test.each(['TLSv1', 'TLSv1.1'] as const)('has no %s', async (version) => {
    const old = { minVersion: version, maxVersion: version, ...weak }
    expect(await outcome(server.client, old as never)).toBe('no handshake')
  })
})

describe('while a connection is open', () => {
  const connectWith = ({ cert, key }: TestIdentity, more: Partial<KmipClientOptions> = {}) =>
    server.connect({ cert, key, ...more })

  test('the next request after the end of the certificate is refused, and the connection ends', async () => {
    const notAfter = new Date(clock.now() + 100_000)
    const client = await connectWith(await identityOf({ recipe: { notAfter } }))
    expect(await outcomeOn(client)).toBe('served')
    clock.advance(200_000)
    expect(await outcomeOn(client)).toBe('unknown')
  })

  test('the next request after a revocation is refused, and the connection ends', async () => {
    const keys = await newKeys()
    const name = await bind(mine, keys)
    const client = await connectWith(await signIdentity(mine, { keys }))
    expect(await outcomeOn(client)).toBe('served')
    await server.registry.clients.revoke('demo', name, actor)
    expect(await outcomeOn(client)).toBe('unknown')
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'no session of %s can be resumed, and nobody is served by one after expiry or revocation',
    async (version) => {
      const versions = { minVersion: version, maxVersion: version }
      const keys = await newKeys()
      const name = await bind(mine, keys)
      const expiring = await identityOf({ recipe: { notAfter: new Date(clock.now() + 100_000) } })
      const revoked = await signIdentity(mine, { keys })
      const sessions: Buffer[] = []
      for (const identity of [expiring, revoked]) {
        const client = await connectWith(identity, versions)
        client.socket.on('session', (session: Buffer) => sessions.push(session))
        expect(await outcomeOn(client)).toBe('served')
        const own = client.socket.getSession()
        if (own !== undefined) sessions.push(own)
        await client.close()
      }
      const session = sessions.at(-1)
      const resumed = await connectWith(revoked, { ...versions, session })
      expect(resumed.socket.isSessionReused()).toBe(false)
      expect(await outcomeOn(resumed)).toBe('served')
      await resumed.close()
      clock.advance(200_000)
      await server.registry.clients.revoke('demo', name, actor)
      for (const offered of sessions) {
        expect(await outcome(expiring, { ...versions, session: offered })).toBe('unknown')
        expect(await outcome(revoked, { ...versions, session: offered })).toBe('unknown')
      }
    },
  )
})
