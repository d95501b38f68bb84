import { padded, TtlvReader } from '../ttlv/reader.ts'
import { textSize, TtlvWriter } from '../ttlv/writer.ts'
import { unreadableAttributes } from './attribute.ts'
import { type AttributeName, attributeTable } from './attribute-table.ts'
import { Tag } from './tags.ts'

/**
 * Looks Boolean attributes up in what `encodeAttributes` wrote, without decoding the others: puts those that are there into `flags`.
 * @throws KryptonError store-format: the bytes are not ours
 */
export type FlagsReader<K extends AttributeName> = (encoded: Uint8Array, flags: Record<K, boolean>) => void

export function flagsReader<K extends AttributeName>(names: readonly K[]): FlagsReader<K> {
  const wanted = names.map((name) => ({ name, words: encodedName(attributeTable[name].attributeName) }))
  return (encoded, flags) => {
    try {
      const reader = new TtlvReader(encoded)
      const end = reader.next(0)
      for (let at = 8, next; at < end; at = next) {
        next = reader.next(at)
        for (const { name, words } of wanted) {
          if (reader.hasWords(at + 8, words)) flags[name] = reader.boolean(lastChild(reader, at + 8, next))
        }
      }
    } catch (cause) {
      throw unreadableAttributes(cause)
    }
  }
}

/** An Attribute's value stands after its name and its index. */
function lastChild(reader: TtlvReader, first: number, end: number): number {
  let at = first
  while (reader.next(at) < end) at = reader.next(at)
  return at
}

function encodedName(attributeName: string): Int32Array {
  const writer = new TtlvWriter(8 + padded(textSize(attributeName)))
  writer.text(Tag.AttributeName, attributeName)
  return new TtlvReader(writer.bytes).words(0)
}
