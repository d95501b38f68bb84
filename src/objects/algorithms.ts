import type { CipherParameters } from '../crypto/cipher.ts'
import { KryptonError } from '../errors.ts'
import { BlockCipherMode, CryptographicAlgorithm, enumTables, PaddingMethod } from '../kmip/enums.ts'
import type { CryptographicParameters } from '../kmip/structures.ts'
import { limits } from '../limits.ts'
import type { ManagedObject } from './managed-object.ts'

/** How long keys may be that are made here, in bits; the first is what a client gets that names none. */
const lengths: ReadonlyMap<number, readonly number[]> = new Map<number, readonly number[]>([
  [CryptographicAlgorithm.AES, [256, 128, 192]],
  [CryptographicAlgorithm.Camellia, [256, 128, 192]],
  // with and without the bits of parity
  [CryptographicAlgorithm.TripleDES, [168, 112, 128, 192]],
  [CryptographicAlgorithm.ChaCha20, [256]],
  [CryptographicAlgorithm.ChaCha20Poly1305, [256]],
])

/** HMAC takes any key; these are the bounds of what makes sense. */
const hmacs: ReadonlyMap<number, number> = new Map<number, number>([
  [CryptographicAlgorithm.HMACSHA1, 160],
  [CryptographicAlgorithm.HMACSHA224, 224],
  [CryptographicAlgorithm.HMACSHA256, 256],
  [CryptographicAlgorithm.HMACSHA384, 384],
  [CryptographicAlgorithm.HMACSHA512, 512],
])
const hmacBitsMin = 64
const hmacBitsMax = 4096

/**
 * The length in bits of a key to be made, when the client may have named one.
 * @throws KryptonError invalid-field
 */
export function generatedLength(algorithm: number, asked: number | undefined): number {
  const usual = hmacs.get(algorithm)
  if (usual !== undefined) {
    const bits = asked ?? usual
    if (bits % 8 === 0 && bits >= hmacBitsMin && bits <= hmacBitsMax) return bits
    throw new KryptonError(
      'invalid-field',
      `Ask for a Cryptographic Length of ${hmacBitsMin} to ${hmacBitsMax}, a multiple of 8`,
    )
  }
  const allowed = lengths.get(algorithm)
  if (allowed === undefined) {
    throw new KryptonError(
      'invalid-field',
      'Ask for a symmetric Cryptographic Algorithm: AES, 3DES, Camellia, ChaCha20 or HMAC',
    )
  }
  const bits = asked ?? allowed[0]!
  if (allowed.includes(bits)) return bits
  throw new KryptonError(
    'invalid-field',
    `Ask for a Cryptographic Length of ${[...allowed].sort((a, b) => a - b).join(', ')}`,
  )
}

/** Can a key of that algorithm and length be made here? */
export function isGenerated(algorithm: number, lengthBits: number): boolean {
  if (hmacs.has(algorithm)) return lengthBits % 8 === 0 && lengthBits >= hmacBitsMin && lengthBits <= hmacBitsMax
  return lengths.get(algorithm)?.includes(lengthBits) ?? false
}

/** Bytes of a key of that length: 3DES carries a bit of parity in each byte. */
export function materialBytes(algorithm: number, lengthBits: number): number {
  if (algorithm !== CryptographicAlgorithm.TripleDES) return lengthBits / 8
  return lengthBits <= 128 ? 16 : 24
}

/** The two halves of an AES-256 key for XTS, which clients keep as one key. */
const xtsPairBits = 512

/**
 * The length in bits of a key whose material stays with the client.
 * @throws KryptonError invalid-field: no key has such a length, or none of the algorithm
 */
export function claimedLength(algorithm: number, claimed: number): number {
  checkLength(claimed)
  return registeredLength(algorithm, materialBytes(algorithm, claimed), claimed)
}

/** @throws KryptonError invalid-field: nothing that is registered has that length in bits */
export function checkLength(bits: number): void {
  if (bits > 0 && bits % 8 === 0 && bits <= limits.materialBytesMax * 8) return
  throw new KryptonError(
    'invalid-field',
    `Send the Cryptographic Length in bits: a multiple of 8, at most ${limits.materialBytesMax * 8}`,
  )
}

/**
 * The length in bits of a registered key.
 * @throws KryptonError invalid-field: `claimed` is not the length of the material, or no key of the algorithm has such a length
 */
export function registeredLength(algorithm: number, materialLength: number, claimed: number | undefined): number {
  checkSymmetric(algorithm)
  const bits = materialLength * 8
  const allowed = lengths.get(algorithm)
  const isPair = algorithm === CryptographicAlgorithm.AES && bits === xtsPairBits
  if (
    allowed !== undefined &&
    !isPair &&
    !allowed.some((length) => materialBytes(algorithm, length) === materialLength)
  ) {
    const named = [...allowed].sort((a, b) => a - b).join(', ')
    throw new KryptonError('invalid-field', `Send key material of this algorithm's length: ${named} bits, not ${bits}`)
  }
  if (claimed === undefined || claimed === bits) return bits
  // 3DES, whose length may leave out the bits of parity
  if (allowed?.includes(claimed) === true && materialBytes(algorithm, claimed) === materialLength) return claimed
  throw new KryptonError('invalid-field', `Send the Cryptographic Length of the key material: ${bits}`)
}

/** Of no symmetric key: those of key pairs, and numbers that mean nothing (9.1.3.2.13; from 8XXXXXXX on they are a vendor's own). */
function checkSymmetric(algorithm: number): void {
  const isKnown = algorithm === 0 || algorithm >= 0x80000000 || enumTables.CryptographicAlgorithm.has(algorithm)
  if (isKnown && !asymmetric.has(algorithm)) return
  throw new KryptonError('invalid-field', 'Send the Cryptographic Algorithm of a symmetric key with a Symmetric Key')
}

const asymmetric: ReadonlySet<number> = new Set([
  CryptographicAlgorithm.RSA,
  CryptographicAlgorithm.DSA,
  CryptographicAlgorithm.ECDSA,
  CryptographicAlgorithm.DH,
  CryptographicAlgorithm.ECDH,
  CryptographicAlgorithm.ECMQV,
  CryptographicAlgorithm.EC,
])

/** Sets the bits of parity that a 3DES key has (odd, the lowest of each byte); other keys stay as they are. */
export function setParity(algorithm: number, material: Uint8Array): void {
  if (algorithm !== CryptographicAlgorithm.TripleDES) return
  for (let i = 0; i < material.length; i++) {
    let bits = material[i]! >>> 1
    let odd = 1
    for (; bits !== 0; bits >>>= 1) odd ^= bits & 1
    material[i] = (material[i]! & 0xfe) | odd
  }
}

/** What Encrypt and Decrypt do, once every default is filled in. */
export interface CipherUse extends CipherParameters {
  /** Bytes of an IV that the server is to make; undefined leaves it to the mode. */
  readonly ivLength: number | undefined
}

/**
 * Cryptographic Parameters of a request as a cipher (KMIP 1.4 sections 4.29, 4.30). What the request leaves out comes from the key's first
 * Cryptographic Parameters: all of them if the request names no Block Cipher Mode, none if it does, since padding of another mode would
 * change the data. A key without any is AES-CBC with PKCS5 padding: mongod encrypts its audit keys with no parameters at all and hands the
 * IV back on its own, and every client that does name its parameters and uses no AEAD names these.
 * @throws KryptonError unsupported-cryptographic-parameters
 */
export function cipherUse(object: ManagedObject, requested: CryptographicParameters | undefined): CipherUse {
  const attribute = object.attributes.first('cryptographicParameters')
  const asked =
    requested?.blockCipherMode !== undefined ? requested : { ...(attribute ?? usualParameters), ...given(requested) }
  const { algorithm } = object.fields
  if (algorithm !== CryptographicAlgorithm.AES || (asked.cryptographicAlgorithm ?? algorithm) !== algorithm) {
    throw unsupported('Use an AES key, and its own algorithm')
  }
  const mode = blockCipherModes.get(asked.blockCipherMode ?? BlockCipherMode.CBC)
  if (mode === undefined) throw unsupported('Use Block Cipher Mode CBC, ECB, CTR or GCM')
  const padding = paddingMethods.get(asked.paddingMethod ?? PaddingMethod.None)
  if (padding === undefined) throw unsupported('Use Padding Method None or PKCS5')
  if (asked.initialCounterValue !== undefined || asked.counterLength !== undefined) {
    throw unsupported(
      'Send the whole counter block as IV/Counter/Nonce, without Initial Counter Value or Counter Length',
    )
  }
  return {
    algorithm: 'aes',
    mode,
    padding,
    tagLength: asked.tagLength ?? tagLengthUsual,
    ivLength: ivBytes(asked, mode),
  }
}

function ivBytes({ ivLength }: CryptographicParameters, mode: CipherParameters['mode']): number | undefined {
  if (ivLength === undefined || mode === 'ecb') return undefined
  const bytes = ivLength / 8
  const fits = mode === 'gcm' ? Number.isInteger(bytes) && bytes >= 8 && bytes <= 16 : bytes === 16
  if (!fits) throw unsupported(`Use an IV Length of ${mode === 'gcm' ? '64 to 128 bits, a multiple of 8' : '128 bits'}`)
  return bytes
}

function given(parameters: CryptographicParameters | undefined): CryptographicParameters {
  return Object.fromEntries(Object.entries(parameters ?? {}).filter(([, value]) => value !== undefined))
}

function unsupported(message: string): KryptonError {
  return new KryptonError('unsupported-cryptographic-parameters', message)
}

const usualParameters: CryptographicParameters = {
  blockCipherMode: BlockCipherMode.CBC,
  paddingMethod: PaddingMethod.PKCS5,
}

/** GCM's full tag. */
const tagLengthUsual = 16

/** The Block Cipher Modes of AES that are served, each as the cipher's. */
export const blockCipherModes: ReadonlyMap<number, CipherParameters['mode']> = new Map([
  [BlockCipherMode.CBC, 'cbc'],
  [BlockCipherMode.ECB, 'ecb'],
  [BlockCipherMode.CTR, 'ctr'],
  [BlockCipherMode.GCM, 'gcm'],
])

/** The Padding Methods of AES that are served, each as the cipher's. */
export const paddingMethods: ReadonlyMap<number, CipherParameters['padding']> = new Map([
  [PaddingMethod.None, 'none'],
  [PaddingMethod.PKCS5, 'pkcs5'],
])
