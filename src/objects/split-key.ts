import { type KeyJoining, type KeySharing, type SharingMethod, withSharingField } from '../crypto/key-sharing.ts'
import { isPrime } from '../crypto/prime-field.ts'
import { notOfOneSplit } from '../crypto/shamir.ts'
import type { Share, SharingField } from '../crypto/shamir.ts'
import { KryptonError } from '../errors.ts'
import { SplitKeyMethod } from '../kmip/enums.ts'
import { decodeSplit } from '../kmip/kept-structures.ts'
import type { Split } from '../kmip/object.ts'
import { limits } from '../limits.ts'
import type { ManagedObject } from './managed-object.ts'

/** Split Keys: what their structure says, and how a key becomes parts and parts a key (KMIP 1.4 sections 2.2.5, 4.38 and 4.39). */

/** How a key is split: the same in all its parts. */
export type Sharing = Pick<Split, 'splitKeyParts' | 'splitKeyThreshold' | 'splitKeyMethod' | 'primeFieldSize'>

/** A part as it is joined. */
export interface KeyPart {
  readonly split: Split
  readonly bytes: Uint8Array
}

/** What the structure of a Split Key says beside its Key Block. */
export function splitOf({ structure }: ManagedObject): Split {
  return decodeSplit(structure!) // each Split Key is made with one
}

/**
 * Do the numbers of a Split Key go together?
 * @throws KryptonError invalid-field
 */
export async function checkSharing(sharing: Sharing): Promise<void> {
  const { splitKeyParts: parts, splitKeyThreshold: threshold, splitKeyMethod, primeFieldSize } = sharing
  if (!splitKeyMethods.has(splitKeyMethod)) {
    throw new KryptonError(
      'invalid-field',
      'Use Split Key Method XOR, Polynomial Sharing GF(2^8), Polynomial Sharing GF(2^16) or Polynomial Sharing Prime Field',
    )
  }
  if (parts < 1 || parts > limits.splitKeyPartsMax) {
    throw new KryptonError('invalid-field', `Send Split Key Parts of 1 to ${limits.splitKeyPartsMax}`)
  }
  if (threshold < 1 || threshold > parts) {
    throw new KryptonError('invalid-field', 'Send a Split Key Threshold of 1 to Split Key Parts')
  }
  if (splitKeyMethod === SplitKeyMethod.XOR && threshold !== parts) {
    throw new KryptonError(
      'invalid-field',
      'Send for XOR the Split Key Parts as Split Key Threshold: it needs them all',
    )
  }
  if (splitKeyMethod === SplitKeyMethod.PolynomialSharingPrimeField) await checkPrime(primeFieldSize, parts)
  else if (primeFieldSize !== undefined) {
    throw new KryptonError('invalid-field', 'Leave out Prime Field Size: the Split Key Method has none')
  }
}

async function checkPrime(primeFieldSize: Uint8Array | undefined, parts: number): Promise<void> {
  const bytesMax = limits.primeFieldBitsMax / 8
  if (primeFieldSize !== undefined && primeFieldSize.byteLength <= bytesMax && primeFieldSize[0]! < 0x80) {
    const prime = primeOf(primeFieldSize)
    if (prime > parts && (await isPrime(prime))) return
  }
  throw new KryptonError(
    'invalid-field',
    `Send as Prime Field Size a prime of more than Split Key Parts and less than ${limits.primeFieldBitsMax} bits`,
  )
}

/**
 * Can this be that part? `checkSharing` was asked before; `material` is undefined where it cannot be looked at.
 * @throws KryptonError invalid-field
 */
export function checkPart(split: Split, material: Uint8Array | undefined): void {
  const { keyPartIdentifier, splitKeyParts } = split
  if (keyPartIdentifier < 1 || keyPartIdentifier > splitKeyParts) {
    throw new KryptonError('invalid-field', 'Send a Key Part Identifier of 1 to Split Key Parts')
  }
  const method = methodOf(split)
  if (method === 'xor' || material === undefined) return
  withSharingField(method, (field) => {
    checkBytes(field, material)
    if (field.shareBytes(material.byteLength) === material.byteLength) return
    throw new KryptonError('invalid-field', 'Send Key Material of as many bytes as Prime Field Size has')
  })
}

/**
 * How a key of that many bytes is shared.
 * @throws KryptonError invalid-field: the method does not take the key
 */
export function keySharing(secret: Uint8Array, sharing: Sharing): KeySharing {
  const { splitKeyParts: parts, splitKeyThreshold: threshold, primeFieldSize } = sharing
  const method = methodOf(sharing)
  // A prime of more bits than the key is larger than every such key.
  if (primeFieldSize !== undefined && primeOf(primeFieldSize) >> BigInt(8 * secret.byteLength) === 0n) {
    throw new KryptonError('invalid-field', 'Send a Prime Field Size that is larger than 2 to the bits of the key')
  }
  if (method !== 'xor') withSharingField(method, (field) => checkBytes(field, secret))
  return { method, parts, threshold }
}

/**
 * How the parts are joined to a key of `byteLength` bytes; without that, of as many as it can have.
 * @throws KryptonError cryptographic-failure: they are too few, or not of one split
 */
export function keyJoining(
  parts: readonly KeyPart[],
  byteLength: number | undefined,
): KeyJoining & { readonly shares: readonly Share[] } {
  const [{ split, bytes }] = parts as [KeyPart, ...KeyPart[]] // whoever asks has one
  if (parts.some((other) => !isOfSameSplit(split, other.split))) throw notOfOneSplit()
  if (new Set(parts.map((part) => part.split.keyPartIdentifier)).size < parts.length) {
    throw new KryptonError('cryptographic-failure', 'Send each part once')
  }
  const { splitKeyThreshold: threshold, primeFieldSize } = split
  if (parts.length < threshold) {
    throw new KryptonError('cryptographic-failure', `Send at least ${threshold} parts: there are ${parts.length}`)
  }
  const shares = parts.map((part) => ({ identifier: part.split.keyPartIdentifier, bytes: part.bytes }))
  const whole = primeFieldSize === undefined ? bytes.byteLength : keyBytesMax(primeFieldSize)
  const length = primeFieldSize === undefined ? whole : Math.min(byteLength ?? whole, whole)
  return { shares, method: methodOf(split), threshold, byteLength: length }
}

function isOfSameSplit(one: Split, other: Split): boolean {
  return (
    one.splitKeyParts === other.splitKeyParts &&
    one.splitKeyThreshold === other.splitKeyThreshold &&
    one.splitKeyMethod === other.splitKeyMethod &&
    isSame(one.primeFieldSize, other.primeFieldSize) &&
    // Parts that were registered do not say with which others they were made.
    (one.splitId === undefined || other.splitId === undefined || isSame(one.splitId, other.splitId))
  )
}

function isSame(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return Buffer.compare(one, other) === 0
}

/** @throws KryptonError invalid-field */
function checkBytes<S>(field: SharingField<S>, bytes: Uint8Array): void {
  try {
    field.pieces(bytes).fill(0)
  } catch (cause) {
    throw new KryptonError('invalid-field', 'Use a Split Key Method and a Prime Field Size into which the key fits', {
      cause,
    })
  }
}

/** `checkSharing` has let no other through. */
function methodOf({ splitKeyMethod, primeFieldSize }: Sharing): SharingMethod {
  if (splitKeyMethod === SplitKeyMethod.XOR) return 'xor'
  if (splitKeyMethod === SplitKeyMethod.PolynomialSharingGF2_8) return 'gf2-8'
  return splitKeyMethod === SplitKeyMethod.PolynomialSharingGF2_16 ? 'gf2-16' : { prime: primeOf(primeFieldSize!) }
}

function primeOf(primeFieldSize: Uint8Array): bigint {
  return BigInt(
    `0x${Buffer.from(primeFieldSize.buffer, primeFieldSize.byteOffset, primeFieldSize.byteLength).toString('hex')}`,
  )
}

/** The longest keys that are all smaller than the prime. */
function keyBytesMax(primeFieldSize: Uint8Array): number {
  return Math.floor((primeOf(primeFieldSize).toString(2).length - 1) / 8)
}

const splitKeyMethods: ReadonlySet<number> = new Set(Object.values(SplitKeyMethod))
