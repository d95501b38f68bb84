import { createSecretKey, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import type { Secret, SecretClass } from './secret.ts'
import type { PreparedXaes } from './xaes.ts'

/** The inside of a secret, for the files of `crypto/` only: `test/crypto/secret.test.ts` looks for other importers. */
export interface KeyMaterial {
  /** The key as `node:crypto` takes it fastest. */
  keyObject(): KeyObject
  /** Runs `use` over the plain bytes, which are valid during the call only. */
  withBytes<T>(use: (bytes: Buffer) => T): T
}

const inside = Symbol('inside')

abstract class OpaqueSecret implements Secret, KeyMaterial {
  abstract readonly secretClass: SecretClass
  abstract readonly byteLength: number
  abstract copyInto(target: Uint8Array, offset: number): void
  abstract wipe(): void
  abstract keyObject(): KeyObject
  abstract withBytes<T>(use: (bytes: Buffer) => T): T

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
  wipe(): void {
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
  readonly secretClass: 'wrapping' | 'system'
  readonly byteLength: number
  #key: KeyObject | undefined
  /** What XAES-256-GCM keeps ready for this key, so that it ends with the key. */
  prepared: PreparedXaes | undefined = undefined

  constructor(key: KeyObject, secretClass: 'wrapping' | 'system') {
    super()
    this.secretClass = secretClass
    this.byteLength = key.symmetricKeySize ?? 0
    this.#key = key
  }

  copyInto(): void {
    throw new TypeError(`a secret of class ${this.secretClass} cannot be copied out`)
  }
  wipe(): void {
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

/** Looks inside a secret. Only `crypto/` calls it. */
export function revealTo(secret: Secret): KeyMaterial {
  if (!(secret instanceof OpaqueSecret)) throw new TypeError('not a secret of this module')
  return secret[inside]
}
