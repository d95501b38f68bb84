import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { KryptonError } from '../errors.ts'
import { shellWord } from '../shell-word.ts'
import { makeDirectory } from './directory.ts'

/** The four files of a client's identity, by absolute name. Key and bundle are there only where we made the key. */
export interface IdentityFiles {
  readonly ca: string
  readonly certificate: string
  readonly key: string
  /** Certificate and key in one file, as mongod and the drivers want it. */
  readonly bundle: string
}

/** The PEM texts that go into the files. The caller wipes the key. */
export interface Identity {
  readonly caPem: string
  readonly certificatePem: string
  readonly privateKeyPem?: Uint8Array
}

/** Where the identity's files lie in `directory`. */
export function identityFiles(directory: string): IdentityFiles {
  const at = (name: string): string => join(resolve(directory), name)
  return { ca: at('ca.pem'), certificate: at('client.pem'), key: at('client.key'), bundle: at('client-bundle.pem') }
}

const elsewhere = 'PATH-OF-THE-KEY'

/** The files whose key its owner has made. Where it does not lie beside them, a name that nobody takes for a file stands in its place. */
export function withKeyOfOwner(files: IdentityFiles): IdentityFiles {
  return existsSync(files.key) ? files : { ...files, key: elsewhere }
}

/** How the owner of a key that we did not make makes the bundle. */
export function bundleAdvice({ certificate, key, bundle }: IdentityFiles): string {
  return `
${key === elsewhere ? `The key stays where it is: put its path in the place of ${key}. ` : ''}This line makes the file that MongoDB's products want:

  (umask 077; cat ${shellWord(certificate)} ${shellWord(key)} > ${shellWord(bundle)})
`
}

/**
 * Makes the directory of a new identity, before anybody is asked for a certificate. Throws 'already-exists' when it holds
 * a file of one, since nobody's key is overwritten, and 'usage' when it cannot be written. The key that a certificate request is of may lie there.
 * Returns what takes back the directories that it has made, for who gets no identity.
 */
export function prepareIdentity(directory: string, keyOfOwner: boolean): () => void {
  const made = makeDirectory(directory, '--out')
  const { key, ...others } = identityFiles(directory)
  for (const file of Object.values(keyOfOwner ? others : { ...others, key }))
    if (existsSync(file))
      throw new KryptonError(
        'already-exists',
        `${file} exists and is not overwritten: name another directory with --out`,
      )
  return () => {
    for (const path of made) if (readdirSync(path).length === 0) rmdirSync(path)
  }
}

/**
 * Writes the identity into `directory`, which is there; files with a key have mode 0600 from their first byte. A file of the same
 * CA stays. On a failure nothing of it stays.
 */
export function writeIdentity(directory: string, identity: Identity): IdentityFiles {
  const files = identityFiles(directory)
  const { caPem, certificatePem, privateKeyPem } = identity
  const written: string[] = []
  try {
    if (!holds(files.ca, caPem)) create(files.ca, [caPem], 0o644, written)
    create(files.certificate, [certificatePem], 0o644, written)
    if (privateKeyPem !== undefined) {
      create(files.key, [privateKeyPem], 0o600, written)
      create(files.bundle, [withNewline(certificatePem), privateKeyPem], 0o600, written)
    }
  } catch (error) {
    for (const file of written) rmSync(file, { force: true })
    throw error
  }
  return files
}

function holds(file: string, text: string): boolean {
  return existsSync(file) && readFileSync(file, 'utf8') === text
}

function create(file: string, parts: readonly (string | Uint8Array)[], mode: number, written: string[]): void {
  const descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode)
  written.push(file)
  try {
    for (const part of parts) {
      const bytes = typeof part === 'string' ? Buffer.from(part) : part
      for (let done = 0; done < bytes.byteLength;) done += writeSync(descriptor, bytes, done)
    }
    fchmodSync(descriptor, mode)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`
}
