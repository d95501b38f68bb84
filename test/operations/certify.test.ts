import { KeyObject, randomUUID, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { p256 as p256Algorithm } from '../../src/certificates/key-pair.ts'
import { x509 } from '../../src/certificates/x509.ts'
import {
  CertificateRequestType,
  CertificateType,
  CryptographicUsageMask,
  LinkType,
  ObjectType,
  Operation,
  RevocationReasonCode,
  ValidityIndicator,
} from '../../src/kmip/enums.ts'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { type AuthorityKey, useCertificateAuthority } from '../../src/operations/certificate-authority.ts'
import type { OperationContext } from '../../src/operations/handler.ts'
import type { MaybePromise } from '../../src/store/store.ts'
import { day, newKeys, newSigner, rsa as rsaAlgorithm, sign, type Signer } from '../support/certificates.ts'
import { createAuthority as createAuthorityOf, operatorAct } from './authority.ts'
import { attribute, Client, custom, named, newServer, principalOf, type Server } from './fixture.ts'
import { createPair, p256, registerPrivate, registerPublic } from './key-pairs.ts'

let server: Server
let client: Client

beforeAll(async () => {
  server = await newServer()
  server.clock.seconds = Math.floor(Date.now() / 1000)
  client = server.client
  await createAuthority('first', 'p256')
})
afterAll(() => server.services.cryptoWork.close(0))

const act = <T>(run: (context: OperationContext) => MaybePromise<T>) => operatorAct(server, run)
const createAuthority = (name: string, key: AuthorityKey) => createAuthorityOf(server, name, key)

async function newPublicKey(attributes: WireAttribute[] = []) {
  const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = await client.send(
    Operation.CreateKeyPair,
    createPair([attribute('cryptographicAlgorithm', 6), attribute('cryptographicLength', 256)], { public: attributes }),
  )
  return { privateKey: privateKeyUniqueIdentifier, publicKey: publicKeyUniqueIdentifier }
}

const template = (...attributes: WireAttribute[]) => ({ names: [], attributes })
const x509Type = attribute('certificateType', CertificateType.X509)

async function certify(uniqueIdentifier: string, ...attributes: WireAttribute[]): Promise<string> {
  const payload = { uniqueIdentifier, templateAttribute: template(x509Type, ...attributes) }
  const answer = await client.send(Operation.Certify, payload)
  return answer.uniqueIdentifier
}

async function der(uniqueIdentifier: string): Promise<Buffer> {
  const { certificate } = await client.send(Operation.Get, { uniqueIdentifier })
  return Buffer.from(certificate!.certificateValue as Uint8Array)
}

const linksOf = async (uniqueIdentifier: string) =>
  ((await client.attributes(uniqueIdentifier, ['Link'])).Link ?? []) as {
    linkType: number
    linkedObjectIdentifier: string
  }[]

async function authority(): Promise<string> {
  const [key] = await client.locate([custom('y-Certificate-Authority', 'issuer')])
  return (await linksOf(key!)).find(({ linkType }) => linkType === LinkType.CertificateLink)!.linkedObjectIdentifier
}

/** PKCS #10 of a fresh key, which is registered, or of another one. */
async function request(options: { extensions?: x509.Extension[]; algorithm?: object; foreign?: boolean } = {}) {
  const algorithm = (options.algorithm ?? p256Algorithm) as typeof p256Algorithm
  const keys = await newKeys(algorithm)
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=asked, O=Asker',
    keys: options.foreign === true ? await newKeys(algorithm) : keys,
    signingAlgorithm: algorithm,
    extensions: options.extensions ?? [],
  })
  const { uniqueIdentifier } = await client.send(Operation.Register, registerPublic(KeyObject.from(keys.publicKey)))
  return { uniqueIdentifier, bytes: Buffer.from(csr.rawData), pem: Buffer.from(csr.toString('pem')) }
}

describe('Certify', () => {
  test.each(['p256', 'p384', 'p521', 'rsa-3072'] as const)(
    'issues by an authority of %s what its key verifies',
    async (key) => {
      await createAuthority(`authority ${key}`, key)
      const { publicKey } = await newPublicKey([named(`leaf of ${key}`)])
      const issued = new X509Certificate(await der(await certify(publicKey)))
      const issuer = new X509Certificate(await der(await authority()))
      expect(issued.verify(issuer.publicKey)).toBe(true)
      expect(issued.checkIssued(issuer)).toBe(true)
      expect(issuer.checkIssued(issuer)).toBe(true)
      expect({ subject: issued.subject, issuer: issued.issuer, ca: issued.ca, own: issuer.ca }).toEqual({
        subject: `CN=leaf of ${key}`,
        issuer: `O=Test\nCN=authority ${key}`,
        ca: false,
        own: true,
      })
      expect(issued.validToDate.getTime() / 1000).toBe(server.clock.seconds + 397 * 86_400)
    },
  )

  test('takes subject, names and usages of a request, in PKCS#10 and PEM, and links both objects', async () => {
    const asked = await request({
      extensions: [
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'db.example' }]),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      ],
    })
    const { uniqueIdentifier } = asked
    for (const [certificateRequestType, certificateRequest] of [
      [CertificateRequestType.PKCS10, asked.bytes],
      [CertificateRequestType.PEM, asked.pem],
    ] as const) {
      const answer = await client.send(Operation.Certify, {
        uniqueIdentifier,
        certificateRequestType,
        certificateRequest,
      })
      const certificate = new X509Certificate(await der(answer.uniqueIdentifier))
      expect(certificate.subject).toBe('CN=asked\nO=Asker')
      expect(certificate.subjectAltName).toBe('DNS:db.example')
      expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
      expect(await linksOf(answer.uniqueIdentifier)).toEqual([
        { linkType: LinkType.PublicKeyLink, linkedObjectIdentifier: uniqueIdentifier },
      ])
      expect((await linksOf(uniqueIdentifier)).at(-1)).toEqual({
        linkType: LinkType.CertificateLink,
        linkedObjectIdentifier: answer.uniqueIdentifier,
      })
    }
  })

  test('dates of the attributes are those of the certificate', async () => {
    const { seconds } = server.clock
    const { publicKey } = await newPublicKey()
    const dates = [attribute('activationDate', seconds + 100), attribute('deactivationDate', seconds + 1000)]
    const { validFromDate, validToDate } = new X509Certificate(await der(await certify(publicKey, ...dates)))
    expect([validFromDate.getTime(), validToDate.getTime()]).toEqual([(seconds + 100) * 1000, (seconds + 1000) * 1000])
  })

  test('leads the ID Placeholder to the certificate', async () => {
    const { publicKey } = await newPublicKey()
    const items = await client.batch([
      {
        operation: Operation.Certify,
        requestPayload: { uniqueIdentifier: publicKey, templateAttribute: template(x509Type) },
      },
      { operation: Operation.Get, requestPayload: {} },
    ])
    expect((items[1]!.responsePayload as { objectType: number }).objectType).toBe(ObjectType.Certificate)
  })

  test.each([
    ['a certificate of an authority', { extensions: [new x509.BasicConstraintsExtension(true)] }, 'Invalid Field'],
    [
      'signing of certificates',
      { extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign)] },
      'Invalid Field',
    ],
    [
      'an extension that nobody knows',
      { extensions: [new x509.Extension('1.2.3.4', false, new Uint8Array([5, 0]))] },
      'Invalid Field',
    ],
    ['another key than the object', { foreign: true }, 'Invalid Field'],
    ['a key that is too weak', { algorithm: rsaAlgorithm(1024) }, 'Invalid Field'],
  ])('refuses a request for %s', async (_, options, reason) => {
    const { uniqueIdentifier, bytes } = await request(options)
    const payload = {
      uniqueIdentifier,
      certificateRequestType: CertificateRequestType.PKCS10,
      certificateRequest: bytes,
    }
    expect((await client.refusal(Operation.Certify, payload)).reason).toBe(reason)
  })

  test('refuses what it cannot read, do or answer for', async () => {
    const asked = await request()
    const { uniqueIdentifier, bytes } = asked
    const broken = Buffer.from(bytes)
    broken[broken.length - 1]! ^= 1
    const { privateKey, publicKey } = await newPublicKey()
    const { seconds } = server.clock
    const refused = async (payload: object) => (await client.refusal(Operation.Certify, payload)).reason
    const PKCS10 = { certificateRequestType: CertificateRequestType.PKCS10 }
    expect(await refused({ uniqueIdentifier, ...PKCS10, certificateRequest: broken })).toBe('Invalid Field')
    expect(await refused({ uniqueIdentifier, ...PKCS10, certificateRequest: Buffer.from('no request') })).toBe(
      'Invalid Field',
    )
    expect(await refused({ uniqueIdentifier, ...PKCS10, certificateRequest: Buffer.alloc(17_000) })).toBe(
      'Invalid Field',
    )
    expect(await refused({ uniqueIdentifier, certificateRequest: bytes })).toBe('Invalid Message')
    expect(await refused({ uniqueIdentifier, certificateRequestType: 1, certificateRequest: bytes })).toBe(
      'Feature Not Supported',
    )
    expect(await refused({ uniqueIdentifier: publicKey })).toBe('Missing Data')
    const of = (...attributes: WireAttribute[]) => ({
      uniqueIdentifier: publicKey,
      templateAttribute: template(...attributes),
    })
    expect(await refused(of(attribute('certificateType', CertificateType.PGP)))).toBe('Feature Not Supported')
    expect(
      await refused(of(x509Type, attribute('cryptographicUsageMask', CryptographicUsageMask.CertificateSign))),
    ).toBe('Invalid Field')
    expect(await refused(of(x509Type, attribute('deactivationDate', seconds - 1)))).toBe('Invalid Field')
    expect(await refused(of(x509Type, attribute('deactivationDate', seconds + 4000 * 86_400)))).toBe('Invalid Field')
    expect(await refused({ ...of(x509Type), uniqueIdentifier: privateKey })).toBe('Permission Denied')
    await client.revoke(publicKey, RevocationReasonCode.KeyCompromise)
    expect(await refused(of(x509Type))).toBe('Permission Denied')
  })

  test('needs an authority that an operator has named, which no client can name or get', async () => {
    const elsewhere = server.otherService
    const { publicKeyUniqueIdentifier } = await elsewhere.send(
      Operation.CreateKeyPair,
      createPair([attribute('cryptographicAlgorithm', 6), attribute('cryptographicLength', 256)]),
    )
    const payload = { uniqueIdentifier: publicKeyUniqueIdentifier, templateAttribute: template(x509Type) }
    expect((await elsewhere.refusal(Operation.Certify, payload)).message).toContain('krypton authority create')

    const naming = custom('y-Certificate-Authority', 'issuer')
    const { privateKey } = await newPublicKey()
    expect(
      (await client.refusal(Operation.AddAttribute, { uniqueIdentifier: privateKey, attribute: naming })).reason,
    ).toBe('Permission Denied')
    expect((await client.refusal(Operation.Register, registerPrivate(p256.privateKey, [naming]))).reason).toBe(
      'Invalid Field',
    )
    const [issuing] = await client.locate([naming])
    const uniqueIdentifier = issuing!
    const attributeName = 'y-Certificate-Authority'
    expect((await client.refusal(Operation.DeleteAttribute, { uniqueIdentifier, attributeName })).reason).toBe(
      'Permission Denied',
    )
    const other = custom('y-Certificate-Authority', 'nobody')
    expect((await client.refusal(Operation.ModifyAttribute, { uniqueIdentifier, attribute: other })).reason).toBe(
      'Permission Denied',
    )
    expect((await client.refusal(Operation.Get, { uniqueIdentifier })).reason).toBe('Not Extractable')
    expect((await client.refusal(Operation.Sign, { uniqueIdentifier, data: Buffer.from('x') })).reason).toBe(
      'Permission Denied',
    )
  })
})

describe('Re-certify', () => {
  test('takes over names, attributes and the Link of the public key, once', async () => {
    const { publicKey } = await newPublicKey()
    const old = await certify(publicKey, named('renewed'), custom('x-kept', 'yes'))
    const { uniqueIdentifier } = await client.send(Operation.ReCertify, { uniqueIdentifier: old })
    const [before, after] = [new X509Certificate(await der(old)), new X509Certificate(await der(uniqueIdentifier))]
    expect(after.subject).toBe(before.subject)
    expect(after.publicKey.equals(before.publicKey)).toBe(true)
    expect(after.serialNumber).not.toBe(before.serialNumber)
    const attributes = await client.attributes(uniqueIdentifier, ['Name', 'x-kept'])
    expect(attributes.Name).toEqual([expect.objectContaining({ nameValue: 'renewed' })])
    expect(attributes['x-kept']).toHaveLength(1)
    expect((await client.attributes(old, ['Name'])).Name).toBeUndefined()
    expect(await linksOf(old)).toContainEqual({
      linkType: LinkType.ReplacementObjectLink,
      linkedObjectIdentifier: uniqueIdentifier,
    })
    expect(await linksOf(uniqueIdentifier)).toContainEqual({
      linkType: LinkType.ReplacedObjectLink,
      linkedObjectIdentifier: old,
    })
    const certificates = (await linksOf(publicKey)).filter(({ linkType }) => linkType === LinkType.CertificateLink)
    expect(certificates.map(({ linkedObjectIdentifier }) => linkedObjectIdentifier)).toEqual([uniqueIdentifier])
    expect((await client.refusal(Operation.ReCertify, { uniqueIdentifier: old })).reason).toBe('Permission Denied')
  })

  test('moves dates by Offset', async () => {
    const { seconds } = server.clock
    const { publicKey } = await newPublicKey()
    const old = await certify(
      publicKey,
      attribute('activationDate', seconds),
      attribute('deactivationDate', seconds + 1000),
    )
    const { uniqueIdentifier } = await client.send(Operation.ReCertify, { uniqueIdentifier: old, offset: 500 })
    const { validFromDate, validToDate } = new X509Certificate(await der(uniqueIdentifier))
    expect([validFromDate.getTime(), validToDate.getTime()]).toEqual([(seconds + 500) * 1000, (seconds + 1500) * 1000])
  })

  test('refuses a key, another key pair, and dates beside Offset', async () => {
    const { publicKey } = await newPublicKey()
    const uniqueIdentifier = await certify(publicKey)
    const { bytes } = await request()
    const refused = async (payload: object) => (await client.refusal(Operation.ReCertify, payload)).reason
    expect(await refused({ uniqueIdentifier: publicKey })).toBe('Permission Denied')
    expect(await refused({ uniqueIdentifier, certificateRequestType: 2, certificateRequest: bytes })).toBe(
      'Invalid Field',
    )
    const dated = template(attribute('activationDate', server.clock.seconds))
    expect(await refused({ uniqueIdentifier, offset: 1, templateAttribute: dated })).toBe('Invalid Message')
  })
})

test('an operator names a key whose certificate another authority has issued', async () => {
  const root = await newSigner({ name: 'CN=root' })
  const keys = await newKeys()
  const active = attribute('activationDate', server.clock.seconds)
  const mask = CryptographicUsageMask.CertificateSign
  const privateKey = KeyObject.from(keys.privateKey)
  const registered = await client.send(Operation.Register, registerPrivate(privateKey, [active], { mask }))
  const below = {
    subject: 'CN=below',
    keys,
    ca: true,
    keyUsage: x509.KeyUsageFlags.keyCertSign,
    extendedKeyUsage: null,
  }
  const certificate = await registerCertificate(await sign(root, below), [active])
  const { publicKey } = await newPublicKey()
  const request = { privateKey: registered.uniqueIdentifier, certificate }
  await expect(
    act((context) => useCertificateAuthority({ ...request, privateKey: publicKey }, context)),
  ).rejects.toMatchObject({ code: 'invalid-field' })
  const other = await registerCertificate((await newSigner({ name: 'CN=other' })).der, [active])
  await expect(
    act((context) => useCertificateAuthority({ ...request, certificate: other }, context)),
  ).rejects.toMatchObject({ code: 'invalid-field' })
  await act((context) => useCertificateAuthority(request, context))
  expect(new X509Certificate(await der(await certify(publicKey))).issuer).toBe('CN=below')
  await client.revoke(certificate)
  const again = { uniqueIdentifier: publicKey, templateAttribute: template(x509Type) }
  expect((await client.refusal(Operation.Certify, again)).reason).toBe('Permission Denied')
  await createAuthority('after', 'p256')
})

async function registerCertificate(certificateValue: Uint8Array, attributes: WireAttribute[] = []): Promise<string> {
  const { uniqueIdentifier } = await client.send(Operation.Register, {
    objectType: ObjectType.Certificate,
    templateAttribute: template(...attributes),
    certificate: { certificateType: CertificateType.X509, certificateValue },
  })
  return uniqueIdentifier
}

describe('Validate', () => {
  const { Valid, Invalid, Unknown } = ValidityIndicator
  let root: Signer
  let below: Signer
  const leafOf = (signer: Signer, recipe = {}) => sign(signer, { subject: 'CN=leaf', ...recipe })
  const signerBelow = async (signer: Signer, recipe: Parameters<typeof sign>[1] = {}): Promise<Signer> => {
    const keys = await newKeys()
    const name = recipe.subject ?? `CN=below ${signer.name.slice(3)}`
    const made = {
      subject: name,
      keys,
      ca: true,
      keyUsage: x509.KeyUsageFlags.keyCertSign,
      extendedKeyUsage: null,
      ...recipe,
    }
    return { keys, algorithm: signer.algorithm, name, der: await sign(signer, made) }
  }

  async function validity(chain: readonly (Buffer | string)[], more: { validityDate?: number } = {}): Promise<number> {
    const certificates = chain.filter((one) => typeof one !== 'string')
    const { validityIndicator } = await client.send(Operation.Validate, {
      certificates: certificates.map((certificateValue) => ({
        certificateType: CertificateType.X509,
        certificateValue,
      })),
      uniqueIdentifiers: chain.filter((one) => typeof one === 'string'),
      ...more,
    })
    return validityIndicator
  }

  beforeAll(async () => {
    root = await newSigner({ name: 'CN=anchor' })
    below = await signerBelow(root)
    await registerCertificate(root.der)
  })

  test('a chain to a root that the service keeps is valid, in any order; to another it is unknown', async () => {
    const leaf = await leafOf(below)
    expect(await validity([leaf, below.der, root.der])).toBe(Valid)
    expect(await validity([root.der, leaf, below.der])).toBe(Valid)
    expect(await validity([root.der])).toBe(Valid)
    expect(await validity([leaf, below.der])).toBe(Unknown)
    const stranger = await newSigner({ name: 'CN=stranger' })
    expect(await validity([await leafOf(stranger), stranger.der])).toBe(Unknown)
  })

  test('what Certify has issued is valid until it is revoked, named or sent', async () => {
    const { publicKey } = await newPublicKey()
    const uniqueIdentifier = await certify(publicKey)
    const sent = await der(uniqueIdentifier)
    expect([await validity([uniqueIdentifier]), await validity([sent])]).toEqual([Valid, Valid])
    expect(await validity([sent], { validityDate: server.clock.seconds - 86_400 })).toBe(Invalid)
    expect(await validity([sent], { validityDate: server.clock.seconds + 398 * 86_400 })).toBe(Invalid)
    await client.revoke(uniqueIdentifier)
    expect([await validity([uniqueIdentifier]), await validity([sent])]).toEqual([Invalid, Invalid])
    await client.destroy(uniqueIdentifier)
    expect(await validity([uniqueIdentifier])).toBe(Unknown)
  })

  test.each<[string, () => Promise<(Buffer | string)[]>]>([
    ['an expired leaf', async () => [await leafOf(root, { notAfter: new Date(Date.now() - 3_600_000) }), root.der]],
    [
      'a leaf not yet valid',
      async () => [await leafOf(root, { notBefore: new Date(Date.now() + 3_600_000) }), root.der],
    ],
    [
      'a leaf of a key that signs as another',
      async () => [await leafOf({ ...below, keys: await newKeys() }), below.der, root.der],
    ],
    ['an issuer without CA:TRUE', async () => chainBelow({ ca: false })],
    ['an issuer without basic constraints', async () => chainBelow({ ca: null })],
    [
      'an issuer whose key usage signs no certificates',
      async () => chainBelow({ keyUsage: x509.KeyUsageFlags.digitalSignature }),
    ],
    [
      'an issuer that has expired',
      async () => chainBelow({ notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) }),
    ],
    [
      'a critical extension that is not understood',
      async () => [
        await leafOf(root, { extensions: [new x509.Extension('1.2.3.4', true, new Uint8Array([5, 0]))] }),
        root.der,
      ],
    ],
    [
      'name constraints',
      async () => chainBelow({ extensions: [new x509.Extension('2.5.29.30', true, new Uint8Array([0x30, 0]))] }),
    ],
    [
      'a signature by SHA-1',
      async () => [
        await leafOf(root, { signingAlgorithm: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-1' } }),
        root.der,
      ],
    ],
    ['a weak key', async () => [await leafOf(root, { keys: await newKeys(rsaAlgorithm(1024)) }), root.der]],
    [
      'a path longer than its length',
      async () => {
        const short = await signerBelow(root, {
          subject: 'CN=short',
          ca: null,
          extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
        })
        const deeper = await signerBelow(short)
        return [await leafOf(deeper), deeper.der, short.der, root.der]
      },
    ],
    [
      'a certificate of no chain beside it',
      async () => [await leafOf(root), root.der, (await newSigner({ name: 'CN=beside' })).der],
    ],
    [
      'a root that was revoked',
      async () => {
        const gone = await newSigner({ name: 'CN=gone' })
        const identifier = await registerCertificate(gone.der)
        await client.revoke(identifier, RevocationReasonCode.CACompromise)
        return [await leafOf(gone), gone.der]
      },
    ],
    [
      'a compromised and destroyed certificate',
      async () => {
        const identifier = await registerCertificate((await newSigner({ name: 'CN=destroyed' })).der)
        await client.revoke(identifier, RevocationReasonCode.CACompromise)
        await client.destroy(identifier)
        return [identifier]
      },
    ],
  ])('%s is invalid', async (_, chain) => {
    expect(await validity(await chain())).toBe(Invalid)
  })

  const chainBelow = async (recipe: Parameters<typeof sign>[1]) => {
    const issuer = await signerBelow(root, recipe)
    return [await leafOf(issuer), issuer.der, root.der]
  }

  test('refuses a chain of nothing, of too many, of other types and of bytes', async () => {
    const refused = async (payload: object) =>
      (await client.refusal(Operation.Validate, { certificates: [], uniqueIdentifiers: [], ...payload })).reason
    const X509 = { certificateType: CertificateType.X509 }
    expect(await refused({})).toBe('Invalid Message')
    expect(
      await refused({ certificates: Array.from({ length: 9 }, () => ({ ...X509, certificateValue: root.der })) }),
    ).toBe('Invalid Field')
    expect(
      await refused({ certificates: [{ certificateType: CertificateType.PGP, certificateValue: root.der }] }),
    ).toBe('Feature Not Supported')
    expect(await refused({ certificates: [{ ...X509, certificateValue: Buffer.from('no certificate') }] })).toBe(
      'Invalid Field',
    )
    expect(await refused({ certificates: [{ ...X509, certificateValue: Buffer.alloc(17_000) }] })).toBe('Invalid Field')
    expect(await refused({ uniqueIdentifiers: [(await newPublicKey()).publicKey] })).toBe('Permission Denied')
  })
})

test('an authority is for its service alone', async () => {
  const idle = new Client(principalOf(server.otherTenant.principal.scope, 'stranger'), server.services)
  expect(await idle.locate([custom('y-Certificate-Authority', 'issuer')])).toEqual([])
})

test("the authority's key is the operator's: no client changes it, replaces it, or names another", async () => {
  const [uniqueIdentifier] = await client.locate([custom('y-Certificate-Authority', 'issuer')])
  const refused = async (...sent: Parameters<Client['refusal']>) => (await client.refusal(...sent)).reason
  for (const changed of [attribute('extractable', true), attribute('sensitive', false)]) {
    expect(await refused(Operation.ModifyAttribute, { uniqueIdentifier, attribute: changed })).toBe('Permission Denied')
  }
  expect(await refused(Operation.DeleteAttribute, { uniqueIdentifier, attributeName: 'Link' })).toBe(
    'Permission Denied',
  )
  expect(await refused(Operation.AddAttribute, { uniqueIdentifier, attribute: custom('x-1', 'y') })).toBe(
    'Permission Denied',
  )
  const marker = custom('y-Certificate-Authority', 'issuer')
  const imported = (attributes: WireAttribute[]) => {
    const { privateKey } = registerPrivate(p256.privateKey)
    return { uniqueIdentifier: uniqueIdentifier!, replaceExisting: true, attributes, privateKey }
  }
  expect(await refused(Operation.Import, imported([]))).toBe('Permission Denied')
  expect(await refused(Operation.Import, { ...imported([marker]), uniqueIdentifier: randomUUID() })).toBe(
    'Invalid Field',
  )
  expect(await client.locate([marker])).toEqual([uniqueIdentifier])
})

test('an archived authority issues nothing, and is nobody to end in', async () => {
  const issued = await certify((await newPublicKey()).publicKey)
  const certificate = await authority()
  const validity = async () =>
    (await client.send(Operation.Validate, { certificates: [], uniqueIdentifiers: [issued] })).validityIndicator
  expect(await validity()).toBe(ValidityIndicator.Valid)
  const { publicKey } = await newPublicKey()
  await client.send(Operation.Archive, { uniqueIdentifier: certificate })
  const payload = { uniqueIdentifier: publicKey, templateAttribute: template(x509Type) }
  expect((await client.refusal(Operation.Certify, payload)).reason).toBe('Object archived')
  expect(await validity()).toBe(ValidityIndicator.Unknown)
  await client.send(Operation.Recover, { uniqueIdentifier: certificate })
  await certify(publicKey)
})
