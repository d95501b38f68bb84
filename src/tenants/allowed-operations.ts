/** Operations that a client may ask for, by their KMIP number; undefined: all there are, also those that come later. */
export type AllowedOperations = ReadonlySet<number> | undefined

/** The column `operations`: u32 numbers, ascending; one of 0xffffffff for all. Nothing in it allows nothing. */
export function encodeAllowedOperations(operations: Iterable<number> | undefined): Buffer {
  const numbers = operations === undefined ? [all] : [...new Set(operations)].toSorted((left, right) => left - right)
  const bytes = Buffer.alloc(numbers.length * 4)
  for (const [index, number] of numbers.entries()) bytes.writeUInt32BE(number, index * 4)
  return bytes
}

/** The inverse of `encodeAllowedOperations`, for rows whose MAC has been verified. */
export function decodeAllowedOperations(bytes: Uint8Array): AllowedOperations {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const operations = new Set<number>()
  for (let at = 0; at + 4 <= bytes.byteLength; at += 4) operations.add(view.getUint32(at))
  return operations.has(all) ? undefined : operations
}

const all = 0xffff_ffff
