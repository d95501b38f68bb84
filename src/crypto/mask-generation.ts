import { digest, type DigestAlgorithm } from './digest.ts'

/** MGF1 (RFC 8017 appendix B.2.1): puts its mask over `target`, in place. */
export function maskWithMgf1(hash: DigestAlgorithm, seed: Uint8Array, target: Uint8Array): void {
  const input = Buffer.allocUnsafeSlow(seed.byteLength + 4)
  input.set(seed)
  for (let done = 0, counter = 0; done < target.byteLength; counter++) {
    input.writeUInt32BE(counter, seed.byteLength)
    const block = digest(hash, input)
    for (let i = 0; i < block.byteLength && done < target.byteLength; i++, done++) target[done]! ^= block[i]!
    block.fill(0)
  }
  input.fill(0)
}
