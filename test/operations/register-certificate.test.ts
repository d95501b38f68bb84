import { X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { x509 } from '../../src/certificates/x509.ts'
import { digest } from '../../src/crypto/digest.ts'
import {
  CertificateType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DigitalSignatureAlgorithm,
  KeyFormatType,
  ObjectType,
  Operation,
} from '../../src/kmip/enums.ts'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import type { RequestPayload } from '../../src/kmip/payloads/index.ts'
import { newSigner, rsa } from '../support/certificates.ts'
import { attribute, named, newServer } from './fixture.ts'
import type { Server } from './fixture.ts'

let server: Server
let certificate: Buffer
beforeAll(async () => {
  server = await newServer()
  const { der } = await newSigner({
    name: 'C=US, O=TEST\\, Inc, OU=OASIS, CN=KMIP 鍵',
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'kmip.example' },
        { type: 'email', value: 'kmip@example.org' },
        { type: 'ip', value: '10.1.2.3' },
      ]),
    ],
  })
  certificate = der
})

function register(
  certificateValue: Uint8Array,
  attributes: readonly WireAttribute[] = [],
): RequestPayload<typeof Operation.Register> {
  return {
    objectType: ObjectType.Certificate,
    templateAttribute: {
      names: [],
      attributes: [attribute('cryptographicUsageMask', CryptographicUsageMask.Verify), ...attributes],
    },
    certificate: { certificateType: CertificateType.X509, certificateValue },
  }
}

describe('Register and Get of a certificate', () => {
  test('say what is wrong with bytes that are no certificate', async () => {
    const text = Buffer.from(new X509Certificate(certificate).toString())
    for (const [bytes, words] of [
      [text, /in DER: this is PEM/u],
      [certificate.subarray(1), /X\.509 certificate in DER: these bytes are none/u],
    ] as const) {
      const refusal = await server.client.refusal(Operation.Register, register(bytes))
      expect(refusal).toEqual({ reason: 'Invalid Field', message: expect.stringMatching(words) })
    }
  })

  test('keep it byte by byte, with what it says of itself', async () => {
    const { client } = server
    const { uniqueIdentifier } = await client.send(Operation.Register, register(certificate, [named('certificate')]))
    for (const keyFormatType of [undefined, KeyFormatType.X509]) {
      expect(await client.send(Operation.Get, { uniqueIdentifier, keyFormatType })).toEqual({
        objectType: ObjectType.Certificate,
        uniqueIdentifier,
        certificate: { certificateType: CertificateType.X509, certificateValue: certificate },
      })
    }
    const known = new X509Certificate(certificate)
    const issuer = String.raw`CN=KMIP 鍵,OU=OASIS,O=TEST\, Inc,C=US`
    const attributes = await client.attributes(uniqueIdentifier)
    expect(attributes).toMatchObject({
      'Object Type': [ObjectType.Certificate],
      'Certificate Type': [CertificateType.X509],
      'Certificate Length': [certificate.byteLength],
      'Certificate Identifier': [{ issuer, serialNumber: known.serialNumber }],
      'Certificate Issuer': [{ certificateIssuerDistinguishedName: issuer }],
      'Certificate Subject': [
        {
          certificateSubjectDistinguishedName: issuer,
          certificateSubjectAlternativeNames: ['kmip.example', 'kmip@example.org', '10.1.2.3'],
        },
      ],
      'Digital Signature Algorithm': [DigitalSignatureAlgorithm.ECDSAWithSHA256],
      'Cryptographic Algorithm': [CryptographicAlgorithm.EC],
      'Cryptographic Length': [256],
      Digest: [{ hashingAlgorithm: 6, digestValue: digest('sha256', certificate) }],
      State: [1],
    })
    const [identifier] = attributes['X.509 Certificate Identifier'] as {
      issuerDistinguishedName: Buffer
      certificateSerialNumber: Buffer
    }[]
    expect(certificate.includes(identifier!.issuerDistinguishedName)).toBe(true)
    expect(identifier!.issuerDistinguishedName[0]).toBe(0x30)
    expect(identifier!.certificateSerialNumber.toString('hex').toUpperCase()).toMatch(
      new RegExp(`^02..(00)?${known.serialNumber}$`),
    )
    const [subject] = attributes['X.509 Certificate Subject'] as { subjectAlternativeNames: Buffer[] }[]
    expect(subject!.subjectAlternativeNames.map((name) => name[0])).toEqual([0x82, 0x81, 0x87])
  })

  test('tell the algorithm of its key, and take what a client says as well', async () => {
    const { client } = server
    const { der } = await newSigner({ algorithm: rsa(2048, 'SHA-384') })
    const { uniqueIdentifier } = await client.send(
      Operation.Register,
      register(der, [
        attribute('certificateType', CertificateType.X509),
        attribute('certificateLength', der.byteLength),
        attribute('cryptographicLength', 2048),
        attribute('digitalSignatureAlgorithm', DigitalSignatureAlgorithm.SHA384WithRSAEncryptionPKCS1V1_5),
      ]),
    )
    expect(await client.attributes(uniqueIdentifier)).toMatchObject({
      'Cryptographic Algorithm': [CryptographicAlgorithm.RSA],
      'Cryptographic Length': [2048],
    })
  })

  test('keep one whose key and signature have no word in the specification', async () => {
    const { client } = server
    const { der } = await newSigner({ algorithm: { name: 'Ed25519' } })
    const { uniqueIdentifier } = await client.send(Operation.Register, register(der))
    const attributes = await client.attributes(uniqueIdentifier)
    expect(attributes['Digital Signature Algorithm']).toBeUndefined()
    expect(attributes['Cryptographic Length']).toBeUndefined()
    expect(attributes['Certificate Length']).toEqual([der.byteLength])
  })

  test('show to KMIP 1.0 what it knows', async () => {
    const { client } = server
    const { uniqueIdentifier } = await client.send(Operation.Register, register(certificate), { version: 10 })
    const attributes = await client.attributes(uniqueIdentifier, [], { version: 10 })
    expect(Object.keys(attributes)).toContain('Certificate Identifier')
    expect(Object.keys(attributes)).not.toContain('X.509 Certificate Identifier')
  })

  test.each([
    ['bytes that are none', () => register(Buffer.from('no certificate')), 'Invalid Field'],
    ['one that is cut', () => register(certificate.subarray(0, -1)), 'Invalid Field'],
    ['one with bytes after it', () => register(Buffer.concat([certificate, Buffer.from([0])])), 'Invalid Field'],
    ['another length', () => register(certificate, [attribute('certificateLength', 1)]), 'Invalid Field'],
    ['another algorithm', () => register(certificate, [attribute('cryptographicAlgorithm', 4)]), 'Invalid Field'],
    [
      'an identifier of its own',
      () => register(certificate, [attribute('certificateIdentifier', { issuer: 'CN=me', serialNumber: '1' })]),
      'Invalid Field',
    ],
    [
      'a PGP certificate',
      () => ({ ...register(certificate), certificate: { certificateType: 2, certificateValue: certificate } }),
      'Feature Not Supported',
    ],
  ])('refuse %s', async (_, request, reason) => {
    expect((await server.client.refusal(Operation.Register, request())).reason).toBe(reason)
    expect(server.faults).toEqual([])
  })

  test('do not serve it as what it is not', async () => {
    const { uniqueIdentifier } = await server.client.send(Operation.Register, register(certificate))
    const asked = { uniqueIdentifier, keyFormatType: KeyFormatType.PKCS1 }
    expect((await server.client.refusal(Operation.Get, asked)).reason).toBe('Key Format Type Not Supported')
    const use = { uniqueIdentifier, cryptographicParameters: { hashingAlgorithm: 6 }, data: certificate }
    expect((await server.client.refusal(Operation.Sign, use)).reason).toBe('Permission Denied')
  })
})
