import { TtlvWriter } from '../ttlv/writer.ts'
import { KeyBlock, TransparentKey } from './key-block.ts'
import { Split, Template } from './object.ts'
import { MessageReader } from './struct.ts'
import type { Struct } from './struct.ts'
import { Tag } from './tags.ts'
import { newestVersion } from './version.ts'

/** Structures that are kept beside an object or in its record, as single items of TTLV. What is read is views of the bytes. */

/** A transparent key as its Key Material, which is what is kept of it and digested (3.17). The caller wipes it. */
export function encodeTransparentKey(key: TransparentKey): Buffer {
  return encode(TransparentKey, Tag.KeyMaterial, key)
}

export function decodeTransparentKey(item: Uint8Array): TransparentKey {
  return TransparentKey.read(new MessageReader(item), 0)
}

/** How a Key Block is kept that came wrapped. */
export function encodeKeyBlock(keyBlock: KeyBlock): Buffer {
  return encode(KeyBlock, Tag.KeyBlock, keyBlock)
}

export function decodeKeyBlock(item: Uint8Array): KeyBlock {
  return KeyBlock.read(new MessageReader(item), 0)
}

/** What is kept of a Split Key beside its Key Block. */
export function encodeSplit(split: Split): Buffer {
  return encode(Split, Tag.SplitKey, split)
}

export function decodeSplit(item: Uint8Array): Split {
  return Split.read(new MessageReader(item), 0)
}

export function encodeTemplate(template: Template): Buffer {
  return encode(Template, Tag.Template, template)
}

export function decodeTemplate(item: Uint8Array): Template {
  return Template.read(new MessageReader(item), 0)
}

function encode<T>(struct: Struct<T>, tag: number, value: T): Buffer {
  const writer = new TtlvWriter(struct.size(value, newestVersion))
  struct.write(writer, tag, value, newestVersion)
  return writer.bytes
}
