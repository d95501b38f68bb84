import { ItemType } from '../../ttlv/item-type.ts'
import type { TtlvReader } from '../../ttlv/reader.ts'
import { Tag } from '../tags.ts'
import { vocabularyOf } from './names.ts'
import { dateTimeText, hexText, maskText } from './value-text.ts'

/**
 * The value of an Integer, Enumeration, Interval, Long Integer or Date-Time as words or digits. Names are given where there are some, numbers
 * in hexadecimal where the encoding's own form has no room for them.
 */
export function valueToText(
  reader: TtlvReader,
  at: number,
  form: { readonly xml: boolean; readonly attributeName: string | undefined },
): string {
  const head = reader.head(at)
  const { xml, attributeName } = form
  const vocabulary = vocabularyOf(head >>> 8, attributeName)
  switch (head & 0xff) {
    case ItemType.Integer: {
      const value = reader.integer(at)
      const mask = vocabulary?.isMask === true ? maskText(value, vocabulary, xml ? ' ' : '|') : undefined
      // As the published messages have them: XML in decimal, JSON in hexadecimal.
      return mask ?? (xml ? String(value) : hexText(value, 8))
    }
    case ItemType.Enumeration: {
      const value = reader.unsigned(at)
      return (vocabulary?.isMask === false ? vocabulary.names.get(value) : undefined) ?? hexText(value, 8)
    }
    case ItemType.Interval:
      return xml ? String(reader.unsigned(at)) : hexText(reader.unsigned(at), 8)
    case ItemType.LongInteger:
      return xml ? String(reader.longInteger(at)) : hexText(reader.longInteger(at), 16)
    default: {
      const seconds = reader.longInteger(at)
      return dateTimeText(seconds) ?? hexText(seconds, 16)
    }
  }
}

/** The attribute name that this item gives to the values after it; undefined when it is none. */
export function attributeNameOf(reader: TtlvReader, at: number): string | undefined {
  return reader.head(at) === attributeNameHead && reader.length(at) <= attributeNameBytesMax
    ? reader.text(at)
    : undefined
}

const attributeNameHead = (Tag.AttributeName << 8) | ItemType.TextString

/** 'Cryptographic Domain Parameters' has 31. */
const attributeNameBytesMax = 64
