import { X509Certificate } from 'node:crypto'
import { checkUsage, readCertificateRequest, type RequestedCertificate } from '../certificates/certificate-request.ts'
import type { CertificateToIssue } from '../certificates/issue-certificate.ts'
import { writeSubjectPublicKeyInfo } from '../crypto/key-encoding.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { digest } from '../crypto/digest.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { attributeDefinition } from '../kmip/attribute.ts'
import { CertificateRequestType, CertificateType, ObjectType } from '../kmip/enums.ts'
import { limits } from '../limits.ts'
import { type AsymmetricObjectType, keyPartsOf } from '../objects/asymmetric-format.ts'
import { describeCertificate } from '../objects/certificate-attributes.ts'
import { keyUsageOfMask } from '../objects/certificate-issuing.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { newObject } from '../objects/new-object.ts'
import { openKey } from './cipher-request.ts'
import { type CertificateIssuer, issueBy } from './certificate-issuer.ts'
import type { OperationContext } from './handler.ts'
import { checkNames } from './names.ts'
import { requestedNumber } from './requested-attributes.ts'

/** The parts of Certify and Re-certify that are the same: what is asked for, what is issued, and the object that keeps it. */

/** A certificate request of a payload. */
export interface RequestFields {
  readonly certificateRequestType?: number
  readonly certificateRequest?: Uint8Array
}

/**
 * What a certificate request asks for; undefined when there is none.
 * @throws KryptonError invalid-message, invalid-field, feature-not-supported
 */
export function certificateRequestOf({
  certificateRequestType: type,
  certificateRequest: request,
}: RequestFields): MaybePromise<RequestedCertificate | undefined> {
  if (request === undefined) return undefined
  if (type === undefined) throw new KryptonError('invalid-message', 'Send the Certificate Request Type')
  if (type !== CertificateRequestType.PKCS10 && type !== CertificateRequestType.PEM) {
    throw new KryptonError('feature-not-supported', 'Send a Certificate Request of type PKCS#10 or PEM')
  }
  if (request.byteLength > limits.certificateBytesMax) {
    throw new KryptonError('invalid-field', `Send a Certificate Request of at most ${limits.certificateBytesMax} bytes`)
  }
  const bytes = type === CertificateRequestType.PEM ? Buffer.from(request).toString('latin1') : request
  return readCertificateRequest(bytes).catch(refused)
}

/** The SubjectPublicKeyInfo of a Public Key, DER. @throws KryptonError key-format-type-not-supported, key-value-not-present */
export function publicKeyInfoOf(publicKey: ManagedObject, context: OperationContext): MaybePromise<Buffer> {
  return next(openKey(publicKey, context), (secret) => {
    const material = Buffer.allocUnsafeSlow(secret.byteLength)
    secret.copyInto(material, 0)
    secret.wipe()
    const { objectType, keyFormatType } = publicKey.fields
    return writeSubjectPublicKeyInfo(keyPartsOf(objectType as AsymmetricObjectType, keyFormatType, material)) // it is a Public Key
  })
}

/** @throws KryptonError invalid-field: the request is for another key */
export function checkSameKey(requested: RequestedCertificate, subjectPublicKeyInfo: Uint8Array): void {
  if (Buffer.compare(requested.subjectPublicKeyInfo, subjectPublicKeyInfo) === 0) return
  throw new KryptonError('invalid-field', 'Send a Certificate Request for the public key that is certified')
}

/**
 * Issues the certificate and makes the object that keeps it, to which the ID Placeholder leads. `requested` are its attributes; what the
 * certificate says of itself takes precedence (4.7).
 */
export function createCertificate(
  context: OperationContext,
  issuer: CertificateIssuer,
  wanted: RequestedCertificate,
  { id, requested }: { readonly id: Buffer; readonly requested: readonly WireAttribute[] },
): MaybePromise<ManagedObject> {
  const type = requestedNumber(requested, 'certificateType')
  if (type !== undefined && type !== CertificateType.X509) {
    throw new KryptonError(
      'feature-not-supported',
      'Ask for a certificate of Certificate Type X.509: no other is issued',
    )
  }
  const issued = issueBy(
    issuer,
    { ...wanted, ...usageOf(wanted, requested), ...validityOf(issuer, requested, context) },
    context,
  )
  return next(asRefused(issued), (der) => keepCertificate(context, der, { id, requested }))
}

/** Makes the object of a certificate that was issued here. */
export function keepCertificate(
  context: OperationContext,
  der: Buffer,
  { id, requested }: { readonly id: Buffer; readonly requested: readonly WireAttribute[] },
): MaybePromise<ManagedObject> {
  const { unit, version, now } = context
  const { algorithm, lengthBits, implied } = describeCertificate(der)
  const draft = newObject({
    id,
    sequence: unit.objects.nextSequence(),
    objectType: ObjectType.Certificate,
    requested: requested.filter(({ name }) => attributeDefinition(name)?.setBy !== 'server'),
    algorithm,
    lengthBits,
    keyFormatType: 0,
    dataType: CertificateType.X509,
    digest: digest('sha256', der),
    keyValuePresent: true,
    implied,
    generated: true,
    version,
    now,
  })
  return next(checkNames(unit, draft, 'invalid-field'), () =>
    next(unit.create(draft, der), (object) => {
      context.idPlaceholder = object.uniqueIdentifier
      return object
    }),
  )
}

function usageOf(
  { keyUsage }: RequestedCertificate,
  requested: readonly WireAttribute[],
): Pick<CertificateToIssue, 'keyUsage' | 'isAuthority'> {
  const usage = keyUsage ?? keyUsageOfMask(requestedNumber(requested, 'cryptographicUsageMask') ?? 0)
  try {
    checkUsage(usage)
  } catch (error) {
    throw asField(error)
  }
  return { keyUsage: usage, isAuthority: false }
}

/** From Activation Date to Deactivation Date where they are asked for; never longer than the authority itself. */
function validityOf(
  { der }: CertificateIssuer,
  requested: readonly WireAttribute[],
  { now }: OperationContext,
): Pick<CertificateToIssue, 'notBefore' | 'notAfter'> {
  const end = Math.floor(new X509Certificate(der).validToDate.getTime() / 1000)
  const from = requestedNumber(requested, 'activationDate')
  const until = requestedNumber(requested, 'deactivationDate')
  const notBefore = from ?? now - limits.certificateBackdateSeconds
  const notAfter = until ?? Math.min((from ?? now) + limits.issuedCertificateDays * 86_400, end)
  if (notAfter <= now || notAfter <= notBefore) {
    throw new KryptonError(
      'invalid-field',
      'Send dates, or an Offset, of which the last is yet to come: the certificate would end before it begins',
    )
  }
  if (notAfter > end) {
    throw new KryptonError(
      'invalid-field',
      `Send a Deactivation Date of ${new Date(end * 1000).toISOString()} at the latest: then the certificate authority ends`,
    )
  }
  return { notBefore: new Date(notBefore * 1000), notAfter: new Date(notAfter * 1000) }
}

function asRefused(issued: MaybePromise<Buffer>): MaybePromise<Buffer> {
  return issued instanceof Promise ? issued.catch(refused) : issued
}

function refused(error: unknown): never {
  throw asField(error)
}

/** What is wrong with a certificate or its request, in the words of section 11.8. */
export function asField(error: unknown): unknown {
  if (!isKryptonError(error, 'certificate-invalid')) return error
  const { message } = error
  return new KryptonError('invalid-field', `${message[0]!.toUpperCase()}${message.slice(1)}`, { cause: error })
}
