import { cipherForm, type CipherMode, type CipherParameters } from '../crypto/cipher-form.ts'
import type { BlockPadding } from '../crypto/padding.ts'
import { KryptonError } from '../errors.ts'
import { BlockCipherMode, CryptographicAlgorithm, enumTables, PaddingMethod } from '../kmip/enums.ts'
import type { CryptographicParameters } from '../kmip/structures.ts'
import { limits } from '../limits.ts'
import { checkCipherAllowed, type CryptoPolicy } from './crypto-policy.ts'
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
  [CryptographicAlgorithm.HMACSHA3_224, 224],
  [CryptographicAlgorithm.HMACSHA3_256, 256],
  [CryptographicAlgorithm.HMACSHA3_384, 384],
  [CryptographicAlgorithm.HMACSHA3_512, 512],
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
 * change the data. A block cipher's key without any is CBC with PKCS5 padding: mongod encrypts its audit keys with no parameters at all and hands the
 * IV back on its own, and every client that does name its parameters and uses no AEAD names these. ChaCha20 has one mode, which needs no name.
 * @throws KryptonError unsupported-cryptographic-parameters
 */
export function cipherUse(
  object: ManagedObject,
  requested: CryptographicParameters | undefined,
  policy: CryptoPolicy,
): CipherUse {
  const { algorithm: number } = object.fields
  const algorithm = number === CryptographicAlgorithm.AES ? 'aes' : cipherAlgorithms.get(number)
  const isBlockCipher = algorithm === 'aes' || algorithm === '3des'
  const asked = requested?.blockCipherMode !== undefined ? requested : ownParameters(object, requested, isBlockCipher)
  if (algorithm === undefined || (asked.cryptographicAlgorithm ?? number) !== number) {
    throw unsupported('Use a key of AES, 3DES or ChaCha20, and its own algorithm')
  }
  if (algorithm !== 'aes') checkCipherAllowed(algorithm, policy)
  const mode = isBlockCipher
    ? blockCipherModes.get(asked.blockCipherMode ?? BlockCipherMode.CBC)
    : streamMode(algorithm, asked)
  if (mode === undefined) {
    throw unsupported(
      'Use Block Cipher Mode CBC, ECB, CFB, OFB, CTR, GCM, CCM, XTS, NIST Key Wrap or AES Key Wrap Padding',
    )
  }
  const padding = paddingMethods.get(asked.paddingMethod ?? PaddingMethod.None)
  if (padding === undefined) throw unsupported('Use Padding Method None, PKCS5, ANSI X9.23, ISO 10126, SSL3 or Zeros')
  const { fixedFieldLength, invocationFieldLength, counterLength, initialCounterValue } = asked
  if ((fixedFieldLength ?? invocationFieldLength ?? counterLength ?? initialCounterValue) !== undefined) {
    throw unsupported(
      'Send the whole counter block as IV/Counter/Nonce, without Initial Counter Value and the lengths of its fields',
    )
  }
  const { tagLength = tagLengthUsual, ivLength } = asked
  if (ivLength === undefined) return { algorithm, mode, padding, tagLength, ivLength }
  return {
    algorithm,
    mode,
    padding,
    tagLength,
    ivLength: ivBytes(ivLength, { algorithm, mode, padding, tagLength }, object),
  }
}

/** The key's first parameters, or the usual ones, with what the request says besides. */
function ownParameters(
  object: ManagedObject,
  requested: CryptographicParameters | undefined,
  isBlockCipher: boolean,
): CryptographicParameters {
  const attribute = object.attributes.first('cryptographicParameters')
  const own = attribute ?? (isBlockCipher ? usualParameters : noParameters)
  return { ...own, ...given(requested) }
}

function streamMode(
  algorithm: CipherParameters['algorithm'],
  { blockCipherMode }: CryptographicParameters,
): CipherMode | undefined {
  if (algorithm === 'chacha20') return blockCipherMode === undefined ? 'stream' : undefined
  return blockCipherMode === undefined || blockCipherMode === BlockCipherMode.AEAD ? 'aead' : undefined
}

function ivBytes(ivLength: number, parameters: CipherParameters, { fields }: ManagedObject): number | undefined {
  const { ivBytesMin, ivBytesMax } = cipherForm(parameters, materialBytes(fields.algorithm, fields.lengthBits))
  if (ivBytesMax === 0) return undefined
  // GCM's own: what is shorter than 8 bytes repeats, what is longer than a block gains nothing.
  const [min, max] = parameters.mode === 'gcm' ? [8, 16] : [ivBytesMin, ivBytesMax]
  const bytes = ivLength / 8
  if (Number.isInteger(bytes) && bytes >= min && bytes <= max) return bytes
  throw unsupported(`Use an IV Length of ${min === max ? min * 8 : `${min * 8} to ${max * 8}`} bits, a multiple of 8`)
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
const noParameters: CryptographicParameters = {}

/** GCM's full tag. */
const tagLengthUsual = 16

/** The Cryptographic Algorithms of Encrypt and Decrypt, besides RSA. */
export const cipherAlgorithms: ReadonlyMap<number, CipherParameters['algorithm']> = new Map<
  number,
  CipherParameters['algorithm']
>([
  [CryptographicAlgorithm.AES, 'aes'],
  [CryptographicAlgorithm.TripleDES, '3des'],
  [CryptographicAlgorithm.ChaCha20, 'chacha20'],
  [CryptographicAlgorithm.ChaCha20Poly1305, 'chacha20-poly1305'],
])

/** The Block Cipher Modes that are served, each as the cipher's; 3DES has the first four. */
export const blockCipherModes: ReadonlyMap<number, CipherMode> = new Map<number, CipherMode>([
  [BlockCipherMode.CBC, 'cbc'],
  [BlockCipherMode.ECB, 'ecb'],
  [BlockCipherMode.CFB, 'cfb'],
  [BlockCipherMode.OFB, 'ofb'],
  [BlockCipherMode.CTR, 'ctr'],
  [BlockCipherMode.GCM, 'gcm'],
  [BlockCipherMode.CCM, 'ccm'],
  [BlockCipherMode.XTS, 'xts'],
  [BlockCipherMode.NISTKeyWrap, 'kw'],
  [BlockCipherMode.AESKeyWrapPadding, 'kwp'],
  [BlockCipherMode.AEAD, 'aead'],
])

/** The Padding Methods of ECB and CBC, each as the cipher's. */
export const paddingMethods: ReadonlyMap<number, BlockPadding> = new Map<number, BlockPadding>([
  [PaddingMethod.None, 'none'],
  [PaddingMethod.PKCS5, 'pkcs5'],
  [PaddingMethod.ANSIX9_23, 'ansi-x9.23'],
  [PaddingMethod.ISO10126, 'iso-10126'],
  [PaddingMethod.SSL3, 'ssl3'],
  [PaddingMethod.Zeros, 'zeros'],
])
