import { equalBytes } from './compare.ts'
import { digest, type DigestAlgorithm, digestLength } from './digest.ts'
import { maskWithMgf1 } from './mask-generation.ts'

/**
 * EMSA-PSS (RFC 8017 section 9.1) for what `node:crypto` has no word for: a mask of another hash than the message's, and a message that comes as
 * its digest.
 */
export interface PssParameters {
  readonly hash: DigestAlgorithm
  readonly maskHash: DigestAlgorithm
  readonly saltLength: number
}

/** The encoded message, for a modulus that has room for hash and salt. */
export function encodePss(
  messageDigest: Uint8Array,
  modulusBits: number,
  { hash, maskHash }: Pick<PssParameters, 'hash' | 'maskHash'>,
  salt: Uint8Array,
): Buffer {
  const { offset, encoded } = frame(modulusBits)
  const blockLength = encoded - digestLength(hash) - 1
  const bytes = Buffer.alloc(offset + encoded)
  const block = bytes.subarray(offset, offset + blockLength)
  block[blockLength - salt.byteLength - 1] = 1
  block.set(salt, blockLength - salt.byteLength)
  const seed = digest(hash, Buffer.concat([eightZeros, messageDigest, salt]))
  maskWithMgf1(maskHash, seed, block)
  block[0]! &= topMask(modulusBits)
  bytes.set(seed, offset + blockLength)
  bytes[offset + encoded - 1] = trailer
  return bytes
}

/** True if `bytes` encode that message. Without a salt length any salt is taken (RFC 8017 section 9.1.2 leaves that open). */
export function verifyPss(
  bytes: Uint8Array,
  messageDigest: Uint8Array,
  modulusBits: number,
  { hash, maskHash, saltLength }: Omit<PssParameters, 'saltLength'> & { readonly saltLength?: number },
): boolean {
  const { offset, encoded } = frame(modulusBits)
  const hashLength = digestLength(hash)
  const blockLength = encoded - hashLength - 1
  if (blockLength < 1 || bytes.byteLength !== offset + encoded || bytes.at(-1) !== trailer) return false
  if (offset === 1 && bytes[0] !== 0) return false
  const block = Buffer.from(bytes.subarray(offset, offset + blockLength))
  if ((block[0]! & ~topMask(modulusBits)) !== 0) return false
  const seed = bytes.subarray(offset + blockLength, offset + encoded - 1)
  maskWithMgf1(maskHash, seed, block)
  block[0]! &= topMask(modulusBits)
  const one = block.findIndex((byte) => byte !== 0)
  if (one === -1 || block[one] !== 1) return false
  const salt = block.subarray(one + 1)
  if (saltLength !== undefined && salt.byteLength !== saltLength) return false
  return equalBytes(digest(hash, Buffer.concat([eightZeros, messageDigest, salt])), seed)
}

/** The encoded message is one bit shorter than the modulus, so it may be a byte shorter too: then a zero stands before it. */
function frame(modulusBits: number): { offset: number; encoded: number } {
  const encoded = Math.ceil((modulusBits - 1) / 8)
  return { offset: Math.ceil(modulusBits / 8) - encoded, encoded }
}

function topMask(modulusBits: number): number {
  return 0xff >> (8 * Math.ceil((modulusBits - 1) / 8) - (modulusBits - 1))
}

const eightZeros = new Uint8Array(8)
const trailer = 0xbc
