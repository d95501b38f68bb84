import { createSecretKey, type KeyObject } from 'node:crypto'
import { BytesSecret, KeyObjectSecret, revealTo } from './key-material.ts'
import { randomBytes } from './random.ts'

/**
 * What a secret may be used for. An `object` secret is a client's own key and may be copied into an answer; a `wrapping`
 * secret only opens and seals other keys; a `system` secret only authenticates and derives.
 */
export type SecretClass = 'object' | 'wrapping' | 'system'

/**
 * Key material that nobody outside `crypto/` can read. It prints as `[Secret 32]` wherever it is turned into text, and the
 * only way out is `copyInto`, which a secret of class `object` alone allows.
 */
export interface Secret {
  readonly secretClass: SecretClass
  /** Length of the key material in bytes. */
  readonly byteLength: number
  /** Copies the material into `target` at `offset`. Throws for any class but `object`, and after `wipe`. */
  copyInto(target: Uint8Array, offset: number): void
  /**
   * Ends the secret: every later use throws. Bytes are overwritten where JavaScript owns them; a KeyObject cannot be
   * overwritten, it is let go.
   */
  wipe(): void
  /** `[Secret 32]`. */
  toString(): string
}

/** A `wrapping` or `system` secret on its way to another thread of this process: `postMessage` clones it. */
export interface TransferableSecret {
  readonly secretClass: 'wrapping' | 'system'
  readonly key: KeyObject
}

/** Makes `bytes` random bytes into a secret. */
export function generateSecret(bytes: number, secretClass: SecretClass): Secret {
  return adoptSecret(randomBytes(bytes), secretClass)
}

/** Copies `source` into a secret; whoever owns `source` wipes it. */
export function secretFromBytes(source: Uint8Array, secretClass: SecretClass): Secret {
  const own = Buffer.allocUnsafeSlow(source.byteLength)
  own.set(source)
  return adoptSecret(own, secretClass)
}

/** Takes over `own`, an unpooled buffer that nobody else keeps: it becomes the secret, or is wiped when a KeyObject does. */
export function adoptSecret(own: Buffer, secretClass: SecretClass): Secret {
  if (secretClass === 'object') return new BytesSecret(own)
  try {
    return new KeyObjectSecret(createSecretKey(own), secretClass)
  } finally {
    own.fill(0)
  }
}

/** Puts a `wrapping` or `system` secret into a form that `postMessage` carries to another thread. */
export function exportSecret(secret: Secret): TransferableSecret {
  if (secret.secretClass === 'object') throw new TypeError('a secret of class object stays in its thread')
  return { secretClass: secret.secretClass, key: revealTo(secret).keyObject() }
}

/** The other end of `exportSecret`. */
export function importSecret(transferred: TransferableSecret): Secret {
  return new KeyObjectSecret(transferred.key, transferred.secretClass)
}
