import { notOfOneSplit } from './shamir.ts'

/** A secret in `parts` shares of its own length, all of which are needed: their exclusive or is the secret. The caller wipes them. */
export function splitByXor(secret: Uint8Array, parts: number, randomBytes: (count: number) => Buffer): Buffer[] {
  const last = Buffer.allocUnsafeSlow(secret.byteLength)
  last.set(secret)
  const shares = Array.from({ length: parts - 1 }, () => randomBytes(secret.byteLength))
  for (const share of shares) addInto(last, share)
  return [...shares, last]
}

/**
 * The exclusive or of the shares, which are all that there are. The caller wipes it.
 * @throws KryptonError cryptographic-failure: they do not have the same length
 */
export function joinByXor(shares: readonly Uint8Array[]): Buffer {
  const byteLength = shares[0]!.byteLength
  if (shares.some((share) => share.byteLength !== byteLength)) {
    throw notOfOneSplit()
  }
  const secret = Buffer.alloc(byteLength)
  for (const share of shares) addInto(secret, share)
  return secret
}

function addInto(target: Buffer, share: Uint8Array): void {
  for (let i = 0; i < target.byteLength; i++) target[i]! ^= share[i]!
}
