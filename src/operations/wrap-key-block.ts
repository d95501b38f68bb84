import { ownBuffer } from '../crypto/own-buffer.ts'
import { KryptonError } from '../errors.ts'
import { bytesCopiedOnce } from '../keystore/copied-once.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { attributesForVersion } from '../kmip/attributes-1x.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { encodeKeyValue, isBytes } from '../kmip/key-block.ts'
import type { KeyBlock, KeyValue, KeyWrappingSpecification } from '../kmip/key-block.ts'
import { isUnencoded, wrappingSteps } from '../objects/key-wrapping.ts'
import type { WrappingSteps } from '../objects/key-wrapping.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { attributesOf } from './attributes-of.ts'
import type { OperationContext } from './handler.ts'
import { authenticateKeyValue, encryptKeyValue } from './key-value-protection.ts'
import type { EncryptedKeyValue } from './key-value-protection.ts'
import { encryptionKey, macSignatureKey } from './wrapping-keys.ts'
import type { EncryptionKey, MacSignatureKey } from './wrapping-keys.ts'

/** A Key Wrapping Specification that can be done, with the keys for it. */
export interface PreparedWrapping {
  readonly specification: KeyWrappingSpecification
  readonly steps: WrappingSteps
  readonly unencoded: boolean
  readonly encryption: EncryptionKey | undefined
  readonly macSignature: MacSignatureKey | undefined
}

/**
 * Finds the keys that a Key Wrapping Specification names (KMIP 1.4 section 2.1.6), before the key that they are to wrap is opened.
 * @throws KryptonError with the reasons of section 11.12
 */
export function prepareWrapping(
  specification: KeyWrappingSpecification,
  context: OperationContext,
): MaybePromise<PreparedWrapping> {
  const steps = wrappingSteps(specification)
  const unencoded = isUnencoded(specification)
  if (unencoded && specification.attributeNames.length > 0) {
    throw new KryptonError(
      'encoding-option-error',
      'Use Encoding Option TTLV Encoding, or leave out Attribute Name: without encoding only the key material is wrapped',
    )
  }
  const { encryptionKeyInformation, macSignatureKeyInformation } = specification
  return next(
    encryptionKeyInformation && encryptionKey(encryptionKeyInformation, 'wraps', context),
    (encryption): MaybePromise<PreparedWrapping> =>
      next(
        macSignatureKeyInformation && macSignatureKey(macSignatureKeyInformation, 'wraps', context),
        (macSignature) => ({ specification, steps, unencoded, encryption, macSignature }),
      ),
  )
}

/**
 * The Key Block of an answer, wrapped. What is in it in the clear is copied out once, and wiped here.
 * @throws KryptonError key-value-not-present, encoding-option-error, invalid-field, permission-denied
 */
export function wrapKeyBlock(
  object: ManagedObject,
  { keyValue, ...described }: KeyBlock,
  wrapping: PreparedWrapping,
  context: OperationContext,
): MaybePromise<KeyBlock> {
  if (keyValue === undefined) {
    throw new KryptonError(
      'key-value-not-present',
      'The key was registered without its Key Value: there is none to wrap',
    )
  }
  return next(wrappedAttributes(object, wrapping, context), (attributes) => {
    const plain = wrapping.unencoded ? unencoded(keyValue) : encodeKeyValue({ ...keyValue, attributes })
    // With a MAC alone what is in it goes into the answer, which wipes it.
    let isAnswer = false
    const wrapped = andFinally(
      () =>
        next(protect(plain, wrapping, context), (made) => {
          isAnswer = !wrapping.steps.encrypts
          return made
        }),
      () => {
        if (!isAnswer) plain.fill(0)
      },
    )
    return next(wrapped, ({ data, iv, macSignature }) => {
      const { specification, encryption } = wrapping
      return {
        ...described,
        wrappedKeyValue: wrapping.steps.encrypts ? data : context.unit.answerWith(bytesCopiedOnce(data)),
        keyWrappingData: {
          wrappingMethod: specification.wrappingMethod,
          encryptionKeyInformation: informed(specification.encryptionKeyInformation, encryption),
          macSignatureKeyInformation: informed(specification.macSignatureKeyInformation, wrapping.macSignature),
          macSignature,
          ivCounterNonce: iv,
          encodingOption: specification.encodingOption,
        },
      }
    })
  })
}

interface Protected extends EncryptedKeyValue {
  readonly macSignature?: Buffer
}

function protect(plain: Buffer, wrapping: PreparedWrapping, context: OperationContext): MaybePromise<Protected> {
  context.unit.objects.checkProtects()
  const { steps, encryption, macSignature } = wrapping
  const encrypted: MaybePromise<EncryptedKeyValue> =
    encryption === undefined ? { data: plain } : encryptKeyValue(encryption, plain, context)
  return next(encrypted, ({ data, iv }): MaybePromise<Protected> => {
    if (macSignature === undefined) return { data, iv }
    const authenticated = steps.authenticates === 'plain' ? plain : data
    return next(authenticateKeyValue(macSignature, authenticated, context), (mac) => ({ data, iv, macSignature: mac }))
  })
}

/** The attributes that are to be wrapped with the material; those that the object does not have are left out, as in Get Attributes. */
function wrappedAttributes(
  object: ManagedObject,
  { specification: { attributeNames } }: PreparedWrapping,
  context: OperationContext,
): MaybePromise<WireAttribute[] | undefined> {
  if (attributeNames.length === 0) return undefined
  return next(attributesOf(object, context), (attributes) =>
    attributesForVersion(attributes, context.version, [...new Set(attributeNames)]),
  )
}

/** The key material alone. */
function unencoded({ keyMaterial }: KeyValue): Buffer {
  if (!isBytes(keyMaterial)) {
    throw new KryptonError(
      'encoding-option-error',
      'Use Encoding Option TTLV Encoding: key material in a transparent format is no Byte String',
    )
  }
  const bytes = ownBuffer(keyMaterial.byteLength)
  if (keyMaterial instanceof Uint8Array) bytes.set(keyMaterial)
  else keyMaterial.copyInto(bytes, 0)
  return bytes
}

/** The key and how it was used: also where the client left that to the key's own attributes, which may change. */
function informed(
  information: KeyWrappingSpecification['encryptionKeyInformation'],
  key: EncryptionKey | MacSignatureKey | undefined,
): KeyWrappingSpecification['encryptionKeyInformation'] {
  return information && { uniqueIdentifier: information.uniqueIdentifier, cryptographicParameters: key!.parameters } // it was found for it
}
