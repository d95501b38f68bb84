import * as fc from 'fast-check'
import { attributeNames, attributeTable } from '../../src/kmip/attribute.ts'
import { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { Credential } from '../../src/kmip/authentication.ts'
import { CustomValue } from '../../src/kmip/custom-value.ts'
import { CredentialType, KeyFormatType } from '../../src/kmip/enums.ts'
import { KeyBlock } from '../../src/kmip/key-block.ts'
import { bigInteger, bytes, secretText, text, vendorStructure } from '../../src/kmip/kinds.ts'
import { objectFields } from '../../src/kmip/object.ts'
import { ImportRequest } from '../../src/kmip/payloads/import.ts'
import { RegisterRequest } from '../../src/kmip/payloads/register.ts'
import type { Description, Kind, Struct } from '../../src/kmip/struct.ts'
import { ItemType } from '../../src/ttlv/item-type.ts'
import * as items from './items.ts'

/** Any value of a kind that its writer takes and its reader gives back. */
export function arbitraryOf(kind: Kind<unknown>): fc.Arbitrary<unknown> {
  if (isStruct(kind)) return structArbitrary(kind)
  if (kind === secretText) return asciiText.map((value) => Buffer.from(value))
  if (kind === bigInteger) return fc.integer({ min: 1, max: 4 }).chain((words) => buffer(words * 8, words * 8))
  if (kind === vendorStructure) return vendorContent
  if (kind.size === WireAttribute.size) return wireAttribute
  if (kind.types.length > 2) return customValue
  if (kind.types.length === 2) return buffer(0, 40) // Key Material as bytes; transparent keys are made with their Key Block
  switch (kind.types[0]) {
    case ItemType.Integer:
      return fc.integer()
    case ItemType.LongInteger:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case ItemType.Enumeration:
      return fc.oneof(fc.integer({ min: 1, max: 44 }), fc.constant(0x8000_0001), fc.constant(0xffff_ffff))
    case ItemType.Boolean:
      return fc.boolean()
    case ItemType.TextString:
      return asciiText
    case ItemType.ByteString:
      return buffer(0, 40)
    case ItemType.DateTime:
      return fc.oneof(fc.integer(), fc.maxSafeInteger())
    case ItemType.Interval:
      return fc.nat()
    default:
      throw new Error(`no values are made for type ${kind.types.join()}`)
  }
}

const asciiText = fc
  .oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 10 }))
  .map((value) => value.toWellFormed())

function buffer(minLength: number, maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength, maxLength }).map((value) => Buffer.from(value))
}

const vendorContent = fc
  .array(fc.tuple(fc.integer({ min: 0x54_0001, max: 0x54_ffff }), fc.integer()), { maxLength: 3 })
  .map((values) => Buffer.concat(values.map(([tag, value]) => items.integer(tag, value))))

const customValue: fc.Arbitrary<CustomValue> = fc.oneof(
  fc.integer().map((value) => ({ itemType: ItemType.Integer, value })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ itemType: ItemType.LongInteger, value })),
  buffer(8, 8).map((value) => ({ itemType: ItemType.BigInteger, value })),
  fc.nat().map((value) => ({ itemType: ItemType.Enumeration, value })),
  fc.boolean().map((value) => ({ itemType: ItemType.Boolean, value })),
  asciiText.map((value) => ({ itemType: ItemType.TextString, value })),
  buffer(0, 20).map((value) => ({ itemType: ItemType.ByteString, value })),
  fc.integer().map((value) => ({ itemType: ItemType.DateTime, value })),
  fc.nat().map((value) => ({ itemType: ItemType.Interval, value })),
  vendorContent.map((value) => ({ itemType: ItemType.Structure, value })),
)

const index = fc.option(fc.nat({ max: 1000 }), { nil: undefined })

export const wireAttribute: fc.Arbitrary<WireAttribute> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(...attributeNames).chain((name) => {
      const { attributeName, kind } = attributeTable[name]
      return fc.record({
        name: fc.constant(name as string),
        attributeName: fc.constant(attributeName),
        index,
        value: arbitraryOf(kind as Kind<unknown>),
      })
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('x-', 'y-'), asciiText, index, customValue)
      .map(([prefix, rest, at, value]) => ({
        name: prefix + rest,
        attributeName: prefix + rest,
        index: at,
        value,
      })),
  },
)

function isStruct(kind: Kind<unknown>): kind is Struct<unknown> {
  return 'description' in kind
}

function structArbitrary(struct: Struct<unknown>): fc.Arbitrary<unknown> {
  const { description } = struct
  const value = recordOf(description)
  if (description.name === KeyBlock.description.name) return value.chain(keyBlock)
  if (description.name === Credential.description.name) return credential
  if (description === RegisterRequest.description || description === ImportRequest.description) {
    return fc.constantFrom(...Object.keys(objectFields)).chain((kept) =>
      value.chain((request) =>
        arbitraryOf(objectFields[kept as keyof typeof objectFields].kind as Kind<unknown>).map((object) => ({
          ...request,
          ...Object.fromEntries(Object.keys(objectFields).map((field) => [field, field === kept ? object : undefined])),
        })),
      ),
    )
  }
  // a Template-Attribute around filters is read as filters
  if (description.name === 'Locate' && description.fields.some(({ key }) => key === 'templateAttribute')) {
    return value.map((request) => ({ ...request, templateAttribute: undefined }))
  }
  return value
}

function recordOf({ fields }: Description): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(
    Object.fromEntries(
      fields.map(({ key, kind, presence }) => {
        const one = fc.constant(undefined).chain(() => arbitraryOf(kind))
        if (presence === 'required') return [key, one]
        if (presence === 'optional') return [key, fc.option(one, { nil: undefined })]
        const list = fc.array(one, { minLength: presence === 'repeated' ? 0 : 1, maxLength: 3 })
        return [key, presence === 'optionalRepeated' ? fc.option(list, { nil: undefined }) : list]
      }),
    ),
  )
}

const transparent: Readonly<Record<number, readonly string[]>> = {
  [KeyFormatType.TransparentDHPrivateKey]: ['p', 'q', 'g', 'j', 'x'],
  [KeyFormatType.TransparentRSAPublicKey]: ['modulus', 'publicExponent'],
}

/** A Key Block as the specification allows it: wrapped, transparent or bytes. */
function keyBlock(block: Record<string, unknown>): fc.Arbitrary<Record<string, unknown>> {
  const bare = { ...block, wrappedKeyValue: undefined, keyWrappingData: undefined }
  return fc.oneof(
    fc.tuple(buffer(0, 40), arbitraryOf(text)).map(([wrappedKeyValue, uniqueIdentifier]) => ({
      ...block,
      keyFormatType: KeyFormatType.Raw,
      keyValue: undefined,
      wrappedKeyValue,
      keyWrappingData: {
        wrappingMethod: 1,
        encryptionKeyInformation: { uniqueIdentifier, cryptographicParameters: undefined },
        macSignatureKeyInformation: undefined,
        macSignature: undefined,
        ivCounterNonce: undefined,
        encodingOption: undefined,
      },
    })),
    fc.constant({ ...bare, keyFormatType: KeyFormatType.Raw }),
    fc.constantFrom(...Object.keys(transparent).map(Number)).chain((keyFormatType) =>
      arbitraryOf(bigInteger).map((number) => ({
        ...bare,
        keyFormatType,
        keyValue: {
          keyMaterial: Object.fromEntries(
            transparentKeys.map((key) => [key, transparent[keyFormatType]!.includes(key) ? number : undefined]),
          ),
          attributes: undefined,
        },
      })),
    ),
    buffer(0, 40).map((key) => ({
      ...bare,
      keyFormatType: KeyFormatType.TransparentSymmetricKey,
      keyValue: {
        keyMaterial: Object.fromEntries(transparentKeys.map((name) => [name, name === 'key' ? key : undefined])),
        attributes: undefined,
      },
    })),
  )
}

const transparentKeys = [
  'key',
  'modulus',
  'privateExponent',
  'publicExponent',
  'p',
  'q',
  'primeExponentP',
  'primeExponentQ',
  'crtCoefficient',
  'g',
  'j',
  'x',
  'y',
  'recommendedCurve',
  'd',
  'qString',
]

const credentialFields = [
  'username',
  'deviceSerialNumber',
  'password',
  'deviceIdentifier',
  'networkIdentifier',
  'machineIdentifier',
  'mediaIdentifier',
  'nonce',
  'attestationType',
  'attestationMeasurement',
  'attestationAssertion',
]

const credential = fc
  .oneof(
    fc
      .record({ username: arbitraryOf(text), password: arbitraryOf(secretText) })
      .map((value) => ({ type: CredentialType.UsernameAndPassword, value })),
    fc
      .record({ deviceSerialNumber: arbitraryOf(text), mediaIdentifier: arbitraryOf(text) })
      .map((value) => ({ type: CredentialType.Device, value })),
    fc
      .record({
        nonce: fc.record({ nonceID: arbitraryOf(bytes), nonceValue: arbitraryOf(bytes) }),
        attestationType: fc.constant(1),
        attestationAssertion: arbitraryOf(bytes),
      })
      .map((value) => ({ type: CredentialType.Attestation, value })),
  )
  .map(({ type, value }) => ({
    credentialType: type,
    credentialValue: Object.fromEntries(
      credentialFields.map((field) => [field, (value as Record<string, unknown>)[field]]),
    ),
  }))
