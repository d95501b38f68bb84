/** Operations that a client may ask for, by their KMIP number; undefined: all there are, also those that come later. */
export type AllowedOperations = ReadonlySet<number> | undefined

/** The column `operations`: u32 numbers, ascending; one of 0xffffffff for all. Nothing in it allows nothing. */
export function encodeAllowedOperations(operations: Iterable<number> | undefined): Buffer {
  const numbers = operations === undefined ? [all] : [...new Set(operations)].toSorted((left, right) => left - right)
  const bytes = Buffer.alloc(numbers.length * 4)
  for (const [index, number] of numbers.entries()) bytes.writeUInt32BE(number, index * 4)
  return bytes
}

/** The same column for a client that has a role: 0xfffffffe, then the role's name in UTF-8. */
export function encodeRoleName(role: string): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(named)
  return Buffer.concat([head, Buffer.from(role, 'utf8')])
}

/** The role that the column names; undefined where it lists operations. For rows whose MAC has been verified. */
export function decodeRoleName(bytes: Uint8Array): string | undefined {
  const column = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (column.byteLength < 4 || column.readUInt32BE() !== named) return undefined
  return column.toString('utf8', 4)
}

/** The inverse of `encodeAllowedOperations`, for rows whose MAC has been verified. */
export function decodeAllowedOperations(bytes: Uint8Array): AllowedOperations {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const operations = new Set<number>()
  for (let at = 0; at + 4 <= bytes.byteLength; at += 4) operations.add(view.getUint32(at))
  return operations.has(all) ? undefined : operations
}

const all = 0xffff_ffff
const named = 0xffff_fffe
