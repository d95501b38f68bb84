import { createECDH } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import type { EcParts, KeyParts } from './key-parts.ts'

/**
 * ECDH (SP 800-56A section 5.7.1.2) of a private and a public key on the same curve: the X coordinate of the shared point, which the caller wipes.
 * @throws KryptonError invalid-field: they are no such keys, or the point is none of the curve's
 */
export function agreeOnSecret(privateKey: KeyParts, publicKey: KeyParts): Buffer {
  if (!isOnCurve(privateKey) || !isOnCurve(publicKey) || privateKey.curve !== publicKey.curve) {
    throw new KryptonError('invalid-field', 'Name a Private Key and a Public Key on the same elliptic curve')
  }
  const { curve, secret } = privateKey
  const { point } = publicKey
  if (secret === undefined || point === undefined) {
    throw new KryptonError('invalid-field', 'Name a Private Key, and a Public Key with its point')
  }
  const ecdh = createECDH(curve.name)
  try {
    // Node's warning is about the public half, which nobody asks it for.
    ecdh.setPrivateKey(secret)
    return ecdh.computeSecret(point)
  } catch {
    throw new KryptonError(
      'invalid-field',
      'Name keys of one curve: the point or the number of one of these is none of it',
    )
  }
}

function isOnCurve(parts: KeyParts): parts is EcParts {
  return parts.type === 'ec'
}
