import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

/** Files of the bench's own CA: a server's and a client's certificate, P-256, for 127.0.0.1 and localhost. */
export interface BenchCertificates {
  readonly caFile: string
  readonly serverCertFile: string
  readonly serverKeyFile: string
  readonly clientCertFile: string
  readonly clientKeyFile: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const hour = 3_600_000

/** Makes them in `directory`, good for a day. */
export async function makeCertificates(directory: string): Promise<BenchCertificates> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const validity = { notBefore: new Date(Date.now() - hour), notAfter: new Date(Date.now() + 24 * hour) }
  const caKeys = await newKeys()
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=bench CA',
    keys: caKeys,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  })
  const write = (name: string, pem: string): string => {
    const file = join(directory, name)
    writeFileSync(file, `${pem}\n`, { mode: 0o600 })
    return file
  }
  const leaf = async (name: string, usage: string): Promise<[string, string]> => {
    const keys = await newKeys()
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${name}`,
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: algorithm,
      ...validity,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage]),
        new x509.SubjectAlternativeNameExtension([
          { type: 'ip', value: '127.0.0.1' },
          { type: 'dns', value: 'localhost' },
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
      ],
    })
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
    const pem = x509.PemConverter.encode(new Uint8Array(key).buffer, 'PRIVATE KEY')
    key.fill(0)
    return [write(`${name}.pem`, certificate.toString('pem')), write(`${name}.key`, pem)]
  }
  const [serverCertFile, serverKeyFile] = await leaf('server', x509.ExtendedKeyUsage.serverAuth)
  const [clientCertFile, clientKeyFile] = await leaf('client', x509.ExtendedKeyUsage.clientAuth)
  return { caFile: write('ca.pem', ca.toString('pem')), serverCertFile, serverKeyFile, clientCertFile, clientKeyFile }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}
