import { KryptonError } from '../errors.ts'
import { ItemType } from '../ttlv/item-type.ts'
import { padded } from '../ttlv/reader.ts'
import type { TtlvWriter } from '../ttlv/writer.ts'
import { bigInteger, boolean, bytes, dateTime, integer, interval, longInteger, text, vendorStructure } from './kinds.ts'
import type { Kind, MessageReader } from './struct.ts'

/** The value of a custom attribute keeps the type it came with; a structure is the bytes of its items (KMIP 1.4 section 3.39). */
export interface CustomValue {
  readonly itemType: ItemType
  readonly value: number | bigint | boolean | string | Uint8Array
}

export const CustomValue: Kind<CustomValue> = {
  types: Object.values(ItemType),
  read: (reader: MessageReader, at: number) => {
    const itemType = (reader.head(at) & 0xff) as ItemType // the frame was checked: there is no other type in it
    return { itemType, value: kindOf(itemType).read(reader, at) }
  },
  size: ({ itemType, value }, version) => kindOf(itemType).size(value, version),
  write: (writer: TtlvWriter, tag, { itemType, value }, version) => kindOf(itemType).write(writer, tag, value, version),
}

/** True for a structure that holds a structure (3.39). */
export function hasSubStructure({ itemType, value }: CustomValue): boolean {
  if (itemType !== ItemType.Structure) return false
  const items = value as Buffer // a view of the items, which were walked when the frame was
  for (let at = 0; at < items.byteLength; at += 8 + padded(items.readUInt32BE(at + 4))) {
    if (items[at + 3] === ItemType.Structure) return true
  }
  return false
}

const enumerationOrInterval: Kind<number> = {
  ...interval,
  write: (writer, tag, value) => writer.enumeration(tag, value),
}

/** Each kind takes the value that its own type gave. */
const kinds: Readonly<Record<ItemType, Kind<CustomValue['value']>>> = {
  [ItemType.Structure]: vendorStructure,
  [ItemType.Integer]: integer,
  [ItemType.LongInteger]: longInteger,
  [ItemType.BigInteger]: bigInteger,
  [ItemType.Enumeration]: enumerationOrInterval,
  [ItemType.Boolean]: boolean,
  [ItemType.TextString]: text,
  [ItemType.ByteString]: bytes,
  [ItemType.DateTime]: dateTime,
  [ItemType.Interval]: interval,
}

function kindOf(itemType: ItemType): Kind<CustomValue['value']> {
  const kind = kinds[itemType]
  if (kind === undefined)
    throw new KryptonError('invalid-field', `Send a custom attribute of a TTLV type, not of type ${String(itemType)}`)
  return kind
}
