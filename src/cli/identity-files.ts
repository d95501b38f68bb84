import { closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { KryptonError } from '../errors.ts'

/** The four files of a client's identity, by absolute name. Key and bundle are there only where we made the key. */
export interface IdentityFiles {
  readonly ca: string
  readonly certificate: string
  readonly key: string
  /** Certificate and key in one file, as mongod and the drivers want it. */
  readonly bundle: string
}

/** The PEM texts that go into the files. */
export interface Identity {
  readonly caPem: string
  readonly certificatePem: string
  readonly privateKeyPem?: string
}

/** Where the identity's files lie in `directory`. */
export function identityFiles(directory: string): IdentityFiles {
  const at = (name: string): string => join(resolve(directory), name)
  return { ca: at('ca.pem'), certificate: at('client.pem'), key: at('client.key'), bundle: at('client-bundle.pem') }
}

/** Throws 'already-exists' when the directory holds an identity: nobody's key is overwritten. */
export function refuseExistingIdentity(directory: string): void {
  const { certificate, key, bundle } = identityFiles(directory)
  for (const file of [certificate, key, bundle])
    if (existsSync(file))
      throw new KryptonError(
        'already-exists',
        `${file} exists and is not overwritten: name another directory with --out`,
      )
}

/**
 * Writes the identity into `directory`, which is made if it is missing; files with a key have mode 0600 from their first
 * byte. Throws 'already-exists'. On a failure nothing of it stays.
 */
export function writeIdentity(directory: string, identity: Identity): IdentityFiles {
  refuseExistingIdentity(directory)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const files = identityFiles(directory)
  const { caPem, certificatePem, privateKeyPem } = identity
  const written: string[] = []
  try {
    if (!existsSync(files.ca)) create(files.ca, caPem, 0o644, written)
    create(files.certificate, certificatePem, 0o644, written)
    if (privateKeyPem !== undefined) {
      create(files.key, privateKeyPem, 0o600, written)
      create(files.bundle, withNewline(certificatePem) + privateKeyPem, 0o600, written)
    }
  } catch (error) {
    for (const file of written) rmSync(file, { force: true })
    throw error
  }
  return files
}

function create(file: string, text: string, mode: number, written: string[]): void {
  const descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode)
  written.push(file)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`
}
