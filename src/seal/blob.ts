import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/** What a seal's blob says besides the sealed MasterKey. None of it is secret. */
export interface SealDescription {
  readonly sealType: string
  /** 32 bytes: SHA-256 of the seal's configuration without its secrets. */
  readonly configurationId: Uint8Array
  /** The outside key's identifier, as its provider returned it. */
  readonly providerKeyId: Uint8Array
  readonly mechanism: string
  readonly cluster: Uint8Array
  readonly region: string
  readonly incarnation: Uint8Array
  readonly epoch: number
  /** Grows with each new sealing of the same MasterKey. */
  readonly generation: number
  /** Seconds since 1970. */
  readonly created: number
}

/** A blob KRS1, taken apart. */
export interface SealBlob extends SealDescription {
  /** The blob's own key, wrapped by the outside key. */
  readonly wrappedKey: Uint8Array
  /** KRW1: the MasterKey under the blob's own key. */
  readonly record: Uint8Array
  /** HMAC-SHA-256 under the MasterKey's seal-mac over every byte before this field. */
  readonly mac: Uint8Array
}

/** The fields that the record's associated data repeats: all that stand before `wrappedKey`. */
export function encodeSealDescription(description: SealDescription): Buffer {
  return Buffer.concat([
    magic,
    field(1, Buffer.from([formatVersion])),
    field(2, Buffer.from(description.sealType, 'utf8')),
    field(3, description.configurationId),
    field(4, description.providerKeyId),
    field(5, Buffer.from(description.mechanism, 'utf8')),
    field(6, description.cluster),
    field(7, Buffer.from(description.region, 'utf8')),
    field(8, description.incarnation),
    field(9, u32(description.epoch)),
    field(10, u64(description.generation)),
    field(11, u64(description.created)),
  ])
}

/** Field 12, after the description: together they are the associated data of the record. */
export function encodeWrappedKey(wrappedKey: Uint8Array): Buffer {
  return field(12, wrappedKey)
}

/** Field 13; what stands before field 14 is what the blob's MAC covers. */
export function encodeSealRecord(record: Uint8Array): Buffer {
  return field(13, record)
}

/** Field 14. */
export function encodeSealMac(mac: Uint8Array): Buffer {
  return field(14, mac)
}

/** Length of field 14 with its head. */
export const sealMacFieldBytes = 5 + 32

/** Takes a blob apart: all fields, in their order, nothing after them. Throws 'seal-failed'. Values are copies. */
export function decodeSealBlob(blob: Uint8Array): SealBlob {
  const bytes = Buffer.from(blob)
  let at = magic.byteLength
  if (bytes.byteLength > limits.sealBlobBytesMax || !bytes.subarray(0, at).equals(magic)) throw malformed()
  const next = (tag: number, length?: number): Buffer => {
    if (at + 5 > bytes.byteLength || bytes[at] !== tag) throw malformed()
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    const value = bytes.subarray(at + 5, end)
    if (end > bytes.byteLength || (length !== undefined && value.byteLength !== length)) throw malformed()
    at = end
    return value
  }
  if (next(1, 1)[0] !== formatVersion) throw malformed()
  const decoded = {
    sealType: next(2).toString('utf8'),
    configurationId: next(3, 32),
    providerKeyId: next(4),
    mechanism: next(5).toString('utf8'),
    cluster: next(6, 16),
    region: next(7).toString('utf8'),
    incarnation: next(8, 16),
    epoch: next(9, 4).readUInt32BE(0),
    generation: Number(next(10, 8).readBigUInt64BE(0)),
    created: Number(next(11, 8).readBigUInt64BE(0)),
    wrappedKey: next(12),
    record: next(13),
    mac: next(14, 32),
  }
  if (at !== bytes.byteLength) throw malformed()
  return decoded
}

function field(tag: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(5 + value.byteLength)
  bytes[0] = tag
  bytes.writeUInt32BE(value.byteLength, 1)
  bytes.set(value, 5)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

function malformed(): KryptonError {
  return new KryptonError(
    'seal-failed',
    "the seal's blob is not one of this format: restore the row from a backup of the keys",
  )
}

const magic = Buffer.from('KRS1')
const formatVersion = 1
