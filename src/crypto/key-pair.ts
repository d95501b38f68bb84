import { generateKeyPairSync } from 'node:crypto'
import { isKryptonError } from '../errors.ts'
import type { EllipticCurve } from './elliptic-curve.ts'
import { publicPointOf } from './key-check.ts'
import { writeEcPrivateKey, writeSubjectPublicKeyInfo } from './key-encoding.ts'
import { randomBytes, seedOpenSsl } from './random.ts'

/** What a new key pair shall be. */
export type KeyPairKind =
  | { readonly type: 'rsa'; readonly bits: number }
  | { readonly type: 'ec'; readonly curve: EllipticCurve }

/** A new key pair: of RSA both in PKCS #1, of EC an ECPrivateKey and a SubjectPublicKeyInfo. The caller wipes the private key. */
export interface NewKeyPair {
  readonly privateKey: Buffer
  readonly publicKey: Buffer
}

/** Makes a key pair, which for RSA takes from some 100 ms up to seconds: it does not run on the loop. */
export function generateKeyPair(kind: KeyPairKind): NewKeyPair {
  return kind.type === 'rsa' ? generateRsaPair(kind.bits) : generateEcPair(kind.curve)
}

/** Primes are searched for by OpenSSL, with what follows from fresh bytes of the kernel. */
function generateRsaPair(bits: number): NewKeyPair {
  seedOpenSsl()
  return generateKeyPairSync('rsa', {
    modulusLength: bits,
    publicExponent: 0x1_0001,
    privateKeyEncoding: { format: 'der', type: 'pkcs1' },
    publicKeyEncoding: { format: 'der', type: 'pkcs1' },
  })
}

/** The private value is the kernel's randomness, by rejection (FIPS 186-5 appendix A.2.2). */
function generateEcPair(curve: EllipticCurve): NewKeyPair {
  for (let trial = 0; trial < trialsMax; trial++) {
    const secret = randomBytes(curve.byteLength)
    secret[0]! &= 0xff >> (8 * curve.byteLength - curve.bits)
    try {
      const parts = { type: 'ec', curve, point: publicPointOf({ curve, secret }), secret } as const
      return {
        privateKey: writeEcPrivateKey(parts),
        publicKey: writeSubjectPublicKeyInfo({ ...parts, secret: undefined }),
      }
    } catch (error) {
      if (!isKryptonError(error, 'invalid-field')) throw error
    } finally {
      secret.fill(0)
    }
  }
  throw new Error('no random value was below the order of the curve: the randomness is none')
}

/** On each curve a value is above the order in fewer than one case of 2^31. */
const trialsMax = 8
