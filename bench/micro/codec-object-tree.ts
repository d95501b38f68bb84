/**
 * A codec as one writes it first: every item an object, names looked up in maps, Buffer.readUInt32BE and friends, values as slices, the
 * message put together with Buffer.concat. The codec of src/ is measured against it.
 */
export interface TreeItem {
  readonly tag: string
  readonly type: string
  readonly value: TreeValue
}
export type TreeValue = readonly TreeItem[] | number | bigint | boolean | string | Buffer

const types = [
  '',
  'Structure',
  'Integer',
  'LongInteger',
  'BigInteger',
  'Enumeration',
  'Boolean',
  'TextString',
  'ByteString',
  'DateTime',
  'Interval',
]

export function decodeTree(bytes: Buffer): TreeItem {
  const [item, rest] = decodeItem(bytes)
  if (rest.length > 0) throw new Error('bytes after the message')
  return item
}

export function encodeTree({ tag, type, value }: TreeItem): Buffer {
  const content = encodeValue(type, value)
  const header = Buffer.alloc(8)
  header.writeUIntBE(Number(tag), 0, 3)
  header.writeUInt8(types.indexOf(type), 3)
  header.writeUInt32BE(content.length, 4)
  return Buffer.concat([header, content, Buffer.alloc((8 - (content.length % 8)) % 8)])
}

/** The first child of that tag, at the end of a path. */
export function find(item: TreeItem, ...path: string[]): TreeValue | undefined {
  let at: TreeItem | undefined = item
  for (const tag of path)
    at = Array.isArray(at?.value) ? (at.value as TreeItem[]).find((child) => child.tag === tag) : undefined
  return at?.value
}

function decodeItem(bytes: Buffer): [TreeItem, Buffer] {
  const tag = `0x${bytes.readUIntBE(0, 3).toString(16)}`
  const type = types[bytes.readUInt8(3)]
  const length = bytes.readUInt32BE(4)
  if (type === undefined || 8 + length > bytes.length) throw new Error('malformed')
  const content = bytes.subarray(8, 8 + length)
  const rest = bytes.subarray(8 + length + ((8 - (length % 8)) % 8))
  return [{ tag, type, value: decodeValue(type, content) }, rest]
}

function decodeValue(type: string, content: Buffer): TreeValue {
  switch (type) {
    case 'Structure': {
      const items: TreeItem[] = []
      let rest = content
      while (rest.length > 0) {
        const [item, after] = decodeItem(rest)
        items.push(item)
        rest = after
      }
      return items
    }
    case 'Integer':
      return content.readInt32BE()
    case 'Enumeration':
    case 'Interval':
      return content.readUInt32BE()
    case 'LongInteger':
    case 'DateTime':
      return content.readBigInt64BE()
    case 'Boolean':
      return content.readBigUInt64BE() === 1n
    case 'TextString':
      return content.toString('utf8')
    default:
      return content
  }
}

function encodeValue(type: string, value: TreeValue): Buffer {
  if (Array.isArray(value)) return Buffer.concat((value as readonly TreeItem[]).map(encodeTree))
  if (Buffer.isBuffer(value)) return value
  if (typeof value === 'string') return Buffer.from(value, 'utf8')
  const bytes = Buffer.alloc(type === 'Integer' || type === 'Enumeration' || type === 'Interval' ? 4 : 8)
  if (typeof value === 'bigint') bytes.writeBigInt64BE(value)
  else if (typeof value === 'boolean') bytes.writeBigUInt64BE(value ? 1n : 0n)
  else if (type === 'Integer') bytes.writeInt32BE(value as number)
  else bytes.writeUInt32BE(value as number)
  return bytes
}
