import { digest, type DigestAlgorithm, digestLength } from './digest.ts'
import { maskWithMgf1 } from './mask-generation.ts'
import { randomBytes } from './random.ts'

/**
 * EME-OAEP (RFC 8017 section 7.1) for what `node:crypto` has no word for: a mask of another hash than the label's, and data whose writer did not
 * say which.
 */
export interface OaepParameters {
  readonly hash: DigestAlgorithm
  readonly maskHash: DigestAlgorithm
  /** PKCS #1's label L, KMIP's P Source. */
  readonly label: Uint8Array
}

/** The encoded message; undefined when the data is too long for the modulus. The caller wipes it. */
export function encodeOaep(data: Uint8Array, modulusLength: number, parameters: OaepParameters): Buffer | undefined {
  const { hash, maskHash, label } = parameters
  const hashLength = digestLength(hash)
  const blockLength = modulusLength - hashLength - 1
  if (data.byteLength > blockLength - hashLength - 1) return undefined
  const bytes = Buffer.alloc(modulusLength)
  const seed = bytes.subarray(1, 1 + hashLength)
  const block = bytes.subarray(1 + hashLength)
  seed.set(randomBytes(hashLength))
  block.set(digest(hash, label))
  block[blockLength - data.byteLength - 1] = 1
  block.set(data, blockLength - data.byteLength)
  maskWithMgf1(maskHash, seed, block)
  maskWithMgf1(maskHash, block, seed)
  return bytes
}

/**
 * The data in an encoded message, in a buffer of its own; undefined for every fault alike. It takes the same way for each of them, since whoever
 * learns which fault it was can open a message by asking often (Manger 2001). `bytes` stay the caller's to wipe.
 */
export function decodeOaep(bytes: Uint8Array, { hash, maskHash, label }: OaepParameters): Buffer | undefined {
  const hashLength = digestLength(hash)
  if (bytes.byteLength < 2 * hashLength + 2) return undefined
  const own = Buffer.from(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  const seed = own.subarray(1, 1 + hashLength)
  const block = own.subarray(1 + hashLength)
  maskWithMgf1(maskHash, block, seed)
  maskWithMgf1(maskHash, seed, block)
  const labelHash = digest(hash, label)
  let fault = own[0]!
  for (let i = 0; i < hashLength; i++) fault |= block[i]! ^ labelHash[i]!
  let found = 0
  let from = 0
  for (let i = hashLength; i < block.byteLength; i++) {
    const byte = block[i]!
    const isOne = (((byte ^ 1) - 1) >>> 31) & ~found & 1
    const isZero = ((byte - 1) >>> 31) & 1
    from |= -isOne & (i + 1)
    fault |= (found | isOne | isZero) ^ 1
    found |= isOne
  }
  fault |= found ^ 1
  const length = block.byteLength - from
  const data = Buffer.allocUnsafeSlow(fault === 0 ? length : 0)
  data.set(block.subarray(block.byteLength - data.byteLength))
  own.fill(0)
  return fault === 0 ? data : undefined
}
