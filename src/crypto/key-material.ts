import { createSecretKey, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import type { NativeAddon } from './native.ts'
import { ownBuffer } from './own-buffer.ts'
import type { Secret, SecretClass } from './secret.ts'
import type { PreparedXaes } from './xaes.ts'

/** The inside of a secret, for the files of `crypto/` only: `test/crypto/secret.test.ts` looks for other importers. */
export interface KeyMaterial {
  /** The key as `node:crypto` takes it fastest. Throws for a slot of another class than `object`: the addon alone uses those. */
  keyObject(): KeyObject
  /** Runs `use` over the plain bytes, which are valid during the call only. Throws as `keyObject`. */
  withBytes<T>(use: (bytes: Buffer) => T): T
}

const inside = Symbol('inside')

abstract class OpaqueSecret implements Secret, KeyMaterial {
  abstract readonly secretClass: SecretClass
  abstract readonly byteLength: number
  abstract copyInto(target: Uint8Array, offset: number): void
  /** Overwrites or lets go of the bytes; a second time it does nothing. */
  protected abstract erase(): void
  abstract keyObject(): KeyObject
  abstract withBytes<T>(use: (bytes: Buffer) => T): T

  /** Users besides the first. */
  #shares = 0

  share(): this {
    this.#shares++
    return this
  }
  wipe(): void {
    if (this.#shares > 0) this.#shares--
    else this.erase()
  }
  get [inside](): KeyMaterial {
    return this
  }
  toString(): string {
    return `[Secret ${this.byteLength}]`
  }
  toJSON(): string {
    return this.toString()
  }
  [inspect.custom](): string {
    return this.toString()
  }
}

/** A secret whose bytes JavaScript owns: an unpooled buffer, overwritten by `wipe`. */
export class BytesSecret extends OpaqueSecret {
  readonly secretClass = 'object'
  readonly byteLength: number
  #bytes: Buffer | undefined

  constructor(own: Buffer) {
    super()
    this.byteLength = own.byteLength
    this.#bytes = own
  }

  copyInto(target: Uint8Array, offset: number): void {
    target.set(this.#held(), offset)
  }
  protected override erase(): void {
    this.#bytes?.fill(0)
    this.#bytes = undefined
  }
  override keyObject(): KeyObject {
    return createSecretKey(this.#held())
  }
  override withBytes<T>(use: (bytes: Buffer) => T): T {
    return use(this.#held())
  }

  #held(): Buffer {
    if (this.#bytes === undefined) throw new Error('a secret was used after it was wiped')
    return this.#bytes
  }
}

/** A secret inside a KeyObject, which node:crypto takes without parsing it anew (a raw buffer costs five times as much). */
export class KeyObjectSecret extends OpaqueSecret {
  readonly secretClass: SecretClass
  readonly byteLength: number
  #key: KeyObject | undefined
  /** What XAES-256-GCM keeps ready for this key, so that it ends with the key. */
  prepared: PreparedXaes | undefined = undefined

  constructor(key: KeyObject, secretClass: SecretClass) {
    super()
    this.secretClass = secretClass
    this.byteLength = key.symmetricKeySize ?? 0
    this.#key = key
  }

  copyInto(target: Uint8Array, offset: number): void {
    if (this.secretClass !== 'object') {
      throw new TypeError(`a secret of class ${this.secretClass} cannot be copied out`)
    }
    this.withBytes((bytes) => target.set(bytes, offset))
  }
  protected override erase(): void {
    this.#key = undefined
    this.prepared = undefined
  }
  override keyObject(): KeyObject {
    if (this.#key === undefined) throw new Error('a secret was used after it was wiped')
    return this.#key
  }
  override withBytes<T>(use: (bytes: Buffer) => T): T {
    const bytes = this.keyObject().export()
    try {
      return use(bytes)
    } finally {
      bytes.fill(0)
    }
  }
}

/** A secret in a slot of the addon: JavaScript has its handle, and no bytes. */
export class SlotSecret extends OpaqueSecret {
  readonly secretClass: SecretClass
  readonly byteLength: number
  readonly #addon: NativeAddon
  /** 0 once it is wiped. */
  #handle: number

  /** Takes over `handle`, which names a secret of that class and length. */
  constructor(addon: NativeAddon, handle: number, secretClass: SecretClass, byteLength: number) {
    super()
    this.#addon = addon
    this.#handle = handle
    this.secretClass = secretClass
    this.byteLength = byteLength
    // Keys of the hierarchy are let go when a cache drops them, by whoever used them last. Those of objects have one owner, who wipes.
    if (secretClass !== 'object') dropped.register(this, { addon, handle })
  }

  get handle(): number {
    if (this.#handle === 0) throw new Error('a secret was used after it was wiped')
    return this.#handle
  }
  copyInto(target: Uint8Array, offset: number): void {
    if (this.secretClass !== 'object') {
      throw new TypeError(`a secret of class ${this.secretClass} cannot be copied out`)
    }
    this.#addon.copySecret(this.handle, target, offset)
  }
  protected override erase(): void {
    if (this.#handle === 0) return
    this.#addon.releaseSecret(this.#handle)
    this.#handle = 0
  }
  override keyObject(): KeyObject {
    return this.withBytes((bytes) => createSecretKey(bytes))
  }
  override withBytes<T>(use: (bytes: Buffer) => T): T {
    const bytes = ownBuffer(this.byteLength)
    try {
      this.copyInto(bytes, 0)
      return use(bytes)
    } finally {
      this.#addon.wipeBytes(bytes)
    }
  }
}

/** Ends what nobody can use any more; a handle that was released already names nothing. */
const dropped = new FinalizationRegistry<{ addon: NativeAddon; handle: number }>(({ addon, handle }) => {
  addon.releaseSecret(handle)
})

/** The handle of a secret in a slot; undefined for one whose bytes JavaScript holds. */
export function handleOf(secret: Secret): number | undefined {
  return secret instanceof SlotSecret ? secret.handle : undefined
}

/** Looks inside a secret. Only `crypto/` calls it. */
export function revealTo(secret: Secret): KeyMaterial {
  if (!(secret instanceof OpaqueSecret)) throw new TypeError('not a secret of this module')
  return secret[inside]
}
