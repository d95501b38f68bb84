import { decodeAttributes, encodeAttributes } from '../kmip/attribute.ts'
import type { AttributeName, Attributes } from '../kmip/attribute.ts'
import { flagsReader } from '../kmip/encoded-flags.ts'
import { ObjectType } from '../kmip/enums.ts'
import { limits } from '../limits.ts'
import type { ObjectFields, Serving } from './managed-object.ts'

/**
 * Attributes are stored without what an object's own fields say already, and without what is true of nearly every object: each fact has
 * one place, and rows stay small. After them stands the object's structure, an item of TTLV, where it has one.
 */
export function encodeStored(attributes: Attributes, structure?: Uint8Array): Uint8Array {
  const encoded = encodeAttributes(attributes, isLeftOut)
  return structure === undefined ? encoded : Buffer.concat([encoded, structure])
}

/** The item after the attributes. */
export function structureOf(stored: Uint8Array): Uint8Array | undefined {
  const end = attributesEnd(stored)
  return end === stored.byteLength ? undefined : stored.subarray(end)
}

/** Where the item ends that holds the attributes: its length stands in the second word of its header. */
function attributesEnd(stored: Uint8Array): number {
  return 8 + new DataView(stored.buffer, stored.byteOffset, stored.byteLength).getUint32(4)
}

/** All attributes of an object, those of its fields included. `state` is the one that was last written. */
export function decodeStored(fields: ObjectFields, uniqueIdentifier: string, bytes: Uint8Array): Attributes {
  const attributes = decodeAttributes(bytes.subarray(0, attributesEnd(bytes)))
  for (const [name, value] of usual) if (!attributes.has(name)) attributes.set(name, value)
  setFieldAttributes(attributes, fields, uniqueIdentifier)
  return attributes
}

/** Puts the attributes that an object's fields say. */
function setFieldAttributes(attributes: Attributes, fields: ObjectFields, uniqueIdentifier: string): void {
  const { objectType, state, algorithm, lengthBits, activationDate, deactivationDate } = fields
  attributes.set('uniqueIdentifier', uniqueIdentifier)
  attributes.set('objectType', objectType)
  if (algorithm !== 0) attributes.set('cryptographicAlgorithm', algorithm)
  if (lengthBits !== 0) attributes.set('cryptographicLength', lengthBits)
  if (hasState(objectType)) attributes.set('state', state)
  if (activationDate !== undefined) attributes.set('activationDate', activationDate)
  if (deactivationDate !== undefined) attributes.set('deactivationDate', deactivationDate)
  if (hasLeaseTime(objectType)) attributes.set('leaseTime', limits.leaseSeconds)
}

/**
 * What Get must know of stored attributes, looked up in them: decoded, which a Get does not need, they take
 * three times as long, and an object 5.1 KB instead of 2.0.
 * @throws KryptonError store-format: the bytes are not ours
 */
export function servingOf(stored: Uint8Array): Serving {
  const serving = { sensitive: false, extractable: true, fresh: false }
  readServing(stored.subarray(0, attributesEnd(stored)), serving)
  return serving
}

const readServing = flagsReader(['sensitive', 'extractable', 'fresh'])

/** State belongs to cryptographic objects: an Opaque Object and a Template have none to show (KMIP 1.4 section 3.22). */
export function hasState(objectType: number): boolean {
  return objectType !== ObjectType.OpaqueObject && objectType !== ObjectType.Template
}

/** Lease Time belongs to cryptographic objects (3.20); the OASIS case TC-312 has it on a Template too. */
export function hasLeaseTime(objectType: number): boolean {
  return objectType !== ObjectType.OpaqueObject
}

/** What the server sets when nobody asked for anything else (3.48 to 3.51). */
const usual = [
  ['sensitive', false],
  ['alwaysSensitive', false],
  ['extractable', true],
  ['neverExtractable', false],
] as const

/** Attributes that an object's fields say. */
const fieldAttributes = [
  'uniqueIdentifier',
  'objectType',
  'cryptographicAlgorithm',
  'cryptographicLength',
  'state',
  'activationDate',
  'deactivationDate',
  'leaseTime',
] as const satisfies AttributeName[]

/** By name: the value that is not stored, or that none is. */
const leftOut: ReadonlyMap<string, boolean | 'any'> = new Map<string, boolean | 'any'>([
  ...fieldAttributes.map((name) => [name, 'any'] as const),
  ...usual,
])

function isLeftOut(name: string, value: unknown): boolean {
  const without = leftOut.get(name)
  return without !== undefined && (without === 'any' || without === value)
}
