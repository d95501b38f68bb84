import { createPrivateKey, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { CertificateAuthority } from '../../src/certificates/certificate-authority.ts'
import { p256, privateKeyPem } from '../../src/certificates/key-pair.ts'
import { x509 } from '../../src/certificates/x509.ts'
import { isKryptonError } from '../../src/errors.ts'
import { day, newKeys, rsa } from '../support/certificates.ts'

const now = new Date('2030-01-01T00:00:00Z')
const created = await CertificateAuthority.create('Krypton, test = CA', now)

const refused = (text: string) => (error: unknown) =>
  isKryptonError(error, 'certificate-invalid') && error.message.includes(text)

async function request(options: { forge?: boolean } = {}): Promise<string> {
  const keys = await newKeys()
  const other = options.forge === true ? await newKeys() : keys
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=asked',
    keys: { publicKey: keys.publicKey, privateKey: other.privateKey },
    signingAlgorithm: p256,
  })
  return csr.toString('pem')
}

describe('the authority', () => {
  test('is a P-256 certificate for ten years that signs no other authority', () => {
    const certificate = new X509Certificate(created.authority.certificatePem)
    expect(certificate.ca).toBe(true)
    expect(certificate.subject).toBe('CN=Krypton\\, test = CA')
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
    expect(certificate.validToDate.getTime() - now.getTime()).toBe(3650 * day)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
  })

  test('opens again from its two files', async () => {
    const { authority, privateKeyPem: pem } = created
    const opened = CertificateAuthority.open(authority.certificatePem, pem)
    const { certificate } = await opened.issueClient({ name: 'demo' }, now)
    expect(new X509Certificate(certificate).verify(new X509Certificate(authority.certificate).publicKey)).toBe(true)
  })

  test('does not open with the key of another, a key of another kind, or what is no key or certificate', async () => {
    const { certificatePem } = created.authority
    const other = await CertificateAuthority.create('other', now)
    const rsaPem = await privateKeyPem((await newKeys(rsa(2048))).privateKey)
    const open = (pem: string, key: Buffer) => () => CertificateAuthority.open(pem, key)
    expect(open(certificatePem, other.privateKeyPem)).toThrow('does not belong to the certificate')
    expect(open(certificatePem, rsaPem)).toThrow('use a P-256 private key')
    expect(open(certificatePem, Buffer.from('no key'))).toThrow('PKCS #8 in PEM')
    expect(open('no certificate', other.privateKeyPem)).toThrow('X.509 in PEM')
  })
})

describe('a certificate', () => {
  test('of a server is for localhost, both loopback addresses and the hosts that were named', async () => {
    const { certificate, privateKeyPem: pem } = await created.authority.issueServer(['kms.example', '192.0.2.1'], now)
    const parsed = new X509Certificate(certificate)
    expect(parsed.checkHost('localhost')).toBe('localhost')
    expect(parsed.checkHost('kms.example')).toBe('kms.example')
    for (const address of ['127.0.0.1', '::1', '192.0.2.1']) expect(parsed.checkIP(address)).toBe(address)
    expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(parsed.checkPrivateKey(createPrivateKey(pem!))).toBe(true)
  })

  test('of a client comes with its key', async () => {
    const issued = await created.authority.issueClient({ name: 'demo' }, now)
    const parsed = new X509Certificate(issued.certificatePem)
    expect(parsed.checkPrivateKey(createPrivateKey(issued.privateKeyPem!))).toBe(true)
    expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(parsed.validToDate).toEqual(issued.notAfter)
  })

  test('of a request has its key, our name for it, and comes without a private key', async () => {
    const csr = await request()
    const issued = await created.authority.issueClient({ name: 'ours', csr }, now)
    const asked = new x509.Pkcs10CertificateRequest(csr)
    expect(Buffer.from(new x509.X509Certificate(issued.certificatePem).publicKey.rawData)).toEqual(
      Buffer.from(asked.publicKey.rawData),
    )
    expect(new X509Certificate(issued.certificate).subject).toBe('CN=ours')
    expect(issued.privateKeyPem).toBeUndefined()
  })

  test('is refused for a request that is not signed with its own key, or is none', async () => {
    const { authority } = created
    const forged = await request({ forge: true })
    await expect(authority.issueClient({ name: 'x', csr: forged }, now)).rejects.toSatisfy(refused('private key'))
    await expect(authority.issueClient({ name: 'x', csr: 'none' }, now)).rejects.toSatisfy(refused('PKCS #10'))
  })

  test('does not outlive its authority', async () => {
    const late = new Date(now.getTime() + 3600 * day)
    const { notAfter } = await created.authority.issueClient({ name: 'late' }, late)
    expect(notAfter.getTime()).toBe(now.getTime() + 3650 * day)
  })
})

test('private keys in PEM are what Node writes', async () => {
  const { privateKey } = await newKeys()
  const pem = await privateKeyPem(privateKey)
  expect(pem.toString('latin1')).toBe(createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem' }))
})
