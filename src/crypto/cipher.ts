import type { Secret } from './secret.ts'

/** How Encrypt and Decrypt use a key: KMIP's Cryptographic Parameters after defaults were filled in. */
export interface CipherParameters {
  readonly algorithm: 'aes'
  readonly mode: 'ecb' | 'cbc' | 'ctr' | 'gcm'
  readonly padding: 'none' | 'pkcs5'
  /** Length of GCM's tag in bytes, 4 or 12 to 16; ignored by the other modes. */
  readonly tagLength: number
}

/** What Encrypt made. `iv` is the one that was used; ECB has none. `tag` is GCM's. */
export interface Encrypted {
  readonly data: Buffer
  readonly iv?: Buffer
  readonly tag?: Buffer
}

export declare function encryptWithKey(
  key: Secret,
  parameters: CipherParameters,
  data: Uint8Array,
  iv?: Uint8Array,
  associatedData?: Uint8Array,
): Encrypted
export declare function decryptWithKey(
  key: Secret,
  parameters: CipherParameters,
  data: Uint8Array,
  iv: Uint8Array | undefined,
  tag?: Uint8Array,
  associatedData?: Uint8Array,
): Buffer
