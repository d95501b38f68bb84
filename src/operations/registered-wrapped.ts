import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { ObjectType } from '../kmip/enums.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import type { ObjectField } from '../kmip/object.ts'
import { objectFieldOfType } from '../kmip/object.ts'
import type { RegisterRequest } from '../kmip/payloads/register.ts'
import { checkLength, claimedLength } from '../objects/algorithms.ts'
import { checkAsymmetricFormat, isAsymmetric } from '../objects/asymmetric-format.ts'
import { checkKeyFormat } from '../objects/key-format.ts'
import type { OperationContext } from './handler.ts'
import { agreed, checkSize } from './key-block-attributes.ts'
import { checkDataType } from './registered-object.ts'
import { numbersOf } from './registered-split-key.ts'
import type { Registered } from './registered.ts'
import { requestedAttributes } from './requested-attributes.ts'
import { isUnavailable, prepareUnwrapping, unwrapKeyBlock, wrappedBytes } from './unwrap-key-block.ts'
import type { PreparedUnwrapping } from './unwrap-key-block.ts'

/** The object of a Register: the whole of the request, but for what it is to be called. */
export type RegisteredObject = Omit<RegisterRequest, 'templateAttribute'>

/** The Key Block of a request whose key is wrapped; undefined for any other. */
export function wrappedKeyBlockOf(request: RegisteredObject): KeyBlock | undefined {
  const field: ObjectField | undefined = objectFieldOfType[request.objectType as ObjectType] // undefined for no type
  const object = field && request[field]
  if (object === undefined || !('keyBlock' in object)) return undefined
  return object.keyBlock.keyWrappingData === undefined ? undefined : object.keyBlock
}

/**
 * Takes a wrapped key in as a Register does (KMIP 1.4 section 2.1.5): unwrapped, when its keys are here and may do that, and otherwise as it came.
 * `take` is given the same request with the key in the clear, or undefined.
 * @throws KryptonError cryptographic-failure: it was not wrapped so
 */
export function unwrapWherePossible<T>(
  request: RegisteredObject,
  keyBlock: KeyBlock,
  context: OperationContext,
  take: (unwrapped: RegisteredObject | undefined) => MaybePromise<T>,
): MaybePromise<T> {
  checkSize(wrappedBytes(keyBlock))
  return next(preparedIfAvailable(keyBlock, context), (prepared) =>
    prepared === undefined ? take(undefined) : unwrap(request, prepared, context, take),
  )
}

/**
 * The same for who wants it unwrapped, or not at all.
 * @throws KryptonError: it cannot be unwrapped
 */
export function unwrapForSure<T>(
  request: RegisteredObject,
  keyBlock: KeyBlock,
  context: OperationContext,
  take: (unwrapped: RegisteredObject) => MaybePromise<T>,
): MaybePromise<T> {
  checkSize(wrappedBytes(keyBlock))
  return next(prepareUnwrapping(keyBlock, context), (prepared) => unwrap(request, prepared, context, take))
}

/**
 * A key that is kept wrapped: what is inside cannot be looked at, so that algorithm and length are what the client says.
 * @throws KryptonError with the reasons of section 11.4
 */
export function registeredWrapped(request: RegisterRequest, keyBlock: KeyBlock): Registered {
  const objectType = request.objectType as ObjectType // a Key Block was found by it
  const requested = requestedAttributes(request.templateAttribute)
  const { keyFormatType } = keyBlock
  if (isAsymmetric(objectType)) checkAsymmetricFormat(objectType, keyFormatType)
  else checkKeyFormat(objectType, keyFormatType)
  const algorithm = agreed('Cryptographic Algorithm', keyBlock.cryptographicAlgorithm, requested)
  const length = agreed('Cryptographic Length', keyBlock.cryptographicLength, requested)
  checkDataType(request.secretData, undefined)
  const dataType = request.secretData?.secretDataType ?? request.pgpKey?.pgpKeyVersion ?? 0
  const kept = { objectType, requested, keyFormatType, dataType, material: undefined, wrapped: keyBlock }
  if (!isAsymmetric(objectType) && objectType !== ObjectType.SymmetricKey) {
    if (length !== undefined && length !== 0) checkLength(length)
    const numbers = request.splitKey && numbersOf(request.splitKey, undefined)
    return { ...kept, algorithm: algorithm ?? 0, lengthBits: length ?? 0, ...numbers }
  }
  if (algorithm === undefined || length === undefined) {
    throw new KryptonError(
      'missing-data',
      'Send Cryptographic Algorithm and Cryptographic Length of a key that cannot be unwrapped here',
    )
  }
  if (objectType === ObjectType.SymmetricKey)
    return { ...kept, algorithm, lengthBits: claimedLength(algorithm, length) }
  if (length < 1) throw new KryptonError('invalid-field', 'Send the Cryptographic Length in bits')
  return { ...kept, algorithm, lengthBits: length }
}

/** undefined when the keys are not here, or may not unwrap: whoever they belong to. */
function preparedIfAvailable(
  keyBlock: KeyBlock,
  context: OperationContext,
): MaybePromise<PreparedUnwrapping | undefined> {
  const orUndefined = (error: unknown): undefined => {
    if (!isUnavailable(error)) throw error
  }
  try {
    const prepared = prepareUnwrapping(keyBlock, context)
    return prepared instanceof Promise ? prepared.catch(orUndefined) : prepared
  } catch (error) {
    return orUndefined(error)
  }
}

/** What `take` is given is wiped when it is done. */
function unwrap<T>(
  request: RegisteredObject,
  prepared: PreparedUnwrapping,
  context: OperationContext,
  take: (unwrapped: RegisteredObject) => MaybePromise<T>,
): MaybePromise<T> {
  const field = objectFieldOfType[request.objectType as ObjectType] // as above
  return next(unwrapKeyBlock(prepared, context), ({ keyBlock, bytes }) =>
    andFinally(
      () => take({ ...request, [field]: { ...request[field], keyBlock } }),
      () => {
        bytes.fill(0)
      },
    ),
  )
}
