import { decodeKeyBlock, encodeKeyBlock } from '../kmip/kept-structures.ts'
import { ownBuffer } from '../crypto/own-buffer.ts'
import type { KeyBlock } from '../kmip/key-block.ts'

/**
 * What the record of an object holds that was registered wrapped: a length of 4 bytes, the Key Block as it came, in TTLV, and behind it the key
 * material, where it could be opened (`KeyForm`).
 */
export function keptKeyBlock(keyBlock: KeyBlock, material: Uint8Array | undefined): Buffer {
  const encoded = encodeKeyBlock(keyBlock)
  const kept = ownBuffer(4 + encoded.byteLength + (material?.byteLength ?? 0))
  kept.writeUInt32BE(encoded.byteLength, 0)
  kept.set(encoded, 4)
  if (material !== undefined) kept.set(material, 4 + encoded.byteLength)
  return kept
}

/** The Key Block in what `keptKeyBlock` made: views of `kept`. */
export function keyBlockIn(kept: Buffer): KeyBlock {
  return decodeKeyBlock(kept.subarray(4, 4 + kept.readUInt32BE(0)))
}

/** The key material in it: a view. */
export function materialIn(kept: Buffer): Buffer {
  return kept.subarray(4 + kept.readUInt32BE(0))
}
