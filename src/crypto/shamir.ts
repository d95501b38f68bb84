import { KryptonError } from '../errors.ts'
import { equalBytes } from './compare.ts'

/**
 * Secret sharing after Shamir: the secret is the value at 0 of a random polynomial of degree `threshold` - 1 over a field, a share its value at
 * another point. `threshold` shares tell the polynomial, fewer tell nothing. A long secret is shared piece by piece, all pieces at once.
 *
 * What is secret goes only through additions, shifts and masks: which of them happen, and where they read, depends on numbers of shares,
 * identifiers and lengths alone.
 */

/** The pieces of a secret or of a share, in words of the field. Whoever made it wipes it. */
export type Pieces = Uint32Array<ArrayBuffer>

/** A field, whose elements that are no secret are scalars S: identifiers, and what follows from them. */
export interface SharingField<S> {
  scalar(identifier: number): S
  multiply(left: S, right: S): S
  subtract(left: S, right: S): S
  inverse(value: S): S
  /** @throws KryptonError cryptographic-failure: they are no pieces of this field */
  pieces(bytes: Uint8Array): Pieces
  randomPieces(byteLength: number, randomBytes: (count: number) => Buffer): Pieces
  /** Bytes of a share of a secret of that length. */
  shareBytes(byteLength: number): number
  /** @throws KryptonError cryptographic-failure: the pieces do not fit into so many bytes */
  bytes(pieces: Pieces, byteLength: number): Buffer
  /** Adds `factor` times `pieces` to `target`, for each piece. */
  addMultiple(target: Pieces, factor: S, pieces: Pieces): void
}

/** A share, and the point at which the polynomial has it. */
export interface Share {
  /** 1 or more; no two shares of a secret have the same. */
  readonly identifier: number
  readonly bytes: Uint8Array
}

/** How a secret is split. */
export interface Splitting {
  readonly parts: number
  readonly threshold: number
  readonly randomBytes: (count: number) => Buffer
}

/** The shares of the identifiers 1 to `parts`, in their order. The caller wipes them. */
export function splitSecret<S>(field: SharingField<S>, secret: Uint8Array, splitting: Splitting): Buffer[] {
  const { parts, threshold, randomBytes } = splitting
  const coefficients = [field.pieces(secret)]
  // Horner's rule needs two: a value, and the one that it is made of.
  let share: Pieces = new Uint32Array(coefficients[0]!.length)
  let before: Pieces = new Uint32Array(share.length)
  try {
    for (let i = 1; i < threshold; i++) coefficients.push(field.randomPieces(secret.byteLength, randomBytes))
    return Array.from({ length: parts }, (_, part) => {
      const point = field.scalar(part + 1)
      share.fill(0)
      for (const coefficient of coefficients.toReversed()) {
        ;[share, before] = [before, share]
        share.set(coefficient)
        field.addMultiple(share, point, before)
      }
      return field.bytes(share, field.shareBytes(secret.byteLength))
    })
  } finally {
    share.fill(0)
    before.fill(0)
    for (const coefficient of coefficients) coefficient.fill(0)
  }
}

/**
 * The secret of `byteLength` bytes that at least `threshold` shares tell; those beyond the threshold must agree with the others. The caller wipes it.
 * @throws KryptonError cryptographic-failure: there are too few shares, or they are not of one secret
 */
export function joinShares<S>(
  field: SharingField<S>,
  shares: readonly Share[],
  { threshold, byteLength }: { readonly threshold: number; readonly byteLength: number },
): Buffer {
  if (shares.length < threshold) {
    throw new KryptonError('cryptographic-failure', `Send at least ${threshold} parts: there are ${shares.length}`)
  }
  const [{ bytes: first } = { bytes: new Uint8Array(0) }] = shares
  if (shares.some(({ bytes }) => bytes.byteLength !== first.byteLength)) throw notOfOneSplit()
  const used = shares.slice(0, threshold)
  const known: Pieces[] = []
  try {
    for (const { bytes } of used) known.push(field.pieces(bytes))
    const points = used.map(({ identifier }) => field.scalar(identifier))
    const weights = weightsOf(field, points)
    for (const { identifier, bytes } of shares.slice(threshold)) {
      const factors = factorsAt(field, { points, weights }, field.scalar(identifier))
      const value = combined(field, factors, known, bytes.byteLength)
      const agrees = equalBytes(value, bytes)
      value.fill(0)
      if (!agrees) throw notOfOneSplit()
    }
    return combined(field, factorsAt(field, { points, weights }, field.scalar(0)), known, byteLength)
  } finally {
    for (const pieces of known) pieces.fill(0)
  }
}

/** Of each point what Lagrange's formula has of it alone: the inverse of the product of its distances to the others. */
function weightsOf<S>(field: SharingField<S>, points: readonly S[]): S[] {
  return points.map((point, i) => {
    let product = field.scalar(1)
    for (let j = 0; j < points.length; j++) {
      if (j !== i) product = field.multiply(product, field.subtract(point, points[j]!))
    }
    return field.inverse(product)
  })
}

/** What the values at the points are multiplied by to make that at `at`, which is none of them: one inverse for all. */
function factorsAt<S>(
  field: SharingField<S>,
  { points, weights }: { readonly points: readonly S[]; readonly weights: readonly S[] },
  at: S,
): S[] {
  const distances = points.map((point) => field.subtract(at, point))
  // Before each the product of those before it, and at last of all: from the last on each inverse is made of the one after it.
  const products = [field.scalar(1)]
  for (const distance of distances) products.push(field.multiply(products.at(-1)!, distance))
  const all = products.at(-1)!
  let inverse = field.inverse(all)
  const factors: S[] = []
  for (let i = points.length - 1; i >= 0; i--) {
    const own = field.multiply(inverse, products[i]!)
    inverse = field.multiply(inverse, distances[i]!)
    factors[i] = field.multiply(field.multiply(all, own), weights[i]!)
  }
  return factors
}

/** The sum of the values, each by its factor. */
function combined<S>(
  field: SharingField<S>,
  factors: readonly S[],
  known: readonly Pieces[],
  byteLength: number,
): Buffer {
  const sum: Pieces = new Uint32Array(known[0]!.length)
  try {
    for (const [i, factor] of factors.entries()) field.addMultiple(sum, factor, known[i]!)
    return field.bytes(sum, byteLength)
  } finally {
    sum.fill(0)
  }
}

export function notOfOneSplit(): KryptonError {
  return new KryptonError('cryptographic-failure', 'Send parts of one split: these do not fit together')
}
