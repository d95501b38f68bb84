import { createCipheriv, type Cipheriv } from 'node:crypto'
import { KeyObjectSecret, revealTo } from './key-material.ts'
import type { Secret } from './secret.ts'

/**
 * Key derivation of XAES-256-GCM (C2SP): AES_K(M1 ⊕ K1) ‖ AES_K(M2 ⊕ K1) with M1 = 00 01 'X' 00 ‖ nonce[0..12),
 * M2 = 00 02 'X' 00 ‖ nonce[0..12), K1 the first subkey of CMAC under K. The result of 32 bytes is the caller's to wipe.
 */
export function deriveXaesKey(key: Secret, nonce: Uint8Array): Buffer {
  const { ecb, subkey } = preparedXaes(key)
  // One block of two halves, kept for the thread: calls do not overlap, and it never holds a key, only M ⊕ K1 of the last nonce.
  for (let i = 0; i < 12; i++) {
    const byte = nonce[i]! ^ subkey[i + 4]!
    blocks[i + 4] = byte
    blocks[i + 20] = byte
  }
  blocks[0] = subkey[0]!
  blocks[1] = subkey[1]! ^ 1
  blocks[2] = subkey[2]! ^ 0x58
  blocks[3] = subkey[3]!
  blocks[16] = subkey[0]!
  blocks[17] = subkey[1]! ^ 2
  blocks[18] = subkey[2]! ^ 0x58
  blocks[19] = subkey[3]!
  const derived = ecb.update(blocks)
  blocks.fill(0)
  return derived
}

/** What stays ready for a key that opens many records. */
export interface PreparedXaes {
  /** AES-256-ECB under the key. The mode keeps no state between blocks, so one object serves for the key's whole life. */
  readonly ecb: Cipheriv
  /** CMAC's K1. */
  readonly subkey: Buffer
}

const blocks = Buffer.allocUnsafeSlow(32)

function preparedXaes(key: Secret): PreparedXaes {
  // Keeping it costs one AES key schedule more in memory and saves making a cipher for each record (bench/micro/records).
  if (!(key instanceof KeyObjectSecret)) return prepareXaes(key)
  return (key.prepared ??= prepareXaes(key))
}

function prepareXaes(key: Secret): PreparedXaes {
  const ecb = createCipheriv('aes-256-ecb', revealTo(key).keyObject(), null)
  ecb.setAutoPadding(false)
  const subkey = ecb.update(Buffer.alloc(16))
  // Doubling in GF(2^128), SP 800-38B §6.1, without a branch on the key.
  const carry = subkey[0]! >> 7
  for (let i = 0; i < 15; i++) subkey[i] = (subkey[i]! << 1) | (subkey[i + 1]! >> 7)
  subkey[15] = (subkey[15]! << 1) ^ (carry * 0x87)
  return { ecb, subkey }
}
