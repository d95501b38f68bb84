import { X509Certificate } from 'node:crypto'
import { type CertificateToIssue, issueCertificate, type SigningAlgorithm } from '../certificates/issue-certificate.ts'
import type { AsymmetricKey } from '../crypto/asymmetric-key.ts'
import { readCertificate } from '../crypto/x509-certificate.ts'
import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { encodeAttributeValue } from '../kmip/attribute.ts'
import { CryptographicUsageMask, LinkType, ObjectType, State } from '../kmip/enums.ts'
import { certificateAuthorityAttribute, certificateAuthorityValue } from '../objects/certificate-issuing.ts'
import { checkCurveAllowed, checkSignatureAllowed } from '../objects/crypto-policy.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { isDestroyed } from '../objects/state.ts'
import type { OperationContext } from './handler.ts'

/** The certificate authority of a service: two of its objects. The private key is used where it is, and never leaves its Secret. */
export interface CertificateIssuer {
  readonly privateKey: ManagedObject
  readonly certificate: ManagedObject
  /** DER. */
  readonly der: Buffer
}

/** The certificate authority that an operator has named for this service, whatever may be wrong with it; undefined: none. */
export function issuerOf(context: OperationContext): MaybePromise<CertificateIssuer | undefined> {
  return next(issuingKeyOf(context), (privateKey) => {
    const link = privateKey?.attributes.all('link').find(({ value }) => value.linkType === LinkType.CertificateLink)
    if (privateKey === undefined || link === undefined) return undefined
    // It is the operator's: no role of a client says anything of it.
    return next(context.unit.objects.get(link.value.linkedObjectIdentifier), (certificate) =>
      certificate === undefined
        ? undefined
        : next(certificateBytes(certificate, context), (der) => ({ privateKey, certificate, der })),
    )
  })
}

/** The Private Key that an operator has named. */
export function issuingKeyOf({ unit }: OperationContext): MaybePromise<ManagedObject | undefined> {
  const bytes = encodeAttributeValue(certificateAuthorityAttribute, certificateAuthorityValue)
  const page = unit.objects.page([{ attribute: certificateAuthorityAttribute, bytes }], { now: 0, limit: 1 })
  return next(page, ([key]) => key)
}

/**
 * The authority that issues now.
 * @throws KryptonError permission-denied: there is none, or it may not issue any more; object-archived
 */
export function activeIssuer(context: OperationContext): MaybePromise<CertificateIssuer> {
  return next(issuerOf(context), (issuer) => {
    if (issuer === undefined) {
      throw new KryptonError(
        'permission-denied',
        'Ask an administrator for a certificate authority of this service: krypton authority create',
      )
    }
    checkIssues(issuer, context.now)
    return issuer
  })
}

/** Is it off-line (4.22)? Then nothing is done by it. */
export function isArchived({ privateKey, certificate }: CertificateIssuer): boolean {
  return privateKey.fields.archived || certificate.fields.archived
}

function checkIssues(issuer: CertificateIssuer, now: number): void {
  if (isArchived(issuer)) {
    throw new KryptonError(
      'object-archived',
      'The certificate authority of this service is archived: Recover its key and its certificate first',
    )
  }
  const { privateKey, certificate, der } = issuer
  const isActive = [privateKey, certificate].every((object) => object.stateAt(now) === State.Active)
  const mask = privateKey.attributes.first('cryptographicUsageMask') ?? 0
  const { validFromDate, validToDate } = new X509Certificate(der)
  const isValid = validFromDate.getTime() <= now * 1000 && now * 1000 <= validToDate.getTime()
  if (isActive && isValid && (mask & CryptographicUsageMask.CertificateSign) !== 0) return
  throw new KryptonError(
    'permission-denied',
    'Ask an administrator for another certificate authority of this service: its key or certificate was revoked, has ended, or may not sign certificates',
  )
}

/** Issues a certificate by that authority; a copy of nothing but public things leaves its key. Returns DER. */
export function issueBy(
  { privateKey, der }: CertificateIssuer,
  wanted: CertificateToIssue,
  context: OperationContext,
): MaybePromise<Buffer> {
  const { subject, subjectPublicKeyInfo } = readCertificate(der)
  return signWith(privateKey, { name: subject, subjectPublicKeyInfo }, wanted, context)
}

/** Issues a certificate with a Private Key, in the name of whoever has it. Returns DER. */
export function signWith(
  privateKey: ManagedObject,
  issuer: { readonly name: Uint8Array; readonly subjectPublicKeyInfo: Uint8Array },
  wanted: CertificateToIssue,
  { unit, cryptoWork, owner, policy }: OperationContext,
): MaybePromise<Buffer> {
  return unit.objects.useKey(privateKey, (key) => {
    unit.objects.checkProtects()
    const algorithm = algorithmOf(key)
    const scheme = key.type === 'rsa' ? ('pkcs1' as const) : ('ecdsa' as const)
    checkSignatureAllowed(privateKey, { scheme, hash: algorithm.hash }, { policy, makes: true })
    checkCurveAllowed(key.curve, policy)
    const sign = async (bytes: Uint8Array) =>
      cryptoWork.sign(owner, key, { scheme, hash: algorithm.hash }, { bytes, isDigest: false })
    return issueCertificate(wanted, { ...issuer, algorithm, sign })
  })
}

function algorithmOf({ type, curve }: AsymmetricKey): SigningAlgorithm {
  if (curve === 'secp521r1') return { type, hash: 'sha512' }
  return { type, hash: curve === 'secp384r1' ? 'sha384' : 'sha256' }
}

/**
 * The bytes of a Certificate of the service, which are public.
 * @throws KryptonError permission-denied: it is no X.509 certificate, or is destroyed
 */
export function certificateBytes(object: ManagedObject, { unit, now }: OperationContext): MaybePromise<Buffer> {
  if (object.fields.objectType !== ObjectType.Certificate || isDestroyed(object.stateAt(now))) {
    throw new KryptonError('permission-denied', 'Name a Certificate that is not destroyed: this object is none')
  }
  return next(unit.objects.open(object), (secret) => {
    const der = Buffer.allocUnsafeSlow(secret.byteLength)
    secret.copyInto(der, 0)
    secret.wipe()
    return der
  })
}
