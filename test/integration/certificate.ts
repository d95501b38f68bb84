import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { identityIn } from './krypton-server.ts'
import type { Identity } from './krypton-server.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
}

/** From an hour ago until `ms` from now: negative for a certificate that is expired already. */
export function validFor(ms: number): Validity {
  return { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + ms) }
}

/**
 * A new certificate for the key of `identity`, issued by the server's own CA, whose key lies in `directory`: what a renewal
 * does. The binding is of keys, so it fits without another word to the server. Writes the four files into `out`.
 */
export async function renew(directory: string, identity: Identity, out: string, validity: Validity): Promise<Identity> {
  const old = new x509.X509Certificate(readFileSync(identity.certFile, 'utf8'))
  const authority = new x509.X509Certificate(readFileSync(join(directory, 'ca.pem'), 'utf8'))
  const signingKey = await privateKey(join(directory, 'ca.key'))
  const certificate = await issue(old.subject, authority.subject, await old.publicKey.export(), signingKey, validity)
  return write(out, join(directory, 'ca.pem'), certificate, readFileSync(identity.keyFile, 'utf8'))
}

/** A client's certificate of a CA that the server has never heard of. It trusts the server's CA, so its own side is well. */
export async function stranger(directory: string, out: string): Promise<Identity> {
  const [authority, client] = [await newKeys(), await newKeys()]
  const certificate = await issue(
    'CN=stranger',
    'CN=another CA',
    client.publicKey,
    authority.privateKey,
    validFor(3_600_000),
  )
  const key = new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', client.privateKey))
  const pem = x509.PemConverter.encode(key.buffer, 'PRIVATE KEY')
  return write(out, join(directory, 'ca.pem'), certificate, pem)
}

function issue(
  subject: string,
  issuer: string,
  publicKey: webcrypto.CryptoKey,
  signingKey: webcrypto.CryptoKey,
  validity: Validity,
): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    subject,
    issuer,
    publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ],
  })
}

function write(out: string, caFile: string, certificate: x509.X509Certificate, keyPem: string): Identity {
  mkdirSync(out, { recursive: true, mode: 0o700 })
  const files = identityIn(out)
  const pem = `${certificate.toString('pem')}\n`
  copyFileSync(caFile, files.caFile)
  writeFileSync(files.certFile, pem)
  writeFileSync(files.keyFile, `${keyPem}\n`, { mode: 0o600 })
  writeFileSync(files.bundleFile, `${pem}${keyPem}\n`, { mode: 0o600 })
  return files
}

async function privateKey(file: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(readFileSync(file, 'utf8'))
  if (der === undefined) throw new Error(`${file} holds no key`)
  return await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}
