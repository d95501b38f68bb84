import { type webcrypto, X509Certificate } from 'node:crypto'
import { newSerialNumber } from './certificate-form.ts'
import type { RequestedCertificate } from './certificate-request.ts'
import { checkPublicKey } from './public-key.ts'
import type { x509 } from './x509.ts'

/** A certificate that is to be issued. Both ends belong to its validity. */
export interface CertificateToIssue extends RequestedCertificate {
  readonly notBefore: Date
  readonly notAfter: Date
  /** Of an authority, below which there is none. */
  readonly isAuthority: boolean
}

/** Who issues: name and public key, and what signs with the private key, which stays where it is. */
export interface CertificateSigner {
  /** Name in DER. */
  readonly name: Uint8Array
  /** DER. */
  readonly subjectPublicKeyInfo: Uint8Array
  readonly algorithm: SigningAlgorithm
  /** The signature by that algorithm; of ECDSA the SEQUENCE of r and s. */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>
}

export interface SigningAlgorithm {
  readonly type: 'rsa' | 'ec'
  readonly hash: 'sha256' | 'sha384' | 'sha512'
}

/**
 * Issues a certificate of X.509 version 3 with a serial number of its own. Returns DER.
 * @throws KryptonError certificate-invalid: the public key is too weak, or of a kind that certificates here do not have
 */
export async function issueCertificate(wanted: CertificateToIssue, signer: CertificateSigner): Promise<Buffer> {
  const { x509 } = await import('./x509.ts')
  const publicKey = new x509.PublicKey(new Uint8Array(wanted.subjectPublicKeyInfo))
  const { name, hash } = names[signer.algorithm.type][signer.algorithm.hash]
  // A key of WebCrypto's form without a key in it: the library asks only `sign` below, which knows the key.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as said, and its algorithm is all that is read of it
  const signingKey = { algorithm: { name, hash } } as unknown as webcrypto.CryptoKey
  const subtle = { sign: async (_algorithm: unknown, _key: unknown, bytes: ArrayBuffer) => signed(signer, bytes) }
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: newSerialNumber(),
      subject: new x509.Name(new Uint8Array(wanted.subject)),
      issuer: new x509.Name(new Uint8Array(signer.name)),
      publicKey,
      signingKey,
      signingAlgorithm: { name, hash },
      notBefore: wanted.notBefore,
      notAfter: wanted.notAfter,
      extensions: [
        new x509.BasicConstraintsExtension(wanted.isAuthority, wanted.isAuthority ? 0 : undefined, true),
        ...usagesOf(wanted, x509),
        ...(wanted.subjectAlternativeName === undefined
          ? []
          : [new x509.Extension('2.5.29.17', false, new Uint8Array(wanted.subjectAlternativeName))]),
        await x509.AuthorityKeyIdentifierExtension.create(
          new x509.PublicKey(new Uint8Array(signer.subjectPublicKeyInfo)),
        ),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ],
    },
    // With a serial number and a public key given, `create` signs and does nothing else.
    { subtle },
  )
  const der = Buffer.from(certificate.rawData)
  checkPublicKey(new X509Certificate(der).publicKey)
  return der
}

function usagesOf({ keyUsage = 0, extendedKeyUsage }: CertificateToIssue, library: typeof x509): x509.Extension[] {
  const extensions: x509.Extension[] = []
  if (keyUsage !== 0) extensions.push(new library.KeyUsagesExtension(keyUsage, true))
  if (extendedKeyUsage.length > 0) extensions.push(new library.ExtendedKeyUsageExtension([...extendedKeyUsage]))
  return extensions
}

async function signed(signer: CertificateSigner, bytes: ArrayBuffer): Promise<ArrayBuffer> {
  const signature = await signer.sign(new Uint8Array(bytes))
  return new Uint8Array(signature).buffer
}

/** By the library's names. `ecdsa` in small letters, so that it takes the signature as it is: in capitals it would expect WebCrypto's form. */
const names = {
  rsa: {
    sha256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    sha384: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' },
    sha512: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' },
  },
  ec: {
    sha256: { name: 'ecdsa', hash: 'SHA-256' },
    sha384: { name: 'ecdsa', hash: 'SHA-384' },
    sha512: { name: 'ecdsa', hash: 'SHA-512' },
  },
} as const
