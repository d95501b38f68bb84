import type { FrameBuilder } from '../../ttlv/frame-builder.ts'
import { ItemType } from '../../ttlv/item-type.ts'
import type { Vocabulary } from './names.ts'
import { dateTimeValue, enumerationValue, integerValue, intervalValue, longIntegerValue } from './value-text.ts'

/** How a value was written. */
export interface ValueForm {
  /** Digits are a number in decimal: all of XML, the Numbers of JSON. */
  readonly decimal: boolean
  /** What a Long Integer in decimal may be. */
  readonly longIntegers: { readonly min: bigint; readonly max: bigint }
  readonly vocabulary: Vocabulary | undefined
}

/**
 * Writes an item whose value is words or digits, of any type but Structure, Text String, Byte String and Big Integer.
 * @throws KryptonError frame-invalid
 */
export function putValue(out: FrameBuilder, tag: number, type: ItemType, text: string, form: ValueForm): void {
  const { decimal, longIntegers } = form
  switch (type) {
    case ItemType.Integer:
      return out.word(tag, type, integerValue(text, form))
    case ItemType.Enumeration:
      return out.word(tag, type, enumerationValue(text, form))
    case ItemType.Interval:
      return out.word(tag, type, intervalValue(text, decimal))
    case ItemType.LongInteger:
      return out.long(tag, type, longIntegerValue(text, decimal ? longIntegers : undefined))
    case ItemType.DateTime:
      return out.long(tag, type, dateTimeValue(text))
    default:
      throw new Error(`items of type ${type} are not put as words`)
  }
}
