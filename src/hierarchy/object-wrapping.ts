import { hpkeKeyBytes, ReceivingKey, sealTo } from '../crypto/hpke.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { KeyChain } from './key-chain.ts'
import type { ObjectContext, Scope } from './data-key.ts'

/** An object that was wrapped: what its row keeps. */
export interface WrappedObject {
  /** Version of the Service Key that wraps it. */
  readonly keyVersion: number
  /** KRW1, purpose 6. */
  readonly record: Buffer
}

/**
 * What the core does for a node that holds objects and no keys above them: it wraps and unwraps them under the key of their service, which never leaves. Key material goes to a node sealed to
 * that node's key, and comes from one sealed to this core's; both are bound to the object, to its service and to the direction, so that a payload is good for nothing else. Who asks, and for which
 * service, is the caller's to prove: a scope comes from a principal, as everywhere.
 */
export class ObjectWrapping {
  readonly #chain: KeyChain
  readonly #own: ReceivingKey

  /** @param own the core's key pair: a fresh one unless a test of known bytes gives it */
  constructor(chain: KeyChain, own: ReceivingKey = new ReceivingKey()) {
    this.#chain = chain
    this.#own = own
  }

  /** What nodes seal material to. It is made anew with each start of the core. */
  get publicKey(): Buffer {
    return this.#own.publicKey
  }

  /**
   * Wraps the material in `payload`, which a node has sealed with `sealMaterial`.
   * @throws KryptonError invalid-field, record-does-not-open: it was sealed to another core, or for another object; wrong-key-lifecycle-state as `sealObject`
   */
  async wrap(scope: Scope, context: ObjectContext, payload: Uint8Array): Promise<WrappedObject> {
    if (payload.byteLength > limits.materialBytesMax + hpkeKeyBytes + 16)
      throw new KryptonError('invalid-field', `send key material of up to ${limits.materialBytesMax} bytes`)
    const keys = await this.#chain.service(scope)
    const material = this.#own.open(
      info,
      associatedData(Direction.ToCore, this.#chain.cluster, scope, context),
      payload,
    )
    try {
      return { keyVersion: keys.activeVersion, record: keys.sealObject(context, material) }
    } finally {
      material.wipe()
    }
  }

  /**
   * Unwraps an object and seals its material to `node`, the public key of the node that asks: it opens that with `openMaterial`.
   * @throws KryptonError invalid-field for a key that is none; else as `openObject`
   */
  async unwrap(scope: Scope, context: ObjectContext, wrapped: WrappedObject, node: Uint8Array): Promise<Buffer> {
    if (node.byteLength !== hpkeKeyBytes)
      throw new KryptonError('invalid-field', `a node's public key is one of X25519, ${hpkeKeyBytes} bytes`)
    const keys = await this.#chain.service(scope)
    const material = keys.openObject(context, wrapped.keyVersion, wrapped.record)
    try {
      return sealTo(node, info, associatedData(Direction.ToNode, this.#chain.cluster, scope, context), material)
    } finally {
      material.wipe()
    }
  }
}

/** Which way a payload goes: a part of what it is bound to, so that none is sent back as another. */
export const Direction = { ToCore: 1, ToNode: 2 } as const
export type Direction = (typeof Direction)[keyof typeof Direction]

/** What a payload is bound to besides its key: docs/formats.md. Both ends make it of what they know. */
export function associatedData(
  direction: Direction,
  cluster: Uint8Array,
  scope: Scope,
  context: ObjectContext,
): Buffer {
  const numbers = Buffer.alloc(22)
  numbers.writeUInt8(direction, 0)
  numbers.writeUInt32BE(context.objectVersion, 1)
  numbers.writeUInt8(context.objectType, 5)
  numbers.writeUInt32BE(context.algorithm, 6)
  numbers.writeUInt32BE(context.lengthBits, 10)
  numbers.writeBigUInt64BE(BigInt(context.blobVersion), 14)
  return Buffer.concat([numbers, cluster, scope.tenant, scope.system, scope.service, context.object])
}

/** HPKE's `info`: what these payloads are for. */
export const info: Uint8Array = Buffer.from('krypton/core/1\0')
