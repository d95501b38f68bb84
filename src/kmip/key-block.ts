import { KryptonError } from '../errors.ts'
import { ItemType } from '../ttlv/item-type.ts'
import { TtlvWriter } from '../ttlv/writer.ts'
import type { ByteSource } from '../ttlv/writer.ts'
import { WireAttribute } from './attributes-1x.ts'
import { EncodingOption, KeyFormatType } from './enums.ts'
import { bigInteger, bytes, enumeration, integer, material, secretBigInteger, text } from './kinds.ts'
import { MessageReader, optional, optionalRepeated, repeated, required, struct } from './struct.ts'
import type { Kind, ValueOf } from './struct.ts'
import { CryptographicParameters } from './structures.ts'
import { Tag } from './tags.ts'
import { newestVersion } from './version.ts'

/** Keys on the wire (KMIP 1.4 sections 2.1.3 to 2.1.7). */

/**
 * Every transparent form as one structure (2.1.7): which fields a form has is in `transparentFields`, and Key Block checks it. Big Integers
 * are two's complement.
 */
export const TransparentKey = struct('Key Material', {
  key: optional(Tag.Key, material),
  modulus: optional(Tag.Modulus, bigInteger),
  privateExponent: optional(Tag.PrivateExponent, secretBigInteger),
  publicExponent: optional(Tag.PublicExponent, bigInteger),
  p: optional(Tag.P, secretBigInteger),
  q: optional(Tag.Q, secretBigInteger),
  primeExponentP: optional(Tag.PrimeExponentP, secretBigInteger),
  primeExponentQ: optional(Tag.PrimeExponentQ, secretBigInteger),
  crtCoefficient: optional(Tag.CRTCoefficient, secretBigInteger),
  g: optional(Tag.G, bigInteger),
  j: optional(Tag.J, bigInteger),
  x: optional(Tag.X, secretBigInteger),
  y: optional(Tag.Y, bigInteger),
  recommendedCurve: optional(Tag.RecommendedCurve, enumeration('RecommendedCurve')),
  d: optional(Tag.D, secretBigInteger),
  qString: optional(Tag.QString, bytes),
})
export type TransparentKey = ValueOf<typeof TransparentKey>

export type KeyMaterial = Uint8Array | ByteSource | TransparentKey

/** A Byte String for Raw, Opaque and the encoded formats, a structure for the transparent ones. */
const KeyMaterial: Kind<KeyMaterial> = {
  types: [ItemType.ByteString, ItemType.Structure],
  read: (reader, at) => ((reader.head(at) & 0xff) === ItemType.Structure ? TransparentKey : material).read(reader, at),
  size: (value, version) => (isBytes(value) ? material.size(value, version) : TransparentKey.size(value, version)),
  write: (writer, tag, value, version) => {
    if (isBytes(value)) material.write(writer, tag, value, version)
    else TransparentKey.write(writer, tag, value, version)
  },
}

/** True for key material that is a Byte String. */
export function isBytes(value: KeyMaterial): value is Uint8Array | ByteSource {
  return 'byteLength' in value
}

/** 2.1.4 */
export const KeyValue = struct('Key Value', {
  keyMaterial: required(Tag.KeyMaterial, KeyMaterial),
  attributes: optionalRepeated(Tag.Attribute, WireAttribute),
})
export type KeyValue = ValueOf<typeof KeyValue>

/** A Key Value as TTLV, which is what is wrapped (2.1.5). The caller wipes it. */
export function encodeKeyValue(keyValue: KeyValue): Buffer {
  const writer = new TtlvWriter(KeyValue.size(keyValue, newestVersion))
  KeyValue.write(writer, Tag.KeyValue, keyValue, newestVersion)
  return writer.bytes
}

/**
 * Reads a Key Value that was wrapped, for a key of that format: views of `bytes`.
 * @throws KryptonError: the bytes are no TTLV, or no Key Value
 */
export function decodeKeyValue(bytes: Uint8Array, keyFormatType: number): KeyValue {
  const reader = new MessageReader(bytes)
  if (reader.head(0) !== keyValueHead || reader.next(0) !== bytes.byteLength) {
    throw new KryptonError('invalid-message', 'Wrap one Key Value structure, and nothing besides')
  }
  const keyValue = KeyValue.read(reader, 0)
  checkKeyMaterial(keyFormatType, keyValue.keyMaterial)
  return keyValue
}

const keyValueHead = (Tag.KeyValue << 8) | ItemType.Structure

const wrappingKeyFields = {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  cryptographicParameters: optional(Tag.CryptographicParameters, CryptographicParameters),
}
export const EncryptionKeyInformation = struct('Encryption Key Information', wrappingKeyFields)
export type EncryptionKeyInformation = ValueOf<typeof EncryptionKeyInformation>
export const MacSignatureKeyInformation = struct('MAC/Signature Key Information', wrappingKeyFields)
export type MacSignatureKeyInformation = ValueOf<typeof MacSignatureKeyInformation>

/** 2.1.5 */
export const KeyWrappingData = struct('Key Wrapping Data', {
  wrappingMethod: required(Tag.WrappingMethod, enumeration('WrappingMethod')),
  encryptionKeyInformation: optional(Tag.EncryptionKeyInformation, EncryptionKeyInformation),
  macSignatureKeyInformation: optional(Tag.MACSignatureKeyInformation, MacSignatureKeyInformation),
  macSignature: optional(Tag.MACSignature, bytes),
  ivCounterNonce: optional(Tag.IVCounterNonce, bytes),
  encodingOption: optional(Tag.EncodingOption, enumeration('EncodingOption'), { since: 11 }),
})
export type KeyWrappingData = ValueOf<typeof KeyWrappingData>

/** 2.1.6 */
export const KeyWrappingSpecification = struct('Key Wrapping Specification', {
  wrappingMethod: required(Tag.WrappingMethod, enumeration('WrappingMethod')),
  encryptionKeyInformation: optional(Tag.EncryptionKeyInformation, EncryptionKeyInformation),
  macSignatureKeyInformation: optional(Tag.MACSignatureKeyInformation, MacSignatureKeyInformation),
  attributeNames: repeated(Tag.AttributeName, text),
  encodingOption: optional(Tag.EncodingOption, enumeration('EncodingOption'), { since: 11 }),
})
export type KeyWrappingSpecification = ValueOf<typeof KeyWrappingSpecification>

/** 2.1.3. A wrapped Key Value is a Byte String: it stands in `wrappedKeyValue`. */
export const KeyBlock = struct(
  'Key Block',
  {
    keyFormatType: required(Tag.KeyFormatType, enumeration('KeyFormatType')),
    keyCompressionType: optional(Tag.KeyCompressionType, enumeration('KeyCompressionType')),
    keyValue: optional(Tag.KeyValue, KeyValue),
    wrappedKeyValue: optional(Tag.KeyValue, material),
    cryptographicAlgorithm: optional(Tag.CryptographicAlgorithm, enumeration('CryptographicAlgorithm')),
    cryptographicLength: optional(Tag.CryptographicLength, integer, { goesWith: 'cryptographicAlgorithm' }), // Table 7
    keyWrappingData: optional(Tag.KeyWrappingData, KeyWrappingData),
  },
  {
    finish: (keyBlock) => {
      const { keyFormatType, keyValue, wrappedKeyValue, keyWrappingData } = keyBlock
      if (wrappedKeyValue !== undefined) {
        if (keyValue !== undefined) throw new KryptonError('invalid-message', 'Send Key Value once in Key Block')
        // a PKCS#12 file is wrapped by its own password: the OASIS cases send it so
        if (keyWrappingData === undefined && keyFormatType !== KeyFormatType.PKCS12) {
          throw new KryptonError(
            'invalid-message',
            'Send Key Wrapping Data with a Key Value that is wrapped, else send Key Value as a Structure',
          )
        }
      }
      if (keyValue === undefined) return keyBlock
      // Key material that was wrapped without encoding is sent in a Structure too: the OASIS cases have it so.
      if (keyWrappingData === undefined) checkKeyMaterial(keyFormatType, keyValue.keyMaterial)
      else checkWrappedAlone(keyWrappingData, keyValue)
      return keyBlock
    },
  },
)
export type KeyBlock = ValueOf<typeof KeyBlock>

function checkWrappedAlone({ encodingOption }: KeyWrappingData, { keyMaterial, attributes }: KeyValue): void {
  if (encodingOption === EncodingOption.NoEncoding && isBytes(keyMaterial) && attributes === undefined) return
  throw new KryptonError(
    'invalid-message',
    'Send a Key Value that is wrapped as a Byte String, or with Encoding Option No Encoding its Key Material as one',
  )
}

type TransparentFields = {
  readonly needed: readonly (keyof TransparentKey)[]
  readonly allowed?: readonly (keyof TransparentKey)[]
}

const ecPrivate: TransparentFields = { needed: ['recommendedCurve', 'd'] }
const ecPublic: TransparentFields = { needed: ['recommendedCurve', 'qString'] }

/** The fields of each transparent form (2.1.7.1 to 2.1.7.15). */
export const transparentFields: ReadonlyMap<number, TransparentFields> = new Map([
  [KeyFormatType.TransparentSymmetricKey, { needed: ['key'] }],
  [KeyFormatType.TransparentDSAPrivateKey, { needed: ['p', 'q', 'g', 'x'] }],
  [KeyFormatType.TransparentDSAPublicKey, { needed: ['p', 'q', 'g', 'y'] }],
  [
    KeyFormatType.TransparentRSAPrivateKey,
    {
      needed: ['modulus'],
      allowed: ['privateExponent', 'publicExponent', 'p', 'q', 'primeExponentP', 'primeExponentQ', 'crtCoefficient'],
    },
  ],
  [KeyFormatType.TransparentRSAPublicKey, { needed: ['modulus', 'publicExponent'] }],
  [KeyFormatType.TransparentDHPrivateKey, { needed: ['p', 'g', 'x'], allowed: ['q', 'j'] }],
  [KeyFormatType.TransparentDHPublicKey, { needed: ['p', 'g', 'y'], allowed: ['q', 'j'] }],
  [KeyFormatType.TransparentECDSAPrivateKey, ecPrivate],
  [KeyFormatType.TransparentECDSAPublicKey, ecPublic],
  [KeyFormatType.TransparentECDHPrivateKey, ecPrivate],
  [KeyFormatType.TransparentECDHPublicKey, ecPublic],
  [KeyFormatType.TransparentECMQVPrivateKey, ecPrivate],
  [KeyFormatType.TransparentECMQVPublicKey, ecPublic],
  [KeyFormatType.TransparentECPrivateKey, ecPrivate],
  [KeyFormatType.TransparentECPublicKey, ecPublic],
] as const)

function checkKeyMaterial(keyFormatType: number, keyMaterial: KeyMaterial): void {
  const fields = transparentFields.get(keyFormatType)
  if (isBytes(keyMaterial)) {
    if (fields === undefined) return
    throw new KryptonError(
      'invalid-message',
      'Send Key Material as a Structure: its Key Format Type is a transparent one',
    )
  }
  if (fields === undefined) {
    throw new KryptonError(
      'invalid-message',
      'Send Key Material as a Byte String: its Key Format Type is not a transparent one',
    )
  }
  const { needed, allowed = [] } = fields
  for (const [field, value] of Object.entries(keyMaterial) as [keyof TransparentKey, unknown][]) {
    const isNeeded = needed.includes(field)
    if (value === undefined ? isNeeded : !isNeeded && !allowed.includes(field)) {
      throw new KryptonError(
        'invalid-message',
        `Send in the Key Material of this Key Format Type ${needed.join(', ')}${allowed.length > 0 ? ` and at most ${allowed.join(', ')}` : ''}`,
      )
    }
  }
}
