import { placement } from '../limits.ts'
import { byteField, pairField } from './binary-field.ts'
import { primeField } from './prime-field.ts'
import { joinShares, type Share, type SharingField, splitSecret } from './shamir.ts'
import { joinByXor, splitByXor } from './xor-sharing.ts'

/** How a secret is shared, in words that go to another thread: by exclusive or, or over a field, of which a prime has its own. */
export type SharingMethod = 'xor' | 'gf2-8' | 'gf2-16' | { readonly prime: bigint }

/** A secret that becomes parts. */
export interface KeySharing {
  readonly method: SharingMethod
  readonly parts: number
  /** All parts for exclusive or. */
  readonly threshold: number
}

/** Parts that become a secret. */
export interface KeyJoining {
  readonly method: SharingMethod
  readonly threshold: number
  /** Of the secret. */
  readonly byteLength: number
}

/** Calls `use` with the field of a method that has one. */
export function withSharingField<T>(method: Exclude<SharingMethod, 'xor'>, use: <S>(field: SharingField<S>) => T): T {
  if (method === 'gf2-8') return use(byteField(0x11d))
  return method === 'gf2-16' ? use(pairField) : use(primeField(method.prime))
}

/**
 * The parts of a secret, in the order of their identifiers. The caller wipes them.
 * @throws KryptonError cryptographic-failure: it is no secret of the field
 */
export function splitKey(
  secret: Uint8Array,
  { method, parts, threshold }: KeySharing,
  randomBytes: (count: number) => Buffer,
): Buffer[] {
  if (method === 'xor') return splitByXor(secret, parts, randomBytes)
  return withSharingField(method, (field) => splitSecret(field, secret, { parts, threshold, randomBytes }))
}

/**
 * The secret that the parts were made of. The caller wipes it.
 * @throws KryptonError cryptographic-failure: they are too few, or not of one split
 */
export function joinKey(shares: readonly Share[], { method, threshold, byteLength }: KeyJoining): Buffer {
  if (method === 'xor') return joinByXor(shares.map(({ bytes }) => bytes))
  return withSharingField(method, (field) => joinShares(field, shares, { threshold, byteLength }))
}

/** Bytes of each part of a secret of that length. */
export function shareBytes(method: SharingMethod, byteLength: number): number {
  return method === 'xor' ? byteLength : withSharingField(method, (field) => field.shareBytes(byteLength))
}

/** What it takes to split a secret of so many bytes, in microseconds. */
export function splittingUs({ method, parts, threshold }: KeySharing, byteLength: number): number {
  // Identifiers have 8 bits, and each is a doubling and an addition.
  return parts * threshold * multipleUs(method, byteLength, 8)
}

/** The same of joining so many shares: what those beyond the threshold must be is calculated too. */
export function joiningUs({ method, threshold, byteLength }: KeyJoining, shares: number): number {
  const bits = typeof method === 'string' ? 8 : 8 * shareBytes(method, byteLength)
  const values = 1 + shares - threshold
  const { scalarUs } = costsOf(method)
  return threshold * threshold * scalarUs + values * threshold * (scalarUs + multipleUs(method, byteLength, bits))
}

/** To add a multiple of a secret by a factor of so many bits. */
function multipleUs(method: SharingMethod, byteLength: number, bits: number): number {
  const { wordUs } = costsOf(method)
  if (typeof method === 'string') return Math.ceil(byteLength / 4) * wordUs
  return 2 * bits * Math.ceil(shareBytes(method, byteLength) / 2) * wordUs
}

function costsOf(method: SharingMethod): { readonly wordUs: number; readonly scalarUs: number } {
  return typeof method === 'string' ? placement.sharing.binary : placement.sharing.prime
}
