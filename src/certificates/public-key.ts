import type { KeyObject } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/** Refuses keys that somebody could break or that TLS 1.3 has no use for. Throws 'certificate-invalid'. */
export function checkPublicKey(key: KeyObject): void {
  const { modulusLength, namedCurve, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      if (publicExponent >> BigInt(limits.rsaPublicExponentBitsMax) !== 0n) {
        throw new KryptonError(
          'certificate-invalid',
          `use RSA keys with a public exponent of at most ${limits.rsaPublicExponentBitsMax} bits`,
        )
      }
      if ((modulusLength ?? 0) >= limits.rsaCertificateBitsMin) return
      throw new KryptonError('certificate-invalid', `use RSA keys of ${limits.rsaCertificateBitsMin} bits or more`)
    case 'ec':
      if (curves.has(namedCurve ?? '')) return
      throw new KryptonError('certificate-invalid', 'use the curves P-256, P-384 or P-521')
    case 'ed25519':
    case 'ed448':
      return
    default:
      throw new KryptonError('certificate-invalid', 'use keys of RSA, ECDSA or EdDSA')
  }
}

const curves = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
