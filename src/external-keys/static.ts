import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, realpathSync, writeSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { keyCommitment, openAead, sealAead, Suite, tagBytes } from '../crypto/aead.ts'
import { equalBytes } from '../crypto/compare.ts'
import { digest } from '../crypto/digest.ts'
import { deriveIdentifier } from '../crypto/kdf.ts'
import { labels } from '../crypto/labels.ts'
import { ownBuffer } from '../crypto/own-buffer.ts'
import { randomBytes } from '../crypto/random.ts'
import { adoptSecret, type Secret, type SecretClass } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { modeText } from '../file-mode.ts'
import type { ExternalKey, ExternallyWrapped } from './external-key.ts'

/** Makes a key file of 32 random bytes and mode 0400, durable when it returns. Throws 'already-exists', 'config-invalid'. */
export function createStaticKeyFile(file: string): void {
  const key = randomBytes(staticKeyBytes)
  try {
    const descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o400)
    try {
      writeSync(descriptor, key)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    const directory = openSync(dirname(resolve(file)), 'r')
    try {
      fsyncSync(directory)
    } finally {
      closeSync(directory)
    }
  } catch (cause) {
    if (isSystemError(cause, 'EEXIST')) {
      throw new KryptonError('already-exists', `${file} exists: a key file is never overwritten, name another`, {
        cause,
      })
    }
    throw new KryptonError(
      'config-invalid',
      `cannot make the key file ${file}: name a file in a directory that can be written`,
      { cause },
    )
  } finally {
    key.fill(0)
  }
}

/**
 * The static key in `file`: it only moves the trust to whoever can read that file. Throws 'config-invalid' for a file of
 * another mode than 0400, of another length than 32 bytes, or inside `dataDirectory`, where a copy of the data would take
 * the key along.
 */
export function openStaticKey(options: { file: string; dataDirectory?: string }): ExternalKey {
  const key = readKeyFile(options.file, options.dataDirectory)
  const keyId = deriveIdentifier(key, labels.staticKeyId, new Uint8Array(0))
  return {
    type: 'static',
    configurationId: digest('sha256', Buffer.concat([Buffer.from('krypton/static/1\0'), keyId])),
    wrap: async (secret, context) => ({ keyId, mechanism, ciphertext: wrap(key, keyId, secret, context) }),
    unwrap: async (wrapped, context, secretClass) => unwrap(key, keyId, wrapped, context, secretClass),
    status: async () => ({ state: 'enabled', keyId }),
    wipe: () => key.wipe(),
  }
}

function readKeyFile(file: string, dataDirectory: string | undefined): Secret {
  let descriptor
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    throw new KryptonError(
      'config-invalid',
      `cannot read the key file ${file}: check that it exists and belongs to this user`,
      { cause },
    )
  }
  const key = ownBuffer(staticKeyBytes)
  try {
    const status = fstatSync(descriptor)
    const mode = status.mode & 0o7777
    if (!status.isFile())
      throw new KryptonError('config-invalid', `${file} is no file: name the key file in seal.keyFile`)
    if (mode !== 0o400) {
      throw new KryptonError(
        'config-invalid',
        `the key file ${file} must have mode 0400, it has ${modeText(mode)}: run chmod 0400 on it`,
      )
    }
    if (dataDirectory !== undefined && isInside(file, dataDirectory)) {
      throw new KryptonError(
        'config-invalid',
        `the key file ${file} lies in the data directory: move it elsewhere, a copy of the data must not bring its key`,
      )
    }
    if (status.size !== staticKeyBytes || readSync(descriptor, key, 0, staticKeyBytes, 0) !== staticKeyBytes) {
      throw new KryptonError(
        'config-invalid',
        `the key file ${file} must hold ${staticKeyBytes} bytes, it has ${status.size}: put the copy of it back, no other key opens the store`,
      )
    }
    return adoptSecret(key, 'wrapping')
  } finally {
    key.fill(0)
    closeSync(descriptor)
  }
}

/** By real paths, so that no link leads into the directory. A data directory that is not there yet holds nothing. */
function isInside(file: string, directory: string): boolean {
  let real
  try {
    real = realpathSync(directory)
  } catch {
    real = resolve(directory)
  }
  const path = relative(real, realpathSync(file))
  return path !== '..' && !path.startsWith('../')
}

/** Format KST1 (docs/formats.md): header of 48 bytes, commitment, ciphertext, tag, in suite 0x03. */
function wrap(key: Secret, keyId: Uint8Array, secret: Secret, context: Uint8Array): Buffer {
  const header = Buffer.concat([formatStart, keyId, randomBytes(nonceBytes)])
  const nonce = header.subarray(header.byteLength - nonceBytes)
  const head = Buffer.concat([header, keyCommitment(key, header)])
  return Buffer.concat([head, sealAead(Suite.Xaes256GcmCommitted, key, nonce, associatedData(head, context), secret)])
}

function unwrap(
  key: Secret,
  keyId: Uint8Array,
  wrapped: ExternallyWrapped,
  context: Uint8Array,
  secretClass: SecretClass,
): Secret {
  if (wrapped.mechanism !== mechanism || !equalBytes(wrapped.keyId, keyId)) {
    throw new KryptonError(
      'external-key-mismatch',
      'this was wrapped by another static key: put the right key file in place',
    )
  }
  const { ciphertext } = wrapped
  const headBytes = headerBytes + 32
  const header = ciphertext.subarray(0, headerBytes)
  const head = ciphertext.subarray(0, headBytes)
  const wellFormed =
    ciphertext.byteLength > headBytes + tagBytes &&
    equalBytes(header.subarray(0, formatStart.byteLength), formatStart) &&
    equalBytes(header.subarray(formatStart.byteLength, formatStart.byteLength + 16), keyId) &&
    equalBytes(keyCommitment(key, header), head.subarray(headerBytes))
  if (!wellFormed) throw notOpened()
  try {
    const nonce = header.subarray(headerBytes - nonceBytes)
    return openAead(
      Suite.Xaes256GcmCommitted,
      key,
      nonce,
      associatedData(head, context),
      ciphertext.subarray(headBytes),
      secretClass,
    )
  } catch (cause) {
    throw notOpened(cause)
  }
}

function associatedData(head: Uint8Array, context: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('krypton/static/1\0'), head, context])
}

function notOpened(cause?: unknown): KryptonError {
  return new KryptonError(
    'external-key-mismatch',
    'what was wrapped does not open with this static key: it was changed or belongs to another store',
    { cause },
  )
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

const staticKeyBytes = 32
const nonceBytes = 24
const mechanism = 'xaes-256-gcm-committed'
const formatStart = Buffer.from([0x4b, 0x53, 0x54, 0x31, 1, Suite.Xaes256GcmCommitted, 0, 0])
const headerBytes = formatStart.byteLength + 16 + nonceBytes
