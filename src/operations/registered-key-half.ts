import type { KeyParts } from '../crypto/key-parts.ts'
import { keyBits } from '../crypto/key-parts.ts'
import { KryptonError } from '../errors.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { ObjectType } from '../kmip/enums.ts'
import { encodeTransparentKey } from '../kmip/kept-structures.ts'
import { isBytes } from '../kmip/key-block.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import type { CryptographicDomainParameters } from '../kmip/structures.ts'
import type { KmipVersion } from '../kmip/version.ts'
import {
  algorithmsOf,
  checkAsymmetricFormat,
  compressionOf,
  curveOfNumber,
  readKey,
} from '../objects/asymmetric-format.ts'
import type { AsymmetricObjectType, KeptKey } from '../objects/asymmetric-format.ts'
import { agreed, checkSize, withKeyValueAttributes } from './key-block-attributes.ts'
import type { Registered } from './registered.ts'

/**
 * A Public or Private Key of a Register (KMIP 1.4 sections 2.2.3, 2.2.4). It is kept as it came. Algorithm and length may be left out where the
 * material tells them (2.1.3), and where they are given, they are what it tells.
 * @throws KryptonError with the reasons of section 11.4
 */
export function registeredKeyHalf(
  objectType: AsymmetricObjectType,
  keyBlock: KeyBlock,
  requested: readonly WireAttribute[],
  version: KmipVersion,
): Registered {
  const { keyFormatType } = keyBlock
  checkAsymmetricFormat(objectType, keyFormatType)
  const attributes = withKeyValueAttributes(requested, keyBlock)
  const algorithm = agreed('Cryptographic Algorithm', keyBlock.cryptographicAlgorithm, requested)
  const length = agreed('Cryptographic Length', keyBlock.cryptographicLength, requested)
  const common = { objectType, requested: attributes, keyFormatType, dataType: 0 }
  const keyMaterial = keyBlock.keyValue?.keyMaterial
  if (keyMaterial === undefined) {
    if (version < 12) throw new KryptonError('missing-data', 'Send Key Value in Key Block')
    const { own, bits } = described(undefined, algorithm, length)
    return { ...common, algorithm: own, lengthBits: bits, material: undefined }
  }
  // What was read from a frame is a view of it, or the views of its numbers.
  const copied = isBytes(keyMaterial) ? undefined : encodeTransparentKey(keyMaterial)
  const wipe = (): void => {
    copied?.fill(0)
  }
  try {
    const material = copied ?? (keyMaterial as Uint8Array) // one of the two
    checkSize(material)
    const key = readKey(objectType, keyFormatType, material)
    checkCompression(objectType, keyBlock.keyCompressionType, key)
    checkDomain(key, requested)
    const { own, bits } = described(key, algorithm, length)
    const check: Registered['check'] =
      key.type === 'kept' ? undefined : ({ cryptoWork, owner }) => cryptoWork.checkKey(owner, key)
    return { ...common, algorithm: own, lengthBits: bits, material, check, wipe }
  } catch (error) {
    wipe()
    throw error
  }
}

/** Algorithm and length as they are kept. */
function described(
  key: KeyParts | KeptKey | undefined,
  algorithm: number | undefined,
  length: number | undefined,
): { own: number; bits: number } {
  const told = key === undefined ? undefined : algorithmsOf(key)
  // Which of several algorithms an encrypted key is of, only the client knows.
  const implied = key?.type === 'kept' && told!.length > 1 ? undefined : told?.[0]
  const own = algorithm ?? implied
  if (own === undefined) throw new KryptonError('missing-data', 'Send the Cryptographic Algorithm of the key')
  if (told !== undefined && !told.includes(own)) {
    throw new KryptonError('invalid-field', 'Send the Cryptographic Algorithm of the key material: it is of another')
  }
  const measured = key === undefined || key.type === 'kept' ? key?.bits : keyBits(key)
  const bits = length ?? measured
  if (bits === undefined || bits < 1) {
    throw new KryptonError('missing-data', 'Send the Cryptographic Length of the key')
  }
  if (measured !== undefined && bits !== measured) {
    throw new KryptonError('invalid-field', `Send the Cryptographic Length of the key material: ${measured}`)
  }
  return { own, bits }
}

function checkCompression(
  objectType: AsymmetricObjectType,
  keyCompressionType: number | undefined,
  key: KeyParts | KeptKey,
): void {
  if (keyCompressionType === undefined) return
  if (objectType !== ObjectType.PublicKey || key.type !== 'ec') {
    throw new KryptonError(
      'key-compression-type-not-supported',
      'Leave out Key Compression Type: this is no EC public key',
    )
  }
  if (keyCompressionType === compressionOf(key)) return
  throw new KryptonError('invalid-field', 'Send the Key Compression Type that the public key has')
}

/** The curve that the attributes name is the key's own (3.7). */
function checkDomain(key: KeyParts | KeptKey, requested: readonly WireAttribute[]): void {
  const domain = requested.find(({ name }) => name === 'cryptographicDomainParameters')?.value
  const { recommendedCurve } = (domain ?? {}) as CryptographicDomainParameters // read under this name
  if (recommendedCurve === undefined || key.type === 'kept') return
  if (key.type === 'ec' && curveOfNumber(recommendedCurve) === key.curve) return
  throw new KryptonError(
    'invalid-field',
    'Send the Recommended Curve of the key material: it is on another, or on none',
  )
}
