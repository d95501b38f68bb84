import { ItemType } from './item-type.ts'

/**
 * Of an item that was cut off, the items that are there whole, in the structures that they are in, as one well-formed item: a copy. Undefined where not one is. For people who look at
 * a capture; what else is wrong with the bytes is not looked at.
 */
export function wholePart(bytes: Buffer): Buffer | undefined {
  const structures: { at: number; end: number }[] = []
  let at = 0
  let isAny = false
  while (at + headerBytes <= bytes.length) {
    const isStructure = bytes[at + 3] === ItemType.Structure
    const end = at + headerBytes + Math.ceil(bytes.readUInt32BE(at + 4) / 8) * 8
    if (!isStructure && end > bytes.length) break
    if (isStructure) structures.push({ at, end })
    isAny ||= !isStructure
    at = isStructure ? at + headerBytes : end
    while (structures.length > 0 && structures.at(-1)!.end <= at) structures.pop()
    if (structures.length === 0) break
  }
  if (!isAny) return undefined
  const part = Buffer.from(bytes.subarray(0, at))
  // What is open still ends where the cut is.
  for (const open of structures) part.writeUInt32BE(at - open.at - headerBytes, open.at + 4)
  return part
}

/** Tag, type and length. */
const headerBytes = 8
