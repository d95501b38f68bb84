import { KryptonError } from '../errors.ts'
import type { AnswerBytes } from '../keystore/copied-once.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { KeyWrapType, ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import type { GetRequest, GetResponse } from '../kmip/payloads/get.ts'
import { isAsymmetric } from '../objects/asymmetric-format.ts'
import { checkCertificateFormat, checkCompression, keyMaterialAs } from '../objects/key-format.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { isDestroyed } from '../objects/state.ts'
import type { Handler, OperationContext } from './handler.ts'
import { keyBlockOfHalf } from './served-key-half.ts'

/**
 * KMIP 1.4 sections 4.11 and 11.12. Any object that is not destroyed is served, whatever its state and its mask: clients get keys that they
 * never activated. Its record is opened for this answer alone.
 */
export const get: Handler<typeof Operation.Get> = (request, context) => {
  if (request.keyWrappingSpecification !== undefined) {
    throw new KryptonError('feature-not-supported', 'Leave out Key Wrapping Specification: keys are not served wrapped')
  }
  // As none is kept wrapped, both that there are mean the same.
  if (request.keyWrapType !== undefined && !wrapTypes.has(request.keyWrapType)) {
    throw new KryptonError('feature-not-supported', 'Send a Key Wrap Type of Not Wrapped or As Registered, or none')
  }
  const object = context.unit.get(context.identifier(request.uniqueIdentifier))
  return object instanceof Promise
    ? object.then((loaded) => serve(loaded, request, context))
    : serve(object, request, context)
}

function serve(object: ManagedObject, request: GetRequest, context: OperationContext): MaybePromise<GetResponse> {
  checkServable(object, context.now)
  if (object.serving.fresh) markServed(object, context)
  const { objectType } = object.fields
  if (isAsymmetric(objectType)) {
    return next(keyBlockOfHalf(object, objectType, request, context), (keyBlock) => ({
      objectType,
      uniqueIdentifier: object.uniqueIdentifier,
      ...(objectType === ObjectType.PublicKey ? { publicKey: { keyBlock } } : { privateKey: { keyBlock } }),
    }))
  }
  checkCompression(request.keyCompressionType)
  if (objectType === ObjectType.Certificate) checkCertificateFormat(request.keyFormatType)
  if (object.fields.record.byteLength === 0) return answer(object, request, undefined)
  return next(context.unit.openForAnswer(object), (material) => answer(object, request, material))
}

function checkServable(object: ManagedObject, now: number): void {
  if (isDestroyed(object.stateAt(now))) {
    throw new KryptonError('illegal-operation', 'The object is destroyed: only its attributes are left')
  }
  const { sensitive, extractable } = object.serving
  if (sensitive) throw new KryptonError('sensitive', 'The object is Sensitive: it is not served in the clear')
  if (!extractable) throw new KryptonError('not-extractable', 'The object is not Extractable: use it on the server')
}

/** The first time that an object is served ends its being Fresh (3.34). It is no change by a client: Last Change Date stays. */
function markServed(object: ManagedObject, { unit }: OperationContext): void {
  const attributes = object.attributes.clone()
  attributes.set('fresh', false)
  unit.updateServed(object, object.with({}, attributes))
}

function answer(object: ManagedObject, request: GetRequest, material: AnswerBytes | undefined): GetResponse {
  const { uniqueIdentifier, fields } = object
  const { objectType, dataType } = fields
  switch (objectType) {
    case ObjectType.SymmetricKey:
      return { objectType, uniqueIdentifier, symmetricKey: { keyBlock: keyBlockOf(object, request, material) } }
    case ObjectType.SecretData:
      return {
        objectType,
        uniqueIdentifier,
        secretData: { secretDataType: dataType, keyBlock: keyBlockOf(object, request, material) },
      }
    case ObjectType.PGPKey:
      return {
        objectType,
        uniqueIdentifier,
        pgpKey: { pgpKeyVersion: dataType, keyBlock: keyBlockOf(object, request, material) },
      }
    case ObjectType.Certificate:
      return {
        objectType,
        uniqueIdentifier,
        certificate: { certificateType: dataType, certificateValue: material! }, // as below
      }
    case ObjectType.OpaqueObject:
      return {
        objectType,
        uniqueIdentifier,
        opaqueObject: { opaqueDataType: dataType, opaqueDataValue: material! }, // it is never registered without
      }
    default:
      throw new Error(`objects of type ${objectType} are not served`)
  }
}

function keyBlockOf({ fields }: ManagedObject, request: GetRequest, material: AnswerBytes | undefined): KeyBlock {
  const { objectType, algorithm, lengthBits } = fields
  const keyFormatType = request.keyFormatType ?? fields.keyFormatType
  const keyMaterial = material && keyMaterialAs(objectType, keyFormatType, material)
  // Algorithm and length go together (2.1.3); mongod wants both with every key.
  const isDescribed = algorithm !== 0 && lengthBits !== 0
  return {
    keyFormatType,
    keyValue: keyMaterial && { keyMaterial },
    cryptographicAlgorithm: isDescribed ? algorithm : undefined,
    cryptographicLength: isDescribed ? lengthBits : undefined,
  }
}

const wrapTypes: ReadonlySet<number> = new Set(Object.values(KeyWrapType))
