import type { RecordContext } from './wrapped-key.ts'

/** Whose key a record holds; what is absent is empty. */
export interface KeyOwner {
  readonly cluster: Uint8Array
  readonly tenant: Uint8Array
  readonly system?: Uint8Array
  readonly service?: Uint8Array
}

/** The context of the record of one of our own keys of 256 bits: its identifier and version stand where an object's do. */
export function keyContext(
  owner: KeyOwner,
  key: { readonly key_id: Uint8Array; readonly version: number },
  algorithm: (typeof KeyAlgorithm)[keyof typeof KeyAlgorithm],
  extra?: Uint8Array,
): RecordContext {
  return {
    ...owner,
    object: key.key_id,
    objectVersion: key.version,
    algorithm,
    lengthBits: keyBytes * 8,
    ...(extra === undefined ? {} : { extra }),
  }
}

/** KMIP's numbers (§9.1.3.2.13) for what our own keys are used with. */
export const KeyAlgorithm = { Aes: 3, HmacSha256: 9 } as const

/** Length in bytes of every key of the hierarchy. */
export const keyBytes = 32

/** The tenant of what belongs to no tenant. */
export const noTenant: Buffer = Buffer.alloc(16)
