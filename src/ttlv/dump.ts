import { ItemType, itemTypeName } from './item-type.ts'
import { TtlvReader } from './reader.ts'

/**
 * A frame as a tree for people, an item a line. Byte Strings and Big Integers are shown by their length alone, and so are texts whose tag
 * is in `secrets`: what is printed may be kept.
 * @throws KryptonError frame-* when the bytes are not one whole item
 */
export function dump(frame: Uint8Array, names: Names = {}): string {
  const reader = new TtlvReader(frame)
  const ends: number[] = []
  let text = ''
  let at = 0
  while (at < reader.bytes.length) {
    while (ends.length > 0 && at >= ends.at(-1)!) ends.pop()
    const head = reader.head(at)
    const tag = head >>> 8
    const type = head & 0xff
    const name = names.tag?.(tag) ?? `0x${tag.toString(16)}`
    text += `${'  '.repeat(ends.length)}${name} (${itemTypeName(type)})`
    if (type === ItemType.Structure) {
      text += '\n'
      ends.push(reader.next(at))
      at += 8
    } else {
      text += ` ${valueText(reader, at, tag, type, names)}\n`
      at = reader.next(at)
    }
  }
  return text
}

/** How numbers are called: from the tables of kmip/, which this folder does not know. */
export interface Names {
  readonly tag?: (tag: number) => string | undefined
  /** The name of an Enumeration's value. */
  readonly value?: (tag: number, value: number) => string | undefined
  /** Tags of texts that are not shown. */
  readonly secrets?: ReadonlySet<number>
}

function valueText(reader: TtlvReader, at: number, tag: number, type: number, names: Names): string {
  switch (type) {
    case ItemType.Integer:
      return String(reader.integer(at))
    case ItemType.LongInteger:
      return String(reader.longInteger(at))
    case ItemType.Enumeration: {
      const value = reader.unsigned(at)
      const name = names.value?.(tag, value)
      return `0x${value.toString(16).padStart(8, '0')}${name === undefined ? '' : ` ${name}`}`
    }
    case ItemType.Boolean:
      return String(reader.boolean(at))
    case ItemType.TextString:
      return names.secrets?.has(tag) === true
        ? `${reader.length(at)} bytes`
        : JSON.stringify(reader.value(at).toString())
    case ItemType.DateTime:
      return dateText(reader.longInteger(at))
    case ItemType.Interval:
      return `${reader.unsigned(at)} s`
    default:
      return `${reader.length(at)} bytes`
  }
}

function dateText(seconds: bigint): string {
  const milliseconds = Number(seconds) * 1000
  return Math.abs(milliseconds) <= 8.64e15 ? new Date(milliseconds).toISOString() : `${seconds} s`
}
