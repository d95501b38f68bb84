import { webcrypto } from 'node:crypto'
import { CertificateAuthority, type IssuedCertificate } from '../../src/certificates/certificate-authority.ts'
import { p256, privateKeyPem } from '../../src/certificates/key-pair.ts'
import { x509 } from '../../src/certificates/x509.ts'

/** A certificate and its key, as TLS takes them. */
export interface TestIdentity {
  readonly cert: string
  readonly key: string
  /** DER. */
  readonly der: Buffer
}

export const day = 86_400_000

/** The identity of what an authority of ours issued with a fresh key. */
export function identityOf(issued: IssuedCertificate): TestIdentity {
  return { cert: issued.certificatePem, key: issued.privateKeyPem!.toString('latin1'), der: issued.certificate }
}

/** An authority of ours as of `now`. */
export async function newAuthority(name = 'test authority', now = new Date()): Promise<CertificateAuthority> {
  const { authority } = await CertificateAuthority.create(name, now)
  return authority
}

export interface Signer {
  readonly keys: webcrypto.CryptoKeyPair
  readonly algorithm: Algorithm
  readonly name: string
  /** DER of its own certificate. */
  readonly der: Buffer
}

type Algorithm = {
  readonly name: string
  readonly hash?: string
  readonly namedCurve?: string
  readonly saltLength?: number
}

/** What may be wrong about a certificate; nothing of it: a good client certificate. */
export interface CertificateRecipe {
  readonly subject?: string
  readonly issuer?: string
  readonly serialNumber?: string
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly keys?: webcrypto.CryptoKeyPair
  readonly signingAlgorithm?: Algorithm
  /** null leaves it out. */
  readonly ca?: boolean | null
  readonly keyUsage?: x509.KeyUsageFlags | null
  readonly extendedKeyUsage?: readonly string[] | null
  readonly authorityKeyIdentifier?: boolean
  readonly extensions?: readonly x509.Extension[]
}

export const rsa = (modulusLength: number, hash = 'SHA-256', name = 'RSASSA-PKCS1-v1_5') => ({
  name,
  hash,
  modulusLength,
  publicExponent: new Uint8Array([1, 0, 1]),
})

export async function newKeys(algorithm: object = p256): Promise<webcrypto.CryptoKeyPair> {
  const keys: unknown = await webcrypto.subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, [
    'sign',
    'verify',
  ])
  return keys as webcrypto.CryptoKeyPair
}

/** A self-signed authority that signs whatever it is told to. */
export async function newSigner(
  options: { name?: string; keys?: webcrypto.CryptoKeyPair; algorithm?: Algorithm; extensions?: x509.Extension[] } = {},
): Promise<Signer> {
  const { name = 'CN=signer', algorithm = p256 } = options
  const keys = options.keys ?? (await newKeys(algorithm))
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name,
    keys,
    signingAlgorithm: algorithm as typeof p256,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 3650 * day),
    extensions: options.extensions ?? [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { keys, algorithm, name, der: Buffer.from(certificate.rawData) }
}

/** A certificate by recipe, signed by `signer`, DER. */
export async function sign(signer: Signer, recipe: CertificateRecipe = {}): Promise<Buffer> {
  const keys = recipe.keys ?? (await newKeys())
  const extensions: x509.Extension[] = []
  const { ca = false, keyUsage = x509.KeyUsageFlags.digitalSignature } = recipe
  const { extendedKeyUsage = [x509.ExtendedKeyUsage.clientAuth] } = recipe
  if (ca !== null) extensions.push(new x509.BasicConstraintsExtension(ca, undefined, true))
  if (keyUsage !== null) extensions.push(new x509.KeyUsagesExtension(keyUsage, true))
  if (extendedKeyUsage !== null) extensions.push(new x509.ExtendedKeyUsageExtension([...extendedKeyUsage]))
  if (recipe.authorityKeyIdentifier !== false) {
    extensions.push(await x509.AuthorityKeyIdentifierExtension.create(signer.keys.publicKey))
  }
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: recipe.serialNumber ?? '0102030405',
    subject: recipe.subject ?? 'CN=client',
    issuer: recipe.issuer ?? signer.name,
    notBefore: recipe.notBefore ?? new Date(Date.now() - day),
    notAfter: recipe.notAfter ?? new Date(Date.now() + day),
    publicKey: keys.publicKey,
    signingKey: signer.keys.privateKey,
    signingAlgorithm: (recipe.signingAlgorithm ?? signer.algorithm) as typeof p256,
    extensions: [...extensions, ...(recipe.extensions ?? [])],
  })
  return Buffer.from(certificate.rawData)
}

/** A certificate by recipe with its key, for TLS. */
export async function signIdentity(signer: Signer, recipe: CertificateRecipe = {}): Promise<TestIdentity> {
  const keys = recipe.keys ?? (await newKeys())
  const der = await sign(signer, { ...recipe, keys })
  const cert = new x509.X509Certificate(new Uint8Array(der)).toString('pem')
  return { cert, key: (await privateKeyPem(keys.privateKey)).toString('latin1'), der }
}
