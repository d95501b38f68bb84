import { isIP } from 'node:net'
import { KeyObject, type webcrypto, X509Certificate } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { newSerialNumber } from './certificate-form.ts'
import { newKeyPair, p256, privateKeyPem, readPrivateKey } from './key-pair.ts'
import type { x509 } from './x509.ts'

/** A certificate and, where it was made here, its private key. Whoever takes `privateKeyPem` wipes it. */
export interface IssuedCertificate {
  readonly certificatePem: string
  /** DER. */
  readonly certificate: Buffer
  readonly privateKeyPem?: Buffer
  readonly notAfter: Date
}

/** The server's own certification authority: a P-256 key, ten years, no intermediate authorities below it. */
export class CertificateAuthority {
  readonly certificatePem: string
  /** DER. */
  readonly certificate: Buffer
  readonly #key: KeyObject

  private constructor(certificate: X509Certificate, key: KeyObject) {
    this.#key = key
    this.certificatePem = certificate.toString()
    this.certificate = certificate.raw
  }

  /** Makes a new one; its key is given once as PEM, to be written to a file of mode 0400 and wiped. */
  static async create(name: string, now: Date): Promise<{ authority: CertificateAuthority; privateKeyPem: Buffer }> {
    const { x509 } = await import('./x509.ts')
    const keys = await newKeyPair()
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: newSerialNumber(),
      name: commonName(name),
      keys,
      signingAlgorithm: p256,
      notBefore: startOf(now),
      notAfter: daysAfter(now, limits.authorityDays),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    })
    const own = new X509Certificate(Buffer.from(certificate.rawData))
    const authority = new CertificateAuthority(own, KeyObject.from(keys.privateKey))
    return { authority, privateKeyPem: await privateKeyPem(keys.privateKey) }
  }

  /** Opens one from its two files. Throws 'certificate-invalid' when they cannot be read or do not belong together. */
  static open(certificatePem: string, keyPem: Uint8Array): CertificateAuthority {
    const certificate = readCertificate(certificatePem)
    const key = readPrivateKey(keyPem)
    if (!certificate.checkPrivateKey(key)) {
      throw new KryptonError(
        'certificate-invalid',
        'the private key does not belong to the certificate: give both of one authority',
      )
    }
    return new CertificateAuthority(certificate, key)
  }

  /** A server's certificate with a fresh key, for localhost and `hosts` (names and addresses). */
  async issueServer(hosts: readonly string[], now: Date): Promise<IssuedCertificate> {
    const { x509 } = await import('./x509.ts')
    const names = [...new Set(['localhost', '127.0.0.1', '::1', ...hosts])]
    const keys = await newKeyPair()
    const alternatives = names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }))
    const certificate = await this.#issue({
      subject: commonName('Krypton server'),
      publicKey: keys.publicKey,
      now,
      days: limits.serverCertificateDays,
      extensions: [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(alternatives),
      ],
    })
    return issued(certificate, await privateKeyPem(keys.privateKey))
  }

  /** A client's certificate. With `csr` (PEM) it is for that key, whose possession the request proves; else for a fresh one. Throws 'certificate-invalid'. */
  async issueClient(request: { readonly name: string; readonly csr?: string }, now: Date): Promise<IssuedCertificate> {
    const { x509 } = await import('./x509.ts')
    const { name, csr } = request
    const keys = csr === undefined ? await newKeyPair() : undefined
    const publicKey = keys === undefined ? await requestedKey(csr!, x509) : keys.publicKey
    const certificate = await this.#issue({
      subject: commonName(name),
      publicKey,
      now,
      days: limits.clientCertificateDays,
      extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
    })
    return issued(certificate, keys === undefined ? undefined : await privateKeyPem(keys.privateKey))
  }

  async #issue(leaf: {
    readonly subject: x509.JsonName
    readonly publicKey: webcrypto.CryptoKey | x509.PublicKey
    readonly now: Date
    readonly days: number
    readonly extensions: x509.Extension[]
  }): Promise<x509.X509Certificate> {
    const { x509 } = await import('./x509.ts')
    const issuer = new x509.X509Certificate(new Uint8Array(this.certificate))
    const end = daysAfter(leaf.now, leaf.days)
    return x509.X509CertificateGenerator.create({
      serialNumber: newSerialNumber(),
      subject: leaf.subject,
      issuer: issuer.subject,
      publicKey: leaf.publicKey,
      signingKey: this.#key.toCryptoKey(p256, false, ['sign']),
      signingAlgorithm: p256,
      notBefore: startOf(leaf.now),
      // A certificate that outlives its authority would fail on a day that nobody expects.
      notAfter: end < issuer.notAfter ? end : issuer.notAfter,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...leaf.extensions,
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(leaf.publicKey),
      ],
    })
  }
}

/** The certificate in a PEM text. Throws 'certificate-invalid'. */
function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new KryptonError('certificate-invalid', 'give the certificate as X.509 in PEM', { cause })
  }
}

/** The key of a PKCS #10 request, whose signature proves that the asker holds the private part. */
async function requestedKey(csr: string, library: typeof x509): Promise<x509.PublicKey> {
  let request: x509.Pkcs10CertificateRequest
  let proven: boolean
  try {
    request = new library.Pkcs10CertificateRequest(csr)
    proven = await request.verify()
  } catch (cause) {
    throw new KryptonError('certificate-invalid', 'give the certificate request as PKCS #10 in PEM', { cause })
  }
  if (!proven) {
    throw new KryptonError(
      'certificate-invalid',
      'sign the certificate request with the private key that belongs to it',
    )
  }
  return request.publicKey
}

function issued(certificate: x509.X509Certificate, keyPem: Buffer | undefined): IssuedCertificate {
  return {
    certificatePem: pemOf(certificate),
    certificate: Buffer.from(certificate.rawData),
    privateKeyPem: keyPem,
    notAfter: certificate.notAfter,
  }
}

const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`

/** As a structure, so that a comma or an equals sign in a name stays part of it. */
const commonName = (name: string): x509.JsonName => [{ CN: [name] }]

/** An hour ago, because clients' clocks differ. */
const startOf = (now: Date): Date => new Date(now.getTime() - 3_600_000)

const daysAfter = (now: Date, days: number): Date => new Date(now.getTime() + days * 86_400_000)
