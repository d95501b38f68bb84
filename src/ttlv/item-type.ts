/** Item Types (KMIP 1.4 section 9.1.1.2). */
export const ItemType = {
  Structure: 0x01,
  Integer: 0x02,
  LongInteger: 0x03,
  BigInteger: 0x04,
  Enumeration: 0x05,
  Boolean: 0x06,
  TextString: 0x07,
  ByteString: 0x08,
  DateTime: 0x09,
  Interval: 0x0a,
} as const
export type ItemType = (typeof ItemType)[keyof typeof ItemType]

/** The specification's name of a type, for messages and dumps. */
export function itemTypeName(type: number): string {
  return itemTypeNames[type] ?? `Type ${type}`
}

const itemTypeNames = [
  undefined,
  'Structure',
  'Integer',
  'Long Integer',
  'Big Integer',
  'Enumeration',
  'Boolean',
  'Text String',
  'Byte String',
  'Date-Time',
  'Interval',
]
