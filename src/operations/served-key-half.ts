import { type AnswerBytes, bytesCopiedOnce } from '../keystore/copied-once.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { KeyCompressionType, ObjectType } from '../kmip/enums.ts'
import { decodeTransparentKey } from '../kmip/kept-structures.ts'
import type { KeyBlock, KeyMaterial } from '../kmip/key-block.ts'
import {
  type AsymmetricObjectType,
  checkAsymmetricFormat,
  compressionOf,
  isTransparent,
  keyPartsOf,
  materialAs,
  readKey,
  withCompression,
} from '../objects/asymmetric-format.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { OperationContext } from './handler.ts'
import type { ServingRequest } from './served-in-the-clear.ts'
import { openMaterial } from './unwrapped-material.ts'

/**
 * The Key Block of a Public or Private Key for one answer (KMIP 1.4 section 4.11): in the bytes that were kept, unless another format or another form
 * of the point is asked for.
 * @throws KryptonError key-format-type-not-supported, key-compression-type-not-supported
 */
export function keyBlockOfHalf(
  object: ManagedObject,
  objectType: AsymmetricObjectType,
  request: ServingRequest,
  context: OperationContext,
): MaybePromise<KeyBlock> {
  const { fields } = object
  const keyFormatType = request.keyFormatType ?? fields.keyFormatType
  checkAsymmetricFormat(objectType, keyFormatType)
  const described = {
    keyFormatType,
    cryptographicAlgorithm: fields.algorithm,
    cryptographicLength: fields.lengthBits,
  }
  if (fields.record.byteLength === 0) return described
  return next(openMaterial(object, context), (secret) => {
    const kept = Buffer.allocUnsafeSlow(secret.byteLength)
    let material: Buffer = kept
    try {
      secret.copyInto(kept, 0)
      material = converted(object, objectType, request, kept)
      return {
        ...described,
        keyCompressionType: shownCompression(objectType, keyFormatType, material),
        keyValue: { keyMaterial: inAnswer(keyFormatType, material, context) },
      }
    } finally {
      secret.wipe()
      if (material !== kept) kept.fill(0)
    }
  })
}

/** `kept`, or a buffer of its own. */
function converted(
  { fields }: ManagedObject,
  objectType: AsymmetricObjectType,
  { keyFormatType = fields.keyFormatType, keyCompressionType }: ServingRequest,
  kept: Buffer,
): Buffer {
  if (keyFormatType === fields.keyFormatType && keyCompressionType === undefined) return kept
  const parts = keyPartsOf(objectType, fields.keyFormatType, kept)
  if (keyCompressionType === undefined) return materialAs(objectType, keyFormatType, parts)
  const compressed = withCompression(parts, keyCompressionType)
  const isAsked = keyFormatType === fields.keyFormatType && compressionOf(parts) === keyCompressionType
  return isAsked ? kept : materialAs(objectType, keyFormatType, compressed)
}

/** An uncompressed point goes without saying (2.1.3). */
function shownCompression(
  objectType: AsymmetricObjectType,
  keyFormatType: number,
  material: Buffer,
): number | undefined {
  if (objectType === ObjectType.PrivateKey) return undefined
  const key = readKey(objectType, keyFormatType, material)
  const compression = key.type === 'kept' ? undefined : compressionOf(key)
  return compression === KeyCompressionType.ECPublicKeyTypeUncompressed ? undefined : compression
}

/** The answer owns the material from here on: each part of it is wiped when it has been written. */
function inAnswer(keyFormatType: number, material: Buffer, { unit }: OperationContext): KeyMaterial {
  if (!isTransparent(keyFormatType)) return unit.answerWith(bytesCopiedOnce(material))
  const key: Record<string, unknown> = { ...decodeTransparentKey(material) }
  for (const [name, value] of Object.entries(key)) {
    if (Buffer.isBuffer(value)) key[name] = unit.answerWith(bytesCopiedOnce(value)) satisfies AnswerBytes
  }
  return key
}
