import { createECDH } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { asymmetricKey } from './asymmetric-key.ts'
import { equalBytes } from './compare.ts'
import { pointAs } from './elliptic-curve.ts'
import { checkParts, type EcParts, type KeyParts, type RsaParts } from './key-parts.ts'
import { sign, verifySignature } from './signature.ts'

/**
 * Checks that a key is one: its numbers are in their bounds, its point is on its curve, and its private half belongs to its public one. Of a
 * private key it takes as long as two signatures and more: it does not run on the loop.
 * @throws KryptonError invalid-field
 */
export function checkKey(parts: KeyParts): void {
  checkParts(parts)
  if (parts.type === 'ec') checkEcKey(parts)
  else if (parts.secret === undefined) asymmetricKey(parts).wipe()
  else checkRsaPair(parts, parts.secret)
}

/**
 * OpenSSL signs by the primes, finds out by the public exponent when that went wrong, and signs by the private exponent then. So each of the two
 * ways is taken once, with the other one spoilt.
 */
function checkRsaPair(parts: RsaParts, secret: NonNullable<RsaParts['secret']>): void {
  const publicKey = asymmetricKey({ ...parts, secret: undefined })
  for (const spoilt of [{ privateExponent: one }, { crtCoefficient: one }]) {
    const key = asymmetricKey({ ...parts, secret: { ...secret, ...spoilt } })
    try {
      const signature = sign(key, probe, probed)
      if (!verifySignature(publicKey, probe, probed, signature)) throw unfitting()
    } catch {
      throw unfitting()
    } finally {
      key.wipe()
    }
  }
}

function checkEcKey({ curve, point, secret }: EcParts): void {
  const given = point === undefined ? undefined : pointAs('uncompressed', point, curve)
  if (secret === undefined) return
  const made = publicPointOf({ curve, secret })
  if (given !== undefined && !equalBytes(given, made)) throw unfitting()
}

/** The public point of an EC private key. Throws 'invalid-field' for a private value that the curve does not have. */
export function publicPointOf({ curve, secret }: Required<Pick<EcParts, 'curve' | 'secret'>>): Buffer {
  const pair = createECDH(curve.name)
  try {
    pair.setPrivateKey(secret)
    return pair.getPublicKey()
  } catch {
    throw unfitting()
  }
}

function unfitting(): KryptonError {
  return new KryptonError('invalid-field', 'Send a private key whose numbers belong together: these do not')
}

const probe = { scheme: 'pkcs1', hash: 'sha256' } as const
const probed = { bytes: Buffer.from('krypton'), isDigest: false }
const one = new Uint8Array([1])
