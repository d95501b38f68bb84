import { KryptonError } from '../errors.ts'
import { KeyFormatType, ObjectType } from '../kmip/enums.ts'
import { isBytes } from '../kmip/key-block.ts'
import type { KeyBlock, KeyMaterial } from '../kmip/key-block.ts'
import { Tag } from '../kmip/tags.ts'
import type { ManagedObject } from './managed-object.ts'

/** Key material as bytes, or as what writes them into an answer. */
export type KeyBytes = Extract<KeyMaterial, { readonly byteLength: number }>

/** The formats in which a symmetric key or a secret may come and go (KMIP 1.4 section 2.1.3): each is the same bytes in another dress. */
const formats: Readonly<Partial<Record<ObjectType, readonly number[]>>> = {
  [ObjectType.SymmetricKey]: [KeyFormatType.Raw, KeyFormatType.Opaque, KeyFormatType.TransparentSymmetricKey],
  [ObjectType.SecretData]: [KeyFormatType.Raw, KeyFormatType.Opaque],
  [ObjectType.PGPKey]: [KeyFormatType.Raw, KeyFormatType.Opaque],
  // A part keeps the format of the key that it is a part of.
  [ObjectType.SplitKey]: [
    KeyFormatType.Raw,
    KeyFormatType.Opaque,
    KeyFormatType.PKCS1,
    KeyFormatType.PKCS8,
    KeyFormatType.ECPrivateKey,
  ],
}

/**
 * The key material of a Key Block that is not wrapped, a view of the frame; undefined when the client keeps it to itself (section 3.41).
 * @throws KryptonError key-format-type-not-supported, key-compression-type-not-supported
 */
export function materialOf(objectType: ObjectType, keyBlock: KeyBlock): Uint8Array | undefined {
  checkKeyFormat(objectType, keyBlock.keyFormatType)
  checkCompression(keyBlock.keyCompressionType)
  const keyMaterial = keyBlock.keyValue?.keyMaterial
  if (keyMaterial === undefined) return undefined
  // What was read from a frame is a view of it, bytes or the field of a Transparent Symmetric Key, which the codec requires.
  return (isBytes(keyMaterial) ? keyMaterial : keyMaterial.key) as Uint8Array
}

/**
 * Key material in the dress of `keyFormatType`.
 * @throws KryptonError key-format-type-not-supported
 */
export function keyMaterialAs(objectType: ObjectType, keyFormatType: number, material: KeyBytes): KeyMaterial {
  checkKeyFormat(objectType, keyFormatType)
  return keyFormatType === KeyFormatType.TransparentSymmetricKey ? { key: material } : material
}

/** @throws KryptonError key-compression-type-not-supported: only public keys of elliptic curves are compressed */
export function checkCompression(keyCompressionType: number | undefined): void {
  if (keyCompressionType === undefined) return
  throw new KryptonError(
    'key-compression-type-not-supported',
    'Leave out Key Compression Type: this is no EC public key',
  )
}

/** @throws KryptonError key-format-type-not-supported: a certificate has no other format than its own */
export function checkCertificateFormat(keyFormatType: number | undefined): void {
  if (keyFormatType === undefined || keyFormatType === KeyFormatType.X509) return
  throw new KryptonError(
    'key-format-type-not-supported',
    'Leave out Key Format Type, or use X.509: this is a certificate',
  )
}

/** @throws KryptonError key-format-type-not-supported: a part of a key is in the format of the key, and in no other; a Template is in none */
export function checkOwnFormat({ fields }: ManagedObject, keyFormatType: number | undefined): void {
  if (keyFormatType === undefined || keyFormatType === fields.keyFormatType) return
  throw new KryptonError(
    'key-format-type-not-supported',
    'Leave out Key Format Type: a Split Key has its own alone, a Template none',
  )
}

/**
 * Calls `use` with what a Digest is taken over (section 3.17): the bytes of the material, or for a transparent key the encoding of its
 * Key Material structure, which is wiped afterwards.
 */
export function digestInput<T>(keyFormatType: number, material: Uint8Array, use: (bytes: Uint8Array) => T): T {
  if (keyFormatType !== KeyFormatType.TransparentSymmetricKey) return use(material)
  const padded = (material.byteLength + 7) & ~7
  const structure = Buffer.alloc(16 + padded)
  structure.writeUInt32BE(((Tag.KeyMaterial << 8) | 0x01) >>> 0, 0)
  structure.writeUInt32BE(8 + padded, 4)
  structure.writeUInt32BE(((Tag.Key << 8) | 0x08) >>> 0, 8)
  structure.writeUInt32BE(material.byteLength, 12)
  structure.set(material, 16)
  try {
    return use(structure)
  } finally {
    structure.fill(0)
  }
}

/** @throws KryptonError key-format-type-not-supported: no such object has that format */
export function checkKeyFormat(objectType: ObjectType, keyFormatType: number): void {
  if (formats[objectType]?.includes(keyFormatType) === true) return
  throw new KryptonError(
    'key-format-type-not-supported',
    objectType === ObjectType.SymmetricKey
      ? 'Use Key Format Type Raw, Opaque or Transparent Symmetric Key'
      : objectType === ObjectType.SplitKey
        ? 'Use Key Format Type Raw, Opaque, PKCS#1, PKCS#8 or ECPrivateKey'
        : 'Use Key Format Type Raw or Opaque',
  )
}
