import { digest } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import { objectFieldOfType, objectsIn } from '../kmip/object.ts'
import type { RegisterRequest } from '../kmip/payloads/register.ts'
import type { KmipVersion } from '../kmip/version.ts'
import { limits } from '../limits.ts'
import { checkLength, claimedLength, registeredLength } from '../objects/algorithms.ts'
import { digestInput, materialOf } from '../objects/key-format.ts'
import { keepsDigest, newObject } from '../objects/new-object.ts'
import type { NewObject } from '../objects/new-object.ts'
import type { Handler } from './handler.ts'
import { checkNames } from './names.ts'
import { requestedAttributes, requestedNumber } from './requested-attributes.ts'

/**
 * KMIP 1.4 sections 4.3 and 11.4. The key material is sealed from where it lies in the frame. A missing mask is a mask of 0: MongoDB's
 * older libraries register without one.
 */
export const register: Handler<typeof Operation.Register> = (request, context) => {
  const { unit, version, now } = context
  const registered = registeredOf(request, version)
  const { material } = registered
  const draft = newObject({
    ...registered,
    id: context.randomBytes(16),
    sequence: unit.objects.nextSequence(),
    digest:
      material !== undefined && keepsDigest(registered.objectType)
        ? digestInput(registered.keyFormatType, material, (bytes) => digest('sha256', bytes))
        : undefined,
    keyValuePresent: material !== undefined,
    generated: false,
    version,
    now,
  })
  return next(checkNames(unit, draft, 'invalid-field'), () =>
    next(unit.create(draft, material), ({ uniqueIdentifier }) => {
      context.idPlaceholder = uniqueIdentifier
      return { uniqueIdentifier }
    }),
  )
}

interface Registered extends Pick<
  NewObject,
  'objectType' | 'requested' | 'algorithm' | 'lengthBits' | 'keyFormatType' | 'dataType'
> {
  /** A view of the frame; undefined when the client keeps it. */
  readonly material: Uint8Array | undefined
}

function registeredOf(request: RegisterRequest, version: KmipVersion): Registered {
  const { objectType, symmetricKey, secretData, opaqueObject } = request
  const requested = requestedAttributes(request.templateAttribute)
  if (objectsIn(request)[0] !== objectFieldOfType[objectType as ObjectType]) {
    throw new KryptonError('invalid-field', 'Send an object of the Object Type that the request names')
  }
  if (symmetricKey !== undefined) return symmetricKeyOf(symmetricKey.keyBlock, requested, version)
  if (secretData !== undefined) return secretDataOf(secretData.keyBlock, secretData.secretDataType, requested, version)
  if (opaqueObject !== undefined) {
    const material = opaqueObject.opaqueDataValue as Uint8Array // what was read from a frame is a view of it
    checkSize(material)
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
  throw new KryptonError('invalid-field', 'Register a Symmetric Key, a Secret Data or an Opaque Object')
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

function keyMaterialOf(objectType: ObjectType, keyBlock: KeyBlock, version: KmipVersion): Uint8Array | undefined {
  const material = materialOf(objectType, keyBlock)
  if (material !== undefined) checkSize(material)
  else if (version < 12) throw new KryptonError('missing-data', 'Send Key Value in Key Block')
  return material
}

function checkSize(material: Uint8Array): void {
  if (material.byteLength === 0) throw new KryptonError('invalid-field', 'Send key material of at least one byte')
  if (material.byteLength > limits.materialBytesMax) {
    throw new KryptonError('invalid-field', `Send at most ${limits.materialBytesMax} bytes of key material`)
  }
}

/** A number that may stand in the Key Block, among the attributes, or in both: then it is the same. */
function agreed(
  attributeName: 'Cryptographic Algorithm' | 'Cryptographic Length',
  inKeyBlock: number | undefined,
  requested: readonly WireAttribute[],
): number | undefined {
  const name = attributeName === 'Cryptographic Algorithm' ? 'cryptographicAlgorithm' : 'cryptographicLength'
  const asAttribute = requestedNumber(requested, name)
  if (inKeyBlock !== undefined && asAttribute !== undefined && inKeyBlock !== asAttribute) {
    throw new KryptonError('invalid-field', `Send the same ${attributeName} in Key Block and Template-Attribute`)
  }
  return inKeyBlock ?? asAttribute
}

/**
 * Attributes that came with the key material (2.1.4) are the object's own where the request says nothing else. Those that another server
 * kept of its own accord do not count here, so only custom attributes and names of use are taken.
 */
function withKeyValueAttributes(requested: readonly WireAttribute[], { keyValue }: KeyBlock): readonly WireAttribute[] {
  const carried = (keyValue?.attributes ?? []).filter(
    ({ name, attributeName }) =>
      (name === attributeName || name === 'cryptographicUsageMask' || name === 'name') &&
      !requested.some((other) => other.name === name),
  )
  return carried.length === 0 ? requested : [...requested, ...carried]
}
