import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { CertificateAuthority } from './certificates/certificate-authority.ts'
import { issueInteropServer } from './certificates/interop-certificate.ts'
import type { Config } from './config.ts'
import { KryptonError } from './errors.ts'
import { readInstanceFile, refuseOpenKey, writeInstanceFile } from './instance-file.ts'

/** The certificate that the server shows its clients. */
export interface ServerCertificate {
  /** Names and addresses for which it is good, in its own order. */
  readonly names: readonly string[]
  readonly notAfter: Date
}

/**
 * Reads and checks the server's certificate and key, so that what is wrong is told before a port is bound. In production a key that others than its owner and group may read is refused.
 * @throws KryptonError config-invalid: with the file and its fault
 */
export async function readServerCertificate({
  kmip,
  server: { profile },
}: Pick<Config, 'kmip' | 'server'>): Promise<ServerCertificate> {
  const { certificateFile, keyFile, interopCertificateFile, interopKeyFile } = kmip
  if (profile === 'production') refuseOpenKey(keyFile)
  if (kmip.tlsProfile === 'kmip-1.x-interop') {
    if (profile === 'production') refuseOpenKey(interopKeyFile)
    const { publicKey } = await readPair({ certificateFile: interopCertificateFile, keyFile: interopKeyFile }, interop)
    if (publicKey.asymmetricKeyType !== 'rsa') {
      throw new KryptonError(
        'config-invalid',
        `${interopCertificateFile} has no RSA key: put one in its place, or run ${interop}`,
      )
    }
  }
  const certificate = await readPair({ certificateFile, keyFile }, renewal)
  return { names: namesOf(certificate), notAfter: certificate.validToDate }
}

async function readPair(
  { certificateFile, keyFile }: Pick<Config['kmip'], 'certificateFile' | 'keyFile'>,
  renewal: string,
): Promise<X509Certificate> {
  const certificate = parseCertificate(certificateFile, await readInstanceFile(certificateFile, renewal))
  const pem = await readInstanceFile(keyFile, renewal)
  try {
    if (!certificate.checkPrivateKey(parseKey(keyFile, pem)))
      throw new KryptonError(
        'config-invalid',
        `${keyFile} is not the key of ${certificateFile}: put the pair in place, or run ${renewal}`,
      )
  } finally {
    pem.fill(0)
  }
  return certificate
}

/** Makes an RSA key and certificate for `hosts` and the file of their authority, which stands beside them. */
export async function writeInteropCertificate(
  hosts: readonly string[],
  { interopCertificateFile, interopKeyFile }: Config['kmip'],
  now: Date,
): Promise<ServerCertificate & { readonly files: readonly string[] }> {
  const issued = await issueInteropServer(hosts, now)
  const authorityFile = join(dirname(interopCertificateFile), 'interop-ca.pem')
  try {
    writeInstanceFile(interopKeyFile, issued.privateKeyPem, 0o400)
  } finally {
    issued.privateKeyPem.fill(0)
  }
  writeInstanceFile(authorityFile, issued.authorityPem, 0o644)
  writeInstanceFile(interopCertificateFile, issued.certificatePem, 0o644)
  const names = namesOf(new X509Certificate(issued.certificatePem))
  return { names, notAfter: issued.notAfter, files: [interopKeyFile, interopCertificateFile, authorityFile] }
}

/** The names of the certificate that is there besides the loopback ones, which every one gets. Throws 'config-invalid'. */
export async function serverCertificateNames({ certificateFile }: Config['kmip']): Promise<string[]> {
  const names = namesOf(parseCertificate(certificateFile, await readInstanceFile(certificateFile, renewal)))
  return names.filter((name) => !isLoopback(name))
}

/** Makes a key and a certificate for `hosts` and puts them in place, the key first: a certificate is there when all is. */
export async function writeServerCertificate(
  authority: CertificateAuthority,
  hosts: readonly string[],
  { certificateFile, keyFile }: Config['kmip'],
  now: Date,
): Promise<ServerCertificate> {
  const issued = await authority.issueServer(hosts, now)
  const pem = issued.privateKeyPem!
  try {
    writeInstanceFile(keyFile, pem, 0o400)
  } finally {
    pem.fill(0)
  }
  writeInstanceFile(certificateFile, issued.certificatePem, 0o644)
  return { names: namesOf(new X509Certificate(issued.certificate)), notAfter: issued.notAfter }
}

const renewal = 'krypton server-certificate renew --host NAME'
const interop = 'krypton server-certificate interop --host NAME'

/** A name by which only this machine is called. OpenSSL writes ::1 in full. */
export function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || name === '0:0:0:0:0:0:0:1' || name.startsWith('127.')
}

function parseCertificate(file: string, pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new KryptonError('config-invalid', `${file} is not a certificate in PEM: put the server's own in its place`, {
      cause,
    })
  }
}

function parseKey(file: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem' })
  } catch {
    // The cause is left out: a parser's message may quote what it read.
    throw new KryptonError(
      'config-invalid',
      `${file} is not a private key in PEM without a passphrase: put the server's own in its place`,
    )
  }
}

/** `DNS:localhost, IP Address:127.0.0.1`: OpenSSL quotes whatever in a name could be taken for its own commas. */
function namesOf(certificate: X509Certificate): string[] {
  const text = certificate.subjectAltName ?? ''
  return text.split(', ').flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? [])
}
