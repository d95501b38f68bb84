import { webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { limits } from '../limits.ts'
import { newSerialNumber } from './certificate-form.ts'
import { privateKeyPem } from './key-pair.ts'

/** An RSA certificate for the server and the authority that has signed it, PEM. Whoever takes `privateKeyPem` wipes it. */
export interface InteropCertificate {
  readonly authorityPem: string
  readonly certificatePem: string
  readonly privateKeyPem: Buffer
  readonly notAfter: Date
}

/**
 * Makes what clients need that know RSA alone: a key of RSA-2048, which old arrays take, a certificate for localhost and `hosts`, and an
 * authority of RSA too, since such a client verifies no signature of P-256. The authority signs this once: its private key is kept nowhere, so
 * a new certificate has a new one.
 */
export async function issueInteropServer(hosts: readonly string[], now: Date): Promise<InteropCertificate> {
  const { x509 } = await import('./x509.ts')
  const authorityKeys = await webcrypto.subtle.generateKey(rsa, false, ['sign', 'verify'])
  const keys = await webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify'])
  const names = [...new Set(['localhost', '127.0.0.1', '::1', ...hosts])]
  const validity = {
    notBefore: new Date(now.getTime() - 3_600_000),
    notAfter: new Date(now.getTime() + limits.serverCertificateDays * 86_400_000),
  }
  const { keyCertSign, cRLSign, digitalSignature, keyEncipherment } = x509.KeyUsageFlags
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    name: [{ CN: ['Krypton interop CA'] }],
    keys: authorityKeys,
    signingAlgorithm: rsa,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    subject: [{ CN: ['Krypton server'] }],
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: rsa,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      // Suites without key agreement encipher the secret under this key.
      new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    authorityPem: `${authority.toString('pem')}\n`,
    certificatePem: `${certificate.toString('pem')}\n`,
    privateKeyPem: await privateKeyPem(keys.privateKey),
    notAfter: validity.notAfter,
  }
}

const rsa = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
} as const
