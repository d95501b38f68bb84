import { ItemType, itemTypeName } from './item-type.ts'
import { TtlvReader } from './reader.ts'

/** An item for people: of a Structure the items in it, of any other its value in words. */
export interface ShownItem {
  readonly tag: string
  readonly type: string
  readonly value: string | readonly ShownItem[]
}

/**
 * A frame as a tree for people, an item a line: see `show`.
 * @throws KryptonError frame-* when the bytes are not one whole item
 */
export function dump(frame: Uint8Array, names: Names = {}): string {
  return textOf(show(frame, names))
}

/** The same of an item that has been read. */
export function textOf({ tag, type, value }: ShownItem, depth = 0): string {
  const head = `${'  '.repeat(depth)}${tag} (${type})`
  return typeof value === 'string'
    ? `${head} ${value}\n`
    : `${head}\n${value.map((item) => textOf(item, depth + 1)).join('')}`
}

/**
 * A frame as a tree for people. Byte Strings and Big Integers are shown by their length alone, and so are texts whose tag
 * is in `secrets`: what is printed may be kept.
 * @throws KryptonError frame-* when the bytes are not one whole item
 */
export function show(frame: Uint8Array, names: Names = {}): ShownItem {
  const reader = new TtlvReader(frame)
  const shown: ShownItem[] = []
  const open = [{ items: shown, end: reader.bytes.length }]
  let at = 0
  while (at < reader.bytes.length) {
    while (at >= open.at(-1)!.end) open.pop()
    const { items } = open.at(-1)!
    const head = reader.head(at)
    const tag = head >>> 8
    const itemType = head & 0xff
    const named = { tag: names.tag?.(tag) ?? `0x${tag.toString(16)}`, type: itemTypeName(itemType) }
    if (itemType === ItemType.Structure) {
      const inside: ShownItem[] = []
      items.push({ ...named, value: inside })
      open.push({ items: inside, end: reader.next(at) })
      at += 8
    } else {
      items.push({ ...named, value: valueText(reader, at, tag, itemType, names) })
      at = reader.next(at)
    }
  }
  return shown[0]!
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
