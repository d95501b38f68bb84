import type { AnswerBytes } from '../keystore/copied-once.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { KeyFormatType, ObjectType } from '../kmip/enums.ts'
import { decodeTemplate } from '../kmip/kept-structures.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import type { GetRequest, GetResponse } from '../kmip/payloads/get.ts'
import { isAsymmetric } from '../objects/asymmetric-format.ts'
import { checkCertificateFormat, checkCompression, checkOwnFormat, keyMaterialAs } from '../objects/key-format.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { splitOf } from '../objects/split-key.ts'
import type { OperationContext } from './handler.ts'
import { pkcs12KeyBlock } from './pkcs12-answer.ts'
import { keyBlockOfHalf } from './served-key-half.ts'
import { openMaterialForAnswer } from './unwrapped-material.ts'

/** How an object is asked for: Get and Export ask alike (KMIP 1.4 sections 4.11, 4.40). */
export type ServingRequest = Omit<GetRequest, 'uniqueIdentifier'>

/** The object with its key in the clear, whoever is to see it. */
export function serveInTheClear(
  object: ManagedObject,
  request: ServingRequest,
  context: OperationContext,
): MaybePromise<GetResponse> {
  const { objectType } = object.fields
  if (isAsymmetric(objectType)) {
    if (request.keyFormatType === KeyFormatType.PKCS12 && objectType === ObjectType.PrivateKey) {
      checkCompression(request.keyCompressionType)
      return pkcs12KeyBlock(object, context).then((keyBlock) => answerWith(object, keyBlock))
    }
    return next(keyBlockOfHalf(object, objectType, request, context), (keyBlock) => answerWith(object, keyBlock))
  }
  checkCompression(request.keyCompressionType)
  if (objectType === ObjectType.Certificate) checkCertificateFormat(request.keyFormatType)
  else if (objectType === ObjectType.SplitKey || objectType === ObjectType.Template) {
    checkOwnFormat(object, request.keyFormatType)
  }
  if (object.fields.record.byteLength === 0) return answer(object, request, undefined)
  return next(openMaterialForAnswer(object, context), (material) => answer(object, request, material))
}

/**
 * The first time that an object is served ends its being Fresh (3.34), and is durable before the answer leaves: where it cannot be
 * written the object is not served. It is no change by a client: Last Change Date stays.
 */
export function markServed(object: ManagedObject, { unit }: OperationContext): void {
  const attributes = object.attributes.clone()
  attributes.set('fresh', false)
  unit.update(object, object.with({}, attributes))
}

/** The answer with an object that has a Key Block. */
export function answerWith(object: ManagedObject, keyBlock: KeyBlock): GetResponse {
  const { uniqueIdentifier, fields } = object
  const { objectType, dataType } = fields
  switch (objectType) {
    case ObjectType.SymmetricKey:
      return { objectType, uniqueIdentifier, symmetricKey: { keyBlock } }
    case ObjectType.PublicKey:
      return { objectType, uniqueIdentifier, publicKey: { keyBlock } }
    case ObjectType.PrivateKey:
      return { objectType, uniqueIdentifier, privateKey: { keyBlock } }
    case ObjectType.SplitKey: {
      const { splitId: _, ...split } = splitOf(object)
      return { objectType, uniqueIdentifier, splitKey: { ...split, keyBlock } }
    }
    case ObjectType.SecretData:
      return { objectType, uniqueIdentifier, secretData: { secretDataType: dataType, keyBlock } }
    case ObjectType.PGPKey:
      return { objectType, uniqueIdentifier, pgpKey: { pgpKeyVersion: dataType, keyBlock } }
    default:
      throw new Error(`objects of type ${objectType} have no Key Block that is served`)
  }
}

function answer(object: ManagedObject, request: ServingRequest, material: AnswerBytes | undefined): GetResponse {
  const { uniqueIdentifier, fields } = object
  const { objectType, dataType } = fields
  switch (objectType) {
    case ObjectType.SymmetricKey:
    case ObjectType.SecretData:
    case ObjectType.PGPKey:
    case ObjectType.SplitKey:
      return answerWith(object, keyBlockOf(object, request, material))
    case ObjectType.Certificate:
      return {
        objectType,
        uniqueIdentifier,
        certificate: { certificateType: dataType, certificateValue: material! }, // as below
      }
    case ObjectType.Template:
      return { objectType, uniqueIdentifier, template: decodeTemplate(object.structure!) } // each has one
    case ObjectType.OpaqueObject:
      return {
        objectType,
        uniqueIdentifier,
        opaqueObject: { opaqueDataType: dataType, opaqueDataValue: material! }, // it is never registered without
      }
    default:
      throw new Error('keys of pairs are served elsewhere')
  }
}

function keyBlockOf({ fields }: ManagedObject, request: ServingRequest, material: AnswerBytes | undefined): KeyBlock {
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
