import { KryptonError } from '../errors.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import { limits } from '../limits.ts'
import { requestedNumber } from './requested-attributes.ts'

/** What the Key Block of a Register says beside the attributes of the request. */

/**
 * A number that may stand in the Key Block, among the attributes, or in both: then it is the same.
 * @throws KryptonError invalid-field
 */
export function agreed(
  attributeName: 'Cryptographic Algorithm' | 'Cryptographic Length',
  inKeyBlock: number | undefined,
  requested: readonly WireAttribute[],
): number | undefined {
  const name = attributeName === 'Cryptographic Algorithm' ? 'cryptographicAlgorithm' : 'cryptographicLength'
  const asAttribute = requestedNumber(requested, name)
  if (inKeyBlock !== undefined && asAttribute !== undefined && inKeyBlock !== asAttribute) {
    throw new KryptonError('invalid-field', `Send the same ${attributeName} in Key Block and Template-Attribute`)
  }
  return inKeyBlock ?? asAttribute
}

/**
 * Attributes that came with the key material (2.1.4) are the object's own where the request says nothing else. Those that another server
 * kept of its own accord do not count here, so only custom attributes and names of use are taken.
 */
export function withKeyValueAttributes(
  requested: readonly WireAttribute[],
  { keyValue }: KeyBlock,
): readonly WireAttribute[] {
  const carried = (keyValue?.attributes ?? []).filter(
    ({ name, attributeName }) =>
      (name === attributeName || name === 'cryptographicUsageMask' || name === 'name') &&
      !requested.some((other) => other.name === name),
  )
  return carried.length === 0 ? requested : [...requested, ...carried]
}

/** @throws KryptonError invalid-field, with what the bytes are to their client */
export function checkSize(material: Uint8Array, what = 'key material'): void {
  if (material.byteLength === 0) throw new KryptonError('invalid-field', `Send ${what} of at least one byte`)
  if (material.byteLength > limits.materialBytesMax) {
    throw new KryptonError('invalid-field', `Send at most ${limits.materialBytesMax} bytes of ${what}`)
  }
}
