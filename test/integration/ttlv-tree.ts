import { Tag } from '../../src/kmip/tags.ts'

/**
 * TTLV as a plain tree, for tests that look at what went over the wire. It shares no code with the server's codec: a fault in
 * one would hide in the other.
 */
export interface Item {
  readonly tag: number
  readonly type: number
  /** Children of a structure; undefined for the rest. */
  readonly children?: readonly Item[]
  /** The value's bytes without padding; empty for a structure. */
  readonly value: Buffer
}

export const Type = { structure: 1, integer: 2, enumeration: 5, boolean: 6, text: 7, bytes: 8, dateTime: 9 } as const

export function structure(tag: number, ...children: readonly Item[]): Item {
  return { tag, type: Type.structure, children, value: Buffer.alloc(0) }
}

export function integer(tag: number, value: number): Item {
  return { tag, type: Type.integer, value: int32(value) }
}

export function enumeration(tag: number, value: number): Item {
  return { tag, type: Type.enumeration, value: int32(value | 0) }
}

export function boolean(tag: number, value: boolean): Item {
  return { tag, type: Type.boolean, value: Buffer.from([0, 0, 0, 0, 0, 0, 0, value ? 1 : 0]) }
}

export function text(tag: number, value: string): Item {
  return { tag, type: Type.text, value: Buffer.from(value, 'utf8') }
}

export function bytes(tag: number, value: Uint8Array): Item {
  return { tag, type: Type.bytes, value: Buffer.from(value) }
}

export function encode(item: Item): Buffer {
  const value = item.children === undefined ? item.value : Buffer.concat(item.children.map(encode))
  const out = Buffer.alloc(8 + padded(value.length))
  out.writeUIntBE(item.tag, 0, 3)
  out[3] = item.type
  out.writeUInt32BE(value.length, 4)
  out.set(value, 8)
  return out
}

/** The one item that `frame` holds. Throws when there is anything else in it. */
export function decode(frame: Buffer): Item {
  const [item, ...others] = decodeAll(frame)
  if (item === undefined || others.length > 0) throw new Error('not exactly one item')
  return item
}

function decodeAll(frame: Buffer): Item[] {
  const items: Item[] = []
  for (let at = 0; at < frame.length;) {
    const length = frame.readUInt32BE(at + 4)
    const end = at + 8 + padded(length)
    if (end > frame.length) throw new Error(`an item of ${length} bytes at ${at} reaches beyond its parent`)
    const value = frame.subarray(at + 8, at + 8 + length)
    const type = frame[at + 3]!
    const tag = frame.readUIntBE(at, 3)
    items.push(type === Type.structure ? structure(tag, ...decodeAll(value)) : { tag, type, value })
    at = end
  }
  return items
}

/** The first item with `tag` in the tree, depth first. */
export function find(item: Item, tag: number): Item | undefined {
  if (item.tag === tag) return item
  for (const child of item.children ?? []) {
    const found = find(child, tag)
    if (found !== undefined) return found
  }
  return undefined
}

/** Every item with `tag` in the tree, depth first. */
export function findAll(item: Item, tag: number): Item[] {
  const below = (item.children ?? []).flatMap((child) => findAll(child, tag))
  return item.tag === tag ? [item, ...below] : below
}

/** The value's bytes of `tag`. Throws when it is not there. */
export function bytesOf(item: Item, tag: number): Buffer {
  const found = find(item, tag)
  if (found === undefined) throw new Error(`no ${tagName(tag)} in\n${outline(item).join('\n')}`)
  return found.value
}

export function textOf(item: Item, tag: number): string {
  return bytesOf(item, tag).toString('utf8')
}

export function numberOf(item: Item, tag: number): number {
  return bytesOf(item, tag).readUInt32BE()
}

/** The same tree with the value of every `tag` replaced. */
export function withText(item: Item, tag: number, value: string): Item {
  if (item.tag === tag) return text(tag, value)
  if (item.children === undefined) return item
  return structure(item.tag, ...item.children.map((child) => withText(child, tag, value)))
}

/** One line an item: depth, name, type. Two messages of the same structure have the same outline. */
export function outline(item: Item, depth = 0): string[] {
  const line = `${'  '.repeat(depth)}${tagName(item.tag)} ${item.type}`
  return [line, ...(item.children ?? []).flatMap((child) => outline(child, depth + 1))]
}

export function tagName(tag: number): string {
  return Object.entries(Tag).find(([, value]) => value === tag)?.[0] ?? tag.toString(16)
}

function padded(length: number): number {
  return (length + 7) & ~7
}

function int32(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeInt32BE(value)
  return out
}
