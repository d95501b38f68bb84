import { ECDH } from 'node:crypto'
import { KryptonError } from '../errors.ts'

/** An elliptic curve that keys may be on. */
export interface EllipticCurve {
  /** Its name in `node:crypto`. */
  readonly name: 'prime256v1' | 'secp384r1' | 'secp521r1' | 'secp256k1'
  readonly bits: number
  /** Bytes of a coordinate and of a private key. */
  readonly byteLength: number
  /** Content of its OBJECT IDENTIFIER (RFC 5480, SEC 2). */
  readonly identifier: Buffer
}

/** Every curve that is served. */
export const ellipticCurves: readonly EllipticCurve[] = [
  curve('prime256v1', 256, '2a8648ce3d030107'),
  curve('secp384r1', 384, '2b81040022'),
  curve('secp521r1', 521, '2b81040023'),
  curve('secp256k1', 256, '2b8104000a'),
]

/** The curve of an OBJECT IDENTIFIER. Throws 'invalid-field' for one that is not served. */
export function curveOfIdentifier(identifier: Uint8Array): EllipticCurve {
  const found = ellipticCurves.find((candidate) => Buffer.compare(candidate.identifier, identifier) === 0)
  if (found !== undefined) return found
  throw new KryptonError('invalid-field', 'Use a key on P-256, P-384, P-521 or secp256k1: no other curve is served')
}

/** How a public point is written (SEC 1, section 2.3.3). */
export type PointForm = 'uncompressed' | 'compressed' | 'hybrid'

/** The form that a point is in, by its first byte; undefined for bytes that are no point of that curve's length. */
export function pointForm(point: Uint8Array, { byteLength }: EllipticCurve): PointForm | undefined {
  const [first] = point
  if (point.byteLength === 1 + byteLength) return first === 0x02 || first === 0x03 ? 'compressed' : undefined
  if (point.byteLength !== 1 + 2 * byteLength) return undefined
  if (first === 0x04) return 'uncompressed'
  return first === 0x06 || first === 0x07 ? 'hybrid' : undefined
}

/** The same point in another form. Throws 'invalid-field' when it is no point on the curve; the point at infinity is none. */
export function pointAs(form: PointForm, point: Uint8Array, curveOfPoint: EllipticCurve): Buffer {
  if (pointForm(point, curveOfPoint) === undefined) throw noPoint()
  try {
    // Without an encoding the answer is bytes.
    return ECDH.convertKey(Buffer.from(point), curveOfPoint.name, undefined, undefined, form) as Buffer
  } catch {
    throw noPoint()
  }
}

function noPoint(): KryptonError {
  return new KryptonError('invalid-field', 'Send a public key that is a point on its curve: this is none')
}

function curve(name: EllipticCurve['name'], bits: number, identifier: string): EllipticCurve {
  return { name, bits, byteLength: Math.ceil(bits / 8), identifier: Buffer.from(identifier, 'hex') }
}
