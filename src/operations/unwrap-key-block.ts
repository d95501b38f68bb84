import { ownCopy } from '../crypto/own-buffer.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { decodeKeyValue, transparentFields } from '../kmip/key-block.ts'
import type { KeyBlock, KeyValue, KeyWrappingData } from '../kmip/key-block.ts'
import { isUnencoded, wrappingSteps } from '../objects/key-wrapping.ts'
import type { WrappingSteps } from '../objects/key-wrapping.ts'
import type { OperationContext } from './handler.ts'
import { decryptKeyValue, verifyKeyValue } from './key-value-protection.ts'
import { encryptionKey, macSignatureKey } from './wrapping-keys.ts'
import type { EncryptionKey, MacSignatureKey } from './wrapping-keys.ts'

/** A wrapped Key Block whose keys are here and may open it. */
export interface PreparedUnwrapping {
  readonly keyBlock: KeyBlock
  readonly wrappingData: KeyWrappingData
  readonly steps: WrappingSteps
  readonly encryption: EncryptionKey | undefined
  readonly macSignature: MacSignatureKey | undefined
}

/** A Key Block in the clear, its material a view of `bytes`, which whoever asked for it wipes. */
export interface UnwrappedKeyBlock {
  readonly keyBlock: KeyBlock
  readonly bytes: Buffer
}

/**
 * Finds the keys that open a Key Block which has Key Wrapping Data (KMIP 1.4 section 2.1.5).
 * @throws KryptonError with one of `unavailableCodes` when they cannot: another refusal says what is wrong with the Key Block
 */
export function prepareUnwrapping(keyBlock: KeyBlock, context: OperationContext): MaybePromise<PreparedUnwrapping> {
  const wrappingData = keyBlock.keyWrappingData!
  const steps = wrappingSteps(wrappingData)
  if (isUnencoded(wrappingData) && transparentFields.has(keyBlock.keyFormatType)) {
    throw new KryptonError(
      'encoding-option-error',
      'Use Encoding Option TTLV Encoding: key material in a transparent format is no Byte String',
    )
  }
  if (steps.authenticates !== undefined && wrappingData.macSignature === undefined) {
    throw new KryptonError('invalid-message', 'Send MAC/Signature in Key Wrapping Data: the Wrapping Method makes one')
  }
  const { encryptionKeyInformation, macSignatureKeyInformation } = wrappingData
  return next(
    encryptionKeyInformation && encryptionKey(encryptionKeyInformation, 'unwraps', context),
    (encryption): MaybePromise<PreparedUnwrapping> =>
      next(
        macSignatureKeyInformation && macSignatureKey(macSignatureKeyInformation, 'unwraps', context),
        (macSignature) => ({ keyBlock, wrappingData, steps, encryption, macSignature }),
      ),
  )
}

/** True for what says that a key cannot be unwrapped here, by keys that are not here or may not. */
export function isUnavailable(error: unknown): boolean {
  return isKryptonError(error) && unavailableCodes.has(error.code)
}

/** @throws KryptonError cryptographic-failure: it was not wrapped so; invalid-field */
export function unwrapKeyBlock(
  { keyBlock, wrappingData, steps, encryption, macSignature }: PreparedUnwrapping,
  context: OperationContext,
): MaybePromise<UnwrappedKeyBlock> {
  const wrapped = wrappedBytes(keyBlock)
  const verify = (authenticated: 'plain' | 'encrypted', bytes: Uint8Array): MaybePromise<void> =>
    macSignature === undefined || steps.authenticates !== authenticated
      ? undefined
      : verifyKeyValue(macSignature, bytes, wrappingData.macSignature!, context) // prepareUnwrapping lets none be missing
  return next(verify('encrypted', wrapped), () =>
    next(
      encryption === undefined
        ? ownCopy(wrapped)
        : decryptKeyValue(encryption, wrapped, wrappingData.ivCounterNonce, context),
      (bytes) =>
        wipedOnFailure(bytes, () =>
          next(verify('plain', bytes), () => ({ bytes, keyBlock: inTheClear(keyBlock, wrappingData, bytes) })),
        ),
    ),
  )
}

/** The Key Value as it came. @throws KryptonError invalid-message: there is none */
export function wrappedBytes({ keyValue, wrappedKeyValue }: KeyBlock): Uint8Array {
  const bytes = wrappedKeyValue ?? keyValue?.keyMaterial
  // What was read from a frame is a view of it, and the codec lets no structure be wrapped.
  if (bytes !== undefined) return bytes as Uint8Array
  throw new KryptonError('invalid-message', 'Send the Key Value that is wrapped, or leave out Key Wrapping Data')
}

function inTheClear(
  { keyFormatType, keyCompressionType, cryptographicAlgorithm, cryptographicLength }: KeyBlock,
  wrappingData: KeyWrappingData,
  bytes: Buffer,
): KeyBlock {
  const keyValue = isUnencoded(wrappingData) ? { keyMaterial: bytes } : decoded(bytes, keyFormatType)
  return { keyFormatType, keyCompressionType, keyValue, cryptographicAlgorithm, cryptographicLength }
}

/** What is wrong with it is not told: it is the same as a wrong key. */
function decoded(bytes: Buffer, keyFormatType: number): KeyValue {
  try {
    return decodeKeyValue(bytes, keyFormatType)
  } catch (error) {
    if (!isKryptonError(error)) throw error
    throw new KryptonError(
      'cryptographic-failure',
      'The wrapped key does not open to a Key Value in TTLV: check its key, and say No Encoding if that is how it was wrapped',
    )
  }
}

function wipedOnFailure<T>(bytes: Buffer, run: () => MaybePromise<T>): MaybePromise<T> {
  let succeeded = false
  return andFinally(
    () =>
      next(run(), (value) => {
        succeeded = true
        return value
      }),
    () => {
      if (!succeeded) bytes.fill(0)
    },
  )
}

const unavailableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'item-not-found',
  'illegal-operation',
  'permission-denied',
  'wrong-key-lifecycle-state',
  'key-value-not-present',
  'unsupported-cryptographic-parameters',
])
