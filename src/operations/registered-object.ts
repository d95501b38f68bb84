import { KryptonError } from '../errors.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { ObjectType } from '../kmip/enums.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import { isKnown } from '../kmip/known-values.ts'
import { objectFieldOfType, objectsIn, OpaqueObject, SecretData } from '../kmip/object.ts'
import type { RegisterRequest } from '../kmip/payloads/register.ts'
import type { KmipVersion } from '../kmip/version.ts'
import { checkLength, claimedLength, registeredLength } from '../objects/algorithms.ts'
import { materialOf } from '../objects/key-format.ts'
import { agreed, checkSize, withKeyValueAttributes } from './key-block-attributes.ts'
import { registeredCertificate } from './registered-certificate.ts'
import { registeredKeyHalf } from './registered-key-half.ts'
import { registeredSplitKey } from './registered-split-key.ts'
import { registeredTemplate } from './registered-template.ts'
import type { Registered } from './registered.ts'
import { requestedAttributes } from './requested-attributes.ts'

/**
 * What a Register asks to be kept, whose key is not wrapped.
 * @throws KryptonError with the reasons of section 11.4
 */
export function registeredObject(request: RegisterRequest, version: KmipVersion): Registered {
  const { objectType, certificate, symmetricKey, publicKey, privateKey, secretData, opaqueObject } = request
  const { pgpKey, splitKey, template } = request
  const requested = requestedAttributes(request.templateAttribute)
  if (objectsIn(request)[0] !== objectFieldOfType[objectType as ObjectType]) {
    throw new KryptonError('invalid-field', 'Send an object of the Object Type that the request names')
  }
  if (symmetricKey !== undefined) return symmetricKeyOf(symmetricKey.keyBlock, requested, version)
  if (certificate !== undefined) return registeredCertificate(certificate, requested)
  if (publicKey !== undefined) return registeredKeyHalf(ObjectType.PublicKey, publicKey.keyBlock, requested, version)
  if (privateKey !== undefined) return registeredKeyHalf(ObjectType.PrivateKey, privateKey.keyBlock, requested, version)
  if (secretData !== undefined || opaqueObject !== undefined) checkDataType(secretData, opaqueObject)
  if (secretData !== undefined) return secretDataOf(secretData.keyBlock, secretData.secretDataType, requested, version)
  if (opaqueObject !== undefined) {
    const material = opaqueObject.opaqueDataValue as Uint8Array // what was read from a frame is a view of it
    checkSize(material, 'opaque data')
    return {
      objectType: ObjectType.OpaqueObject,
      requested,
      algorithm: 0,
      lengthBits: 0,
      keyFormatType: 0,
      dataType: opaqueObject.opaqueDataType,
      material,
    }
  }
  if (splitKey !== undefined) return registeredSplitKey(splitKey, requested, version)
  if (template !== undefined) return registeredTemplate(template, requested, version)
  return registeredPgpKey(pgpKey!.keyBlock, pgpKey!.pgpKeyVersion, requested, version) // one of them is there
}

/** @throws KryptonError invalid-field: Opaque Data Types are extensions, all of them */
export function checkDataType(secretData: SecretData | undefined, opaqueObject: OpaqueObject | undefined): void {
  if (secretData !== undefined && !isKnown(SecretData, { secretDataType: secretData.secretDataType })) {
    throw new KryptonError('invalid-field', 'Send a Secret Data Type of Password or Seed, or one of 80000000 or more')
  }
  if (opaqueObject === undefined || isKnown(OpaqueObject, opaqueObject)) return
  throw new KryptonError('invalid-field', 'Send an Opaque Data Type of 80000000 or more')
}

function symmetricKeyOf(keyBlock: KeyBlock, requested: readonly WireAttribute[], version: KmipVersion): Registered {
  const material = keyMaterialOf(ObjectType.SymmetricKey, keyBlock, version)
  const algorithm = agreed('Cryptographic Algorithm', keyBlock.cryptographicAlgorithm, requested)
  const claimed = agreed('Cryptographic Length', keyBlock.cryptographicLength, requested)
  if (algorithm === undefined) throw new KryptonError('missing-data', 'Send the Cryptographic Algorithm of the key')
  return {
    objectType: ObjectType.SymmetricKey,
    requested: withKeyValueAttributes(requested, keyBlock),
    algorithm,
    lengthBits: lengthOf(algorithm, material, claimed),
    keyFormatType: keyBlock.keyFormatType,
    dataType: 0,
    material,
  }
}

function lengthOf(algorithm: number, material: Uint8Array | undefined, claimed: number | undefined): number {
  if (material !== undefined) return registeredLength(algorithm, material.byteLength, claimed)
  if (claimed === undefined) throw new KryptonError('missing-data', 'Send the Cryptographic Length of the key')
  return claimedLength(algorithm, claimed)
}

/** Algorithm and length say little of a secret: they are kept as they come (Table 171), a length of 0 as none. */
function secretDataOf(
  keyBlock: KeyBlock,
  dataType: number,
  requested: readonly WireAttribute[],
  version: KmipVersion,
): Registered {
  const lengthBits = agreed('Cryptographic Length', keyBlock.cryptographicLength, requested) ?? 0
  if (lengthBits !== 0) checkLength(lengthBits)
  return {
    objectType: ObjectType.SecretData,
    requested: withKeyValueAttributes(requested, keyBlock),
    algorithm: agreed('Cryptographic Algorithm', keyBlock.cryptographicAlgorithm, requested) ?? 0,
    lengthBits,
    keyFormatType: keyBlock.keyFormatType,
    dataType,
    material: keyMaterialOf(ObjectType.SecretData, keyBlock, version),
  }
}

/** A PGP Key is bytes that only its client reads (2.2.9): algorithm and length are what the client says. */
function registeredPgpKey(
  keyBlock: KeyBlock,
  pgpKeyVersion: number,
  requested: readonly WireAttribute[],
  version: KmipVersion,
): Registered {
  const lengthBits = agreed('Cryptographic Length', keyBlock.cryptographicLength, requested) ?? 0
  const algorithm = agreed('Cryptographic Algorithm', keyBlock.cryptographicAlgorithm, requested) ?? 0
  if (lengthBits < 0) throw new KryptonError('invalid-field', 'Send the Cryptographic Length in bits')
  return {
    objectType: ObjectType.PGPKey,
    requested: withKeyValueAttributes(requested, keyBlock),
    algorithm,
    lengthBits,
    keyFormatType: keyBlock.keyFormatType,
    dataType: pgpKeyVersion,
    material: keyMaterialOf(ObjectType.PGPKey, keyBlock, version),
  }
}

function keyMaterialOf(objectType: ObjectType, keyBlock: KeyBlock, version: KmipVersion): Uint8Array | undefined {
  const material = materialOf(objectType, keyBlock)
  if (material !== undefined) checkSize(material)
  else if (version < 12) throw new KryptonError('missing-data', 'Send Key Value in Key Block')
  return material
}
