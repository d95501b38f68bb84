import { KryptonError } from '../errors.ts'
import { CryptographicUsageMask, ObjectType, State } from '../kmip/enums.ts'
import type { ManagedObject } from './managed-object.ts'
import { isDestroyed, stateName } from './state.ts'

/**
 * The custom attribute by which an operator names the Private Key that signs for Certify: its value is `issuer`. One key of a service has it,
 * and no client sets it, changes it or takes it away.
 */
export const certificateAuthorityAttribute = 'y-Certificate-Authority'
export const certificateAuthorityValue = { itemType: 0x07, value: 'issuer' } as const

/**
 * The key that an operator has named is the operator's to change: no client makes it leave the server, or takes its certificate from it.
 * @throws KryptonError permission-denied
 */
export function checkNotAuthority({ attributes }: ManagedObject): void {
  if (!attributes.has(certificateAuthorityAttribute)) return
  throw new KryptonError(
    'permission-denied',
    'Ask an administrator: this key is the certificate authority of the service (krypton authority)',
  )
}

/** Certify (section 4.7). @throws KryptonError permission-denied: Table 334, "not able to be certified" */
export function checkCertifiable(object: ManagedObject, now: number): void {
  if (object.fields.objectType !== ObjectType.PublicKey) {
    throw new KryptonError('permission-denied', 'Certify a Public Key: this object is none')
  }
  const state = object.stateAt(now)
  if (state === State.PreActive || state === State.Active) return
  throw new KryptonError('permission-denied', `The public key is ${stateName(state)}: it is not certified any more`)
}

/** Re-certify (section 4.8). @throws KryptonError permission-denied */
export function checkRenewable(object: ManagedObject, now: number): void {
  if (object.fields.objectType !== ObjectType.Certificate) {
    throw new KryptonError('permission-denied', 'Re-certify a Certificate: this object is none')
  }
  const state = object.stateAt(now)
  if (isDestroyed(state) || state === State.Compromised) {
    throw new KryptonError('permission-denied', `The certificate is ${stateName(state)}: it is not renewed any more`)
  }
}

/** Bits of an X.509 key usage (RFC 5280 section 4.2.1.3, the first bit lowest). */
export const keyUsageBits = {
  digitalSignature: 1,
  nonRepudiation: 2,
  keyEncipherment: 4,
  dataEncipherment: 8,
  keyAgreement: 16,
  keyCertSign: 32,
  cRLSign: 64,
} as const

/** The key usage of a certificate whose key may be used so; 0 where X.509 has no word for any of it. */
export function keyUsageOfMask(mask: number): number {
  let usage = 0
  for (const [bits, flag] of usages) if ((mask & bits) !== 0) usage |= flag
  return usage
}

const { Sign, Verify, Encrypt, Decrypt, WrapKey, UnwrapKey, KeyAgreement, ContentCommitmentNonRepudiation } =
  CryptographicUsageMask
const { CertificateSign, CRLSign } = CryptographicUsageMask
const usages: readonly (readonly [number, number])[] = [
  [Sign | Verify, keyUsageBits.digitalSignature],
  [ContentCommitmentNonRepudiation, keyUsageBits.nonRepudiation],
  [WrapKey | UnwrapKey, keyUsageBits.keyEncipherment],
  [Encrypt | Decrypt, keyUsageBits.dataEncipherment],
  [KeyAgreement, keyUsageBits.keyAgreement],
  [CertificateSign, keyUsageBits.keyCertSign],
  [CRLSign, keyUsageBits.cRLSign],
]
