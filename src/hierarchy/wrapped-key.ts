import { isSuite, keyCommitment, openFrom, sealInto, Suite, suiteLengths, tagBytes } from '../crypto/aead.ts'
import { equalBytes } from '../crypto/compare.ts'
import { fillRandom } from '../crypto/random.ts'
import type { Secret, SecretClass } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { WrappingKey } from './root-keys.ts'

/** What a record holds. The number stands in every record and never changes its meaning; 5 and 13 are reserved. */
export const Purpose = {
  Ivk: 1,
  TenantKey: 2,
  TenantKeyUnderLink: 3,
  ServiceKey: 4,
  Object: 6,
  SystemSecret: 7,
  Seal: 8,
  Shard: 9,
  Export: 10,
  Attribute: 11,
  IntegrityKey: 12,
  AuditKey: 14,
} as const
export type Purpose = (typeof Purpose)[keyof typeof Purpose]

/**
 * Where a record stands and what it holds. All of it goes into the associated data and none of it is in the record, so that a
 * record opens in its own place only. Absent parts are empty, absent numbers 0.
 */
export interface RecordContext {
  readonly cluster: Uint8Array
  /** 16 zero bytes for what belongs to no tenant. */
  readonly tenant: Uint8Array
  readonly system?: Uint8Array
  readonly service?: Uint8Array
  /** Unique Identifier of the object, or identifier of the key that the record holds. */
  readonly object?: Uint8Array
  readonly objectVersion?: number
  readonly objectType?: number
  readonly algorithm?: number
  readonly lengthBits?: number
  /** Counts the rewrites of this record. */
  readonly blobVersion?: number
  readonly extra?: Uint8Array
}

/**
 * Seals `plaintext` into a record KRW1 (docs/formats.md) in the suite of `wrappingKey`. The nonce is random unless a test of known
 * bytes gives one.
 */
export function sealRecord(
  purpose: Purpose,
  wrappingKey: WrappingKey,
  context: RecordContext,
  plaintext: Uint8Array | Secret,
  nonce?: Uint8Array,
): Buffer {
  const suite = checkedSuite(purpose, wrappingKey.suite)
  const { nonce: nonceBytes, commitment: commitmentBytes } = suiteLengths[suite]
  const headerBytes = nonceOffset + nonceBytes + commitmentBytes
  const record = Buffer.alloc(headerBytes + 4 + plaintext.byteLength + tagBytes)
  record.set(magic, 0)
  record[4] = formatVersion
  record[5] = suite
  record[6] = purpose
  record.set(wrappingKey.keyId, 8)
  record.writeUInt32BE(wrappingKey.version, 24)
  if (nonce === undefined) fillRandom(record, nonceOffset, nonceBytes)
  else record.set(nonce, nonceOffset)
  const committed = nonceOffset + nonceBytes
  if (commitmentBytes > 0) record.set(keyCommitment(wrappingKey.secret, record.subarray(0, committed)), committed)
  record.writeUInt32BE(plaintext.byteLength, headerBytes)
  const associatedBytes = writeAssociatedData(record, headerBytes, wrappingKey.keyId, context)
  const place = { bytes: record, nonceOffset, sealedOffset: headerBytes + 4 }
  sealInto(suite, wrappingKey.secret, place, scratch, associatedBytes, plaintext)
  return record
}

/**
 * Opens a record. `wrappingKey` is the one that the row's parent or the principal's service names: a header that names another
 * key, version or suite is refused before anything is decrypted. Throws 'record-invalid' for what is no record of this purpose
 * and key, 'record-does-not-open' for one that was changed or belongs elsewhere.
 */
export function openRecord(
  purpose: Purpose,
  wrappingKey: WrappingKey,
  context: RecordContext,
  record: Uint8Array,
  secretClass: SecretClass,
): Secret {
  const suite = checkedSuite(purpose, wrappingKey.suite)
  const { nonce: nonceBytes, commitment: commitmentBytes } = suiteLengths[suite]
  const committed = nonceOffset + nonceBytes
  const headerBytes = committed + commitmentBytes
  checkHeader(record, purpose, suite, wrappingKey, headerBytes)
  if (commitmentBytes > 0) {
    const expected = keyCommitment(wrappingKey.secret, record.subarray(0, committed))
    if (!equalBytes(expected, record.subarray(committed, headerBytes))) {
      throw new KryptonError(
        'record-does-not-open',
        'a sealed record is committed to another key than the one it names',
      )
    }
  }
  const associatedBytes = writeAssociatedData(record, headerBytes, wrappingKey.keyId, context)
  const place = { bytes: record, nonceOffset, sealedOffset: headerBytes + 4 }
  return openFrom(suite, wrappingKey.secret, place, scratch, associatedBytes, secretClass)
}

/** The version of the wrapping key that a record names: to choose among keys that may have wrapped it, each of which opens nothing that does not name it. Nothing of it is proven. */
export function wrappingVersionOf(record: Uint8Array): number | undefined {
  return record.byteLength < nonceOffset ? undefined : readU32(record, 24)
}

/** Length in bytes of what a record in `suite` holds, by its own length: the length field inside must agree when it is opened. */
export function plaintextBytes(record: Uint8Array, suite: number): number {
  if (!isSuite(suite)) throw invalid('is of a suite that this server does not know')
  const { nonce, commitment } = suiteLengths[suite]
  return Math.max(0, record.byteLength - nonceOffset - nonce - commitment - 4 - tagBytes)
}

function checkHeader(
  record: Uint8Array,
  purpose: Purpose,
  suite: Suite,
  wrappingKey: WrappingKey,
  headerBytes: number,
): void {
  if (record.byteLength < headerBytes + 4 + tagBytes) throw invalid('is too short')
  for (let i = 0; i < 4; i++) if (record[i] !== magic[i]) throw invalid('does not begin as one')
  if (record[4] !== formatVersion) throw invalid('has a format version that this server does not know')
  if (record[5] !== suite) throw invalid('is of another suite than the key that wraps it')
  if (record[6] !== purpose) throw invalid('is of another purpose than its place')
  if (record[7] !== 0) throw invalid('has flags that this server does not know')
  for (let i = 0; i < 16; i++)
    if (record[8 + i] !== wrappingKey.keyId[i]) throw invalid('names another wrapping key than its place')
  if (readU32(record, 24) !== wrappingKey.version) throw invalid('names another version of its wrapping key')
  if (readU32(record, headerBytes) !== record.byteLength - headerBytes - 4 - tagBytes)
    throw invalid('has a wrong length')
}

/**
 * The associated data: "krypton/krw/1" ‖ 0 ‖ header ‖ the context, each part of variable length with its u16 length before it.
 * The result is a view of one buffer of the thread, good until the next call.
 */
export function recordAssociatedData(header: Uint8Array, parentKeyId: Uint8Array, context: RecordContext): Uint8Array {
  return scratch.subarray(0, writeAssociatedData(header, header.byteLength, parentKeyId, context))
}

/** Puts them into `scratch`, which it may replace by a longer one; the header is the first `headerBytes` of `record`. Returns their length. */
function writeAssociatedData(
  record: Uint8Array,
  headerBytes: number,
  parentKeyId: Uint8Array,
  context: RecordContext,
): number {
  const needed = associatedDataBytesMin + headerBytes + variableBytes(parentKeyId, context)
  if (scratch.byteLength < needed) {
    scratch = Buffer.allocUnsafeSlow(needed)
    scratch.set(associatedDataLabel, 0)
  }
  let at = associatedDataLabel.byteLength
  for (let i = 0; i < headerBytes; i++) scratch[at + i] = record[i]!
  at += headerBytes
  at = putLv(context.cluster, at)
  at = putLv(context.tenant, at)
  at = putLv(context.system, at)
  at = putLv(context.service, at)
  at = putLv(parentKeyId, at)
  at = putLv(context.object, at)
  at = scratch.writeUInt32BE(context.objectVersion ?? 0, at)
  at = scratch.writeUInt8(context.objectType ?? 0, at)
  at = scratch.writeUInt32BE(context.algorithm ?? 0, at)
  at = scratch.writeUInt32BE(context.lengthBits ?? 0, at)
  const blobVersion = context.blobVersion ?? 0
  at = scratch.writeUInt32BE(Math.floor(blobVersion / 0x1_0000_0000), at)
  at = scratch.writeUInt32BE(blobVersion % 0x1_0000_0000, at)
  return putLv(context.extra, at)
}

function variableBytes(parentKeyId: Uint8Array, context: RecordContext): number {
  return (
    context.cluster.byteLength +
    context.tenant.byteLength +
    (context.system?.byteLength ?? 0) +
    (context.service?.byteLength ?? 0) +
    parentKeyId.byteLength +
    (context.object?.byteLength ?? 0) +
    (context.extra?.byteLength ?? 0)
  )
}

function putLv(part: Uint8Array | undefined, at: number): number {
  const length = part === undefined ? 0 : part.byteLength
  if (length > limits.recordContextBytesMax)
    throw new TypeError('a part of a record context is longer than its length field')
  scratch[at] = length >> 8
  scratch[at + 1] = length & 0xff
  if (part !== undefined) scratch.set(part, at + 2)
  return at + 2 + length
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

function checkedSuite(purpose: Purpose, suite: number): Suite {
  if (!isSuite(suite) || !suitesOfPurpose[purpose].includes(suite)) {
    throw invalid(`of purpose ${purpose} may not be in suite ${suite}`)
  }
  return suite
}

function invalid(what: string): KryptonError {
  return new KryptonError(
    'record-invalid',
    `a wrapped key's record ${what}: it was changed, or copied from another place; restore the row from a backup`,
  )
}

const magic = Buffer.from('KRW1')
const formatVersion = 1
const nonceOffset = 28
const associatedDataLabel = Buffer.from('krypton/krw/1\0')
/** The label, seven lengths of 2 bytes, and the numbers. */
const associatedDataBytesMin = associatedDataLabel.byteLength + 7 * 2 + 4 + 1 + 4 + 4 + 8
let scratch = Buffer.allocUnsafeSlow(1024)
scratch.set(associatedDataLabel, 0)

const ownKey: readonly Suite[] = [Suite.Aes256Gcm, Suite.Xaes256Gcm]
/** Whatever is wrapped by a key that somebody else chose or holds commits to that key. */
const foreignKey: readonly Suite[] = [Suite.Xaes256GcmCommitted]

const suitesOfPurpose: Record<Purpose, readonly Suite[]> = {
  [Purpose.Ivk]: ownKey,
  [Purpose.TenantKey]: ownKey,
  [Purpose.TenantKeyUnderLink]: foreignKey,
  [Purpose.ServiceKey]: ownKey,
  [Purpose.Object]: ownKey,
  [Purpose.SystemSecret]: ownKey,
  [Purpose.Seal]: foreignKey,
  [Purpose.Shard]: foreignKey,
  [Purpose.Export]: foreignKey,
  [Purpose.Attribute]: ownKey,
  [Purpose.IntegrityKey]: ownKey,
  [Purpose.AuditKey]: ownKey,
}
