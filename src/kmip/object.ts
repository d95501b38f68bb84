import { WireAttribute } from './attributes-1x.ts'
import { ObjectType } from './enums.ts'
import { bigInteger, bytes, enumeration, integer, material } from './kinds.ts'
import { KeyBlock } from './key-block.ts'
import { oneOrMore, optional, required, struct } from './struct.ts'
import type { ValueOf } from './struct.ts'
import { Tag } from './tags.ts'

/** Managed Objects on the wire (KMIP 1.4 section 2.2). */

export const Certificate = struct('Certificate', {
  certificateType: required(Tag.CertificateType, enumeration('CertificateType')),
  certificateValue: required(Tag.CertificateValue, material),
})
export type Certificate = ValueOf<typeof Certificate>

export const SymmetricKey = struct('Symmetric Key', { keyBlock: required(Tag.KeyBlock, KeyBlock) })
export type SymmetricKey = ValueOf<typeof SymmetricKey>

export const PublicKey = struct('Public Key', { keyBlock: required(Tag.KeyBlock, KeyBlock) })
export type PublicKey = ValueOf<typeof PublicKey>

export const PrivateKey = struct('Private Key', { keyBlock: required(Tag.KeyBlock, KeyBlock) })
export type PrivateKey = ValueOf<typeof PrivateKey>

const splitFields = {
  splitKeyParts: required(Tag.SplitKeyParts, integer),
  keyPartIdentifier: required(Tag.KeyPartIdentifier, integer),
  splitKeyThreshold: required(Tag.SplitKeyThreshold, integer),
  splitKeyMethod: required(Tag.SplitKeyMethod, enumeration('SplitKeyMethod')),
  primeFieldSize: optional(Tag.PrimeFieldSize, bigInteger),
}

export const SplitKey = struct('Split Key', { ...splitFields, keyBlock: required(Tag.KeyBlock, KeyBlock) })
export type SplitKey = ValueOf<typeof SplitKey>

/** What is kept of a Split Key beside its Key Block. Parts that were made here together have the same `splitId`. */
export const Split = struct('Split Key', { ...splitFields, splitId: optional(Tag.NonceValue, bytes) })
export type Split = ValueOf<typeof Split>

export const Template = struct('Template', { attributes: oneOrMore(Tag.Attribute, WireAttribute) })
export type Template = ValueOf<typeof Template>

export const SecretData = struct('Secret Data', {
  secretDataType: required(Tag.SecretDataType, enumeration('SecretDataType')),
  keyBlock: required(Tag.KeyBlock, KeyBlock),
})
export type SecretData = ValueOf<typeof SecretData>

/** The specification has no Opaque Data Type of its own: all are extensions. */
export const OpaqueObject = struct('Opaque Object', {
  opaqueDataType: required(Tag.OpaqueDataType, enumeration('OpaqueDataType')),
  opaqueDataValue: required(Tag.OpaqueDataValue, material),
})
export type OpaqueObject = ValueOf<typeof OpaqueObject>

export const PgpKey = struct('PGP Key', {
  pgpKeyVersion: required(Tag.PGPKeyVersion, integer),
  keyBlock: required(Tag.KeyBlock, KeyBlock),
})
export type PgpKey = ValueOf<typeof PgpKey>

/** The object in a payload: one of these, in the field of its name. */
export const objectFields = {
  certificate: optional(Tag.Certificate, Certificate),
  symmetricKey: optional(Tag.SymmetricKey, SymmetricKey),
  publicKey: optional(Tag.PublicKey, PublicKey),
  privateKey: optional(Tag.PrivateKey, PrivateKey),
  splitKey: optional(Tag.SplitKey, SplitKey),
  template: optional(Tag.Template, Template),
  secretData: optional(Tag.SecretData, SecretData),
  opaqueObject: optional(Tag.OpaqueObject, OpaqueObject),
  pgpKey: optional(Tag.PGPKey, PgpKey, { since: 12 }),
}
export type ObjectField = keyof typeof objectFields

/** Which field holds an object of that type. */
export const objectFieldOfType: Readonly<Record<ObjectType, ObjectField>> = {
  [ObjectType.Certificate]: 'certificate',
  [ObjectType.SymmetricKey]: 'symmetricKey',
  [ObjectType.PublicKey]: 'publicKey',
  [ObjectType.PrivateKey]: 'privateKey',
  [ObjectType.SplitKey]: 'splitKey',
  [ObjectType.Template]: 'template',
  [ObjectType.SecretData]: 'secretData',
  [ObjectType.OpaqueObject]: 'opaqueObject',
  [ObjectType.PGPKey]: 'pgpKey',
}

/** The fields of a payload that hold an object. */
export function objectsIn(payload: { readonly [K in ObjectField]?: unknown }): ObjectField[] {
  return (Object.keys(objectFields) as ObjectField[]).filter((field) => payload[field] !== undefined)
}
