import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { KryptonError } from '../errors.ts'
import { ellipticCurves, type EllipticCurve } from './elliptic-curve.ts'
import { writeEcPrivateKey, writePkcs1, writeSubjectPublicKeyInfo } from './key-encoding.ts'
import { handleOf, revealTo } from './key-material.ts'
import type { KeyParts } from './key-parts.ts'
import { type NativeAddon, nativeAddon } from './native.ts'
import { adoptSecret, type Secret } from './secret.ts'

/**
 * An RSA or EC key that was parsed and can be used. Nobody outside `crypto/` sees its numbers; it prints as `[AsymmetricKey rsa 2048]`. It lies
 * inside the addon, where there is one, and in a KeyObject where there is none; public keys of RSA always in a KeyObject.
 */
export interface AsymmetricKey extends KeyDescription {
  /** Ends the key: every later use throws. In the addon it is overwritten; a KeyObject cannot be, it is let go. */
  wipe(): void
  toString(): string
}

/** What may be said of a key. */
export interface KeyDescription {
  readonly type: 'rsa' | 'ec'
  readonly isPrivate: boolean
  readonly bits: number
  /** Of an EC key. */
  readonly curve: EllipticCurve['name'] | undefined
}

/**
 * An asymmetric key in the form that `postMessage` carries to another thread of this process, which parses nothing again: a KeyObject, or the
 * addon's handle, which lives for as long as the key does here.
 */
export interface TransferableKey extends KeyDescription {
  readonly key: KeyObject | number
}

/** How a key is written down, with the addon's numbers (`native/asymmetric-key.h`). */
export const keyForms = { pkcs1: 0, pkcs8: 1, sec1: 2, spki: 3 } as const
export type KeyForm = keyof typeof keyForms

/**
 * Takes in a key of which `checkParts` approved; the parts stay the caller's to wipe.
 * @throws KryptonError invalid-field: no key has these numbers
 */
export function asymmetricKey(parts: KeyParts): AsymmetricKey {
  if (parts.type === 'rsa' && parts.secret === undefined) {
    return describedKeyObject(keyObjectOf(writeSubjectPublicKeyInfo(parts), 'spki'))
  }
  const [form, der] = derOf(parts)
  const secret = adoptSecret(der, 'object')
  try {
    return parseKey(secret, form)
  } finally {
    secret.wipe()
  }
}

/**
 * Parses a key where it lies.
 * @throws KryptonError invalid-field: it is no key of that form, or on a curve that is not served
 */
export function parseKey(secret: Secret, form: KeyForm): AsymmetricKey {
  const handle = handleOf(secret)
  if (handle === undefined) return describedKeyObject(revealTo(secret).withBytes((der) => keyObjectOf(der, form)))
  const addon = nativeAddon()! // whoever has a handle has it from there
  const key = addon.parseKey(handle, keyForms[form])
  if (key === 0) throw noKey()
  const described = new Float64Array(3)
  addon.describeKey(key, described)
  const [isEc, bits, place] = described as Iterable<number> as [number, number, number] // it has three
  const curve = isEc === 1 ? ellipticCurves[place]?.name : undefined
  const parsed = new NativeKey({ type: isEc === 1 ? 'ec' : 'rsa', isPrivate: form !== 'spki', bits, curve }, addon, key)
  if (isEc === 0 || curve !== undefined) return parsed
  parsed.wipe()
  throw noKey()
}

function describedKeyObject(key: KeyObject): AsymmetricKey {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {}
  const curve = ellipticCurves.find(({ name }) => name === namedCurve)
  const bits = modulusLength ?? curve?.bits
  if (bits === undefined) throw noKey()
  return new KeyObjectKey(
    { type: curve === undefined ? 'rsa' : 'ec', isPrivate: key.type === 'private', bits, curve: curve?.name },
    key,
  )
}

/** Puts a key into the form that goes to another thread. */
export function exportKey(key: AsymmetricKey): TransferableKey {
  const { type, isPrivate, bits, curve } = key
  return { type, isPrivate, bits, curve, key: keyHandle(key) ?? keyObject(key) }
}

/** The other end of `exportKey`: good while the other thread keeps its key, which alone ends it. */
export function importKey({ key, ...description }: TransferableKey): AsymmetricKey {
  if (typeof key !== 'number') return new KeyObjectKey(description, key)
  const addon = nativeAddon()
  if (addon === undefined) throw new Error('a key of the addon came to a thread without it')
  return new NativeKey(description, addon, key)
}

/** The key as `node:crypto` takes it. For the files of `crypto/` only. */
export function keyObject(key: AsymmetricKey): KeyObject {
  if (!(key instanceof KeyObjectKey)) throw new TypeError('not a key object of this module')
  return key.held()
}

/** The addon's handle of a key; undefined for a key in a KeyObject. For the files of `crypto/` only. */
export function keyHandle(key: AsymmetricKey): number | undefined {
  return key instanceof NativeKey ? key.handle : undefined
}

abstract class OpaqueKey implements AsymmetricKey {
  readonly type: 'rsa' | 'ec'
  readonly isPrivate: boolean
  readonly bits: number
  readonly curve: EllipticCurve['name'] | undefined

  constructor({ type, isPrivate, bits, curve }: KeyDescription) {
    this.type = type
    this.isPrivate = isPrivate
    this.bits = bits
    this.curve = curve
  }

  abstract wipe(): void
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

class KeyObjectKey extends OpaqueKey {
  #key: KeyObject | undefined

  constructor(description: KeyDescription, key: KeyObject) {
    super(description)
    this.#key = key
  }

  held(): KeyObject {
    if (this.#key === undefined) throw wiped()
    return this.#key
  }
  override wipe(): void {
    this.#key = undefined
  }
}

class NativeKey extends OpaqueKey {
  readonly #addon: NativeAddon
  /** 0 once it is wiped. */
  #handle: number

  constructor(description: KeyDescription, addon: NativeAddon, handle: number) {
    super(description)
    this.#addon = addon
    this.#handle = handle
  }

  get handle(): number {
    if (this.#handle === 0) throw wiped()
    return this.#handle
  }
  override wipe(): void {
    if (this.#handle === 0) return
    this.#addon.releaseKey(this.#handle)
    this.#handle = 0
  }
}

function derOf(parts: KeyParts): [KeyForm, Buffer] {
  const { secret } = parts
  if (secret === undefined) return ['spki', writeSubjectPublicKeyInfo(parts)]
  return parts.type === 'rsa'
    ? ['pkcs1', writePkcs1(parts)]
    : ['sec1', writeEcPrivateKey({ ...parts, secret: parts.secret! })] // it was just found
}

function keyObjectOf(der: Buffer, type: KeyForm): KeyObject {
  try {
    return type === 'spki'
      ? createPublicKey({ key: der, format: 'der', type })
      : createPrivateKey({ key: der, format: 'der', type })
  } catch {
    // The cause is left out: a parser's message may quote what it read.
    throw noKey()
  }
}

function noKey(): KryptonError {
  return new KryptonError('invalid-field', 'Send a key whose numbers are a key of its algorithm: these are none')
}

function wiped(): Error {
  return new Error('a key was used after it was wiped')
}
