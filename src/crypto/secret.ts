import { createSecretKey, type KeyObject } from 'node:crypto'
import { BytesSecret, handleOf, KeyObjectSecret, revealTo, SlotSecret } from './key-material.ts'
import { classNumbers, nativeAddon } from './native.ts'
import { ownBuffer, ownCopy } from './own-buffer.ts'
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
  /** The same secret for another user, who ends his use by `wipe`: the last of them ends the secret. */
  share(): Secret
  /**
   * Ends the secret, or one use of a shared one: every later use throws. Bytes in a slot, and those that JavaScript owns, are overwritten; a KeyObject cannot
   * be, it is let go.
   */
  wipe(): void
  /** `[Secret 32]`. */
  toString(): string
}

/** A `wrapping` or `system` secret on its way to another thread of this process: `postMessage` clones it. */
export interface TransferableSecret {
  readonly secretClass: 'wrapping' | 'system'
  /** A KeyObject, or the handle of a slot and the length of what is in it. */
  readonly key: KeyObject | { readonly handle: number; readonly byteLength: number }
}

/** True if secrets of this process are in the addon's locked memory, rather than in JavaScript's. */
export function secretsAreLocked(): boolean {
  return nativeAddon() !== undefined
}

/** Makes `bytes` random bytes into a secret. */
export function generateSecret(bytes: number, secretClass: SecretClass): Secret {
  const addon = nativeAddon()
  if (addon === undefined) return adoptSecret(randomBytes(bytes), secretClass)
  return new SlotSecret(addon, addon.generateSecret(classNumbers[secretClass], bytes), secretClass, bytes)
}

/** Copies `source` into a secret; whoever owns `source` wipes it. */
export function secretFromBytes(source: Uint8Array, secretClass: SecretClass): Secret {
  const addon = nativeAddon()
  if (addon !== undefined) {
    const handle = addon.secretFromBytes(classNumbers[secretClass], source)
    return new SlotSecret(addon, handle, secretClass, source.byteLength)
  }
  return adoptSecret(ownCopy(source), secretClass)
}

/** The bytes of a secret of class `object`, in a buffer of their own which the caller wipes. The secret ends. */
export function bytesOfSecret(secret: Secret): Buffer {
  try {
    const bytes = ownBuffer(secret.byteLength)
    secret.copyInto(bytes, 0)
    return bytes
  } finally {
    secret.wipe()
  }
}

/** Takes over `own`, an unpooled buffer that nobody else keeps: it becomes the secret, or is wiped when a slot or a KeyObject does. */
export function adoptSecret(own: Buffer, secretClass: SecretClass): Secret {
  const isNative = nativeAddon() !== undefined
  if (!isNative && secretClass === 'object') return new BytesSecret(own)
  try {
    if (isNative || secretClass === 'object') return secretFromBytes(own, secretClass)
    return new KeyObjectSecret(createSecretKey(own), secretClass)
  } finally {
    own.fill(0)
  }
}

/** Puts a `wrapping` or `system` secret into a form that `postMessage` carries to another thread. It lives on here as well. */
export function exportSecret(secret: Secret): TransferableSecret {
  const { secretClass, byteLength } = secret
  if (secretClass === 'object') throw new TypeError('a secret of class object stays in its thread')
  const handle = handleOf(secret)
  return { secretClass, key: handle === undefined ? revealTo(secret).keyObject() : { handle, byteLength } }
}

/** An `object` secret on its way to a worker thread of this process, which uses it for one task while it lives here. */
export interface LentSecret {
  readonly byteLength: number
  /** A KeyObject, or the handle of a slot. */
  readonly key: KeyObject | number
}

/** Puts a secret of class `object` into the form that goes to a worker thread. */
export function lendSecret(secret: Secret): LentSecret {
  return { byteLength: secret.byteLength, key: handleOf(secret) ?? revealTo(secret).keyObject() }
}

/** The other end of `lendSecret`: whoever asks wipes it. */
export function borrowSecret({ byteLength, key }: LentSecret): Secret {
  if (typeof key !== 'number') return new KeyObjectSecret(key, 'object')
  const addon = nativeAddon()
  if (addon === undefined) throw new Error('a secret in a slot came to a thread without the addon')
  return new SlotSecret(addon, addon.duplicateSecret(key), 'object', byteLength)
}

/** The other end of `exportSecret`: a secret of this thread's own, to be made while the other thread still holds its one. */
export function importSecret({ secretClass, key }: TransferableSecret): Secret {
  if (!('handle' in key)) return new KeyObjectSecret(key, secretClass)
  const addon = nativeAddon()
  if (addon === undefined) throw new Error('a secret in a slot came to a thread without the addon')
  return new SlotSecret(addon, addon.duplicateSecret(key.handle), secretClass, key.byteLength)
}
