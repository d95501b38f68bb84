import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { KryptonError } from '../errors.ts'
import type { EllipticCurve } from './elliptic-curve.ts'
import { writeEcPrivateKey, writePkcs1, writeSubjectPublicKeyInfo } from './key-encoding.ts'
import { keyBits, type KeyParts } from './key-parts.ts'

/** An RSA or EC key that was parsed and can be used. Nobody outside `crypto/` sees its numbers; it prints as `[AsymmetricKey rsa 2048]`. */
export interface AsymmetricKey {
  readonly type: 'rsa' | 'ec'
  readonly isPrivate: boolean
  readonly bits: number
  /** Of an EC key. */
  readonly curve: EllipticCurve['name'] | undefined
  /** Ends the key: every later use throws. A KeyObject cannot be overwritten, it is let go. */
  wipe(): void
  toString(): string
}

/** An asymmetric key in the form that `postMessage` carries to another thread of this process, which parses nothing again. */
export interface TransferableKey extends Omit<AsymmetricKey, 'wipe' | 'toString'> {
  readonly key: KeyObject
}

/**
 * Parses a key of which `checkParts` approved; the parts stay the caller's to wipe.
 * @throws KryptonError invalid-field: no key has these numbers
 */
export function asymmetricKey(parts: KeyParts): AsymmetricKey {
  const { type } = parts
  const isPrivate = parts.secret !== undefined
  const curve = parts.type === 'ec' ? parts.curve.name : undefined
  return new KeyObjectKey({ type, isPrivate, bits: keyBits(parts), curve, key: keyObjectOf(parts) })
}

/** Puts a key into the form that goes to another thread. */
export function exportKey(key: AsymmetricKey): TransferableKey {
  const { type, isPrivate, bits, curve } = key
  return { type, isPrivate, bits, curve, key: keyObject(key) }
}

/** The other end of `exportKey`. */
export function importKey(transferred: TransferableKey): AsymmetricKey {
  return new KeyObjectKey(transferred)
}

/** The key as `node:crypto` takes it. For the files of `crypto/` only. */
export function keyObject(key: AsymmetricKey): KeyObject {
  if (!(key instanceof KeyObjectKey)) throw new TypeError('not a key of this module')
  return key.held()
}

class KeyObjectKey implements AsymmetricKey {
  readonly type: 'rsa' | 'ec'
  readonly isPrivate: boolean
  readonly bits: number
  readonly curve: EllipticCurve['name'] | undefined
  #key: KeyObject | undefined

  constructor({ type, isPrivate, bits, curve, key }: TransferableKey) {
    this.type = type
    this.isPrivate = isPrivate
    this.bits = bits
    this.curve = curve
    this.#key = key
  }

  held(): KeyObject {
    if (this.#key === undefined) throw new Error('a key was used after it was wiped')
    return this.#key
  }
  wipe(): void {
    this.#key = undefined
  }
  toString(): string {
    return `[AsymmetricKey ${this.type} ${this.bits}]`
  }
  toJSON(): string {
    return this.toString()
  }
  [inspect.custom](): string {
    return this.toString()
  }
}

function keyObjectOf(parts: KeyParts): KeyObject {
  const { secret } = parts
  const der =
    secret === undefined
      ? writeSubjectPublicKeyInfo(parts)
      : parts.type === 'rsa'
        ? writePkcs1(parts)
        : writeEcPrivateKey({ ...parts, secret: parts.secret! })
  try {
    if (secret === undefined) return createPublicKey({ key: der, format: 'der', type: 'spki' })
    return createPrivateKey({ key: der, format: 'der', type: parts.type === 'rsa' ? 'pkcs1' : 'sec1' })
  } catch {
    // The cause is left out: a parser's message may quote what it read.
    throw new KryptonError('invalid-field', 'Send a key whose numbers are a key of its algorithm: these are none')
  } finally {
    der.fill(0)
  }
}
