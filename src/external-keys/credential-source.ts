import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { ownCopy } from '../crypto/own-buffer.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/** Where a certificate, a key, a token or a password comes from. */
export interface CredentialSource {
  /** As it is now, in a buffer that the asker wipes. Rejects with 'config-invalid': it cannot be read. */
  read(): Promise<Buffer>
  /** Overwrites what is held here. */
  wipe(): void
}

/** A copy of `bytes`, held until it is wiped. */
export function heldCredential(bytes: Uint8Array): CredentialSource {
  const held = ownCopy(bytes)
  return { read: () => Promise.resolve(ownCopy(held)), wipe: () => held.fill(0) }
}

/** A file, read each time, so that whoever rotates what is in it need tell nobody. What is `secret` is refused when everybody may read it. */
export function credentialFile(file: string, { secret }: { secret: boolean }): CredentialSource {
  return { read: () => readFile(file, secret), wipe: () => undefined }
}

/** The one line that a source gives, for a header or a body. @throws KryptonError config-invalid */
export async function lineOf(source: CredentialSource): Promise<string> {
  const bytes = await source.read()
  const line = bytes.toString('latin1').trim()
  bytes.fill(0)
  if (/^[\x21-\x7e]+$/.test(line)) return line
  throw new KryptonError(
    'config-invalid',
    'a token or a password is not one line of text without spaces: write it anew',
  )
}

async function readFile(file: string, secret: boolean): Promise<Buffer> {
  let handle
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const { size, mode } = await handle.stat()
    if (secret && (mode & 0o007) !== 0) {
      throw new KryptonError('config-invalid', `everybody may read the credential in ${file}: run chmod o= on it`)
    }
    if (size > limits.credentialBytesMax) {
      throw new KryptonError('config-invalid', `${file} is too long for a credential: name another`)
    }
    return await handle.readFile()
  } catch (cause) {
    if (cause instanceof KryptonError) throw cause
    throw new KryptonError(
      'config-invalid',
      `cannot read ${file}: check that it exists and that this user may read it`,
      { cause },
    )
  } finally {
    await handle?.close()
  }
}
