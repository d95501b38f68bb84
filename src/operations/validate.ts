import { type ChainCertificate, validateChain } from '../certificates/validate-chain.ts'
import { KryptonError } from '../errors.ts'
import { encodeAttributeValue } from '../kmip/attribute.ts'
import { CertificateType, State, ValidityIndicator } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { ValidateRequest } from '../kmip/payloads/validate.ts'
import { limits } from '../limits.ts'
import { describeCertificate } from '../objects/certificate-attributes.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { isDestroyed } from '../objects/state.ts'
import { certificateBytes, isArchived, issuerOf } from './certificate-issuer.ts'
import type { Handler, OperationContext } from './handler.ts'

/**
 * KMIP 1.4 sections 4.24 and 11.25. A chain is Valid that ends in the certificate authority of the service, or in a certificate that the service
 * keeps and that is its own issuer. A certificate that the service keeps counts as what it is there: revoked or compromised, it makes the chain Invalid,
 * whether it is named or sent.
 */
export const validate: Handler<typeof Operation.Validate> = async (request, context) => {
  const { certificates, uniqueIdentifiers, validityDate = context.now } = request
  const count = certificates.length + uniqueIdentifiers.length
  if (count === 0) {
    throw new KryptonError('invalid-message', 'Send the certificates of a chain, or their Unique Identifiers')
  }
  if (count > limits.chainCertificatesMax) {
    throw new KryptonError('invalid-field', `Send a chain of at most ${limits.chainCertificatesMax} certificates`)
  }
  const named = await Promise.all(uniqueIdentifiers.map(async (identifier) => context.unit.get(identifier)))
  // What the named ones say is gone with them.
  if (named.some(({ fields }) => fields.state === State.DestroyedCompromised)) return indicated('invalid')
  if (named.some((object) => isDestroyed(object.stateAt(context.now)))) return indicated('unknown')
  const chain: ChainCertificate[] = []
  for (const object of named) chain.push(await kept(object, validityDate, context))
  for (const certificate of certificates) chain.push(await sentCertificate(certificate, validityDate, context))
  const issuer = await issuerOf(context)
  const anchors =
    issuer === undefined || isArchived(issuer) ? [] : [await kept(issuer.certificate, validityDate, context)]
  return indicated(validateChain(chain, anchors, validityDate * 1000))
}

async function kept(object: ManagedObject, date: number, context: OperationContext): Promise<ChainCertificate> {
  const der = await certificateBytes(object, context)
  return { der, isKept: true, isRevoked: isRevoked(object, date, context) }
}

/** A certificate of the request. */
async function sentCertificate(
  { certificateType, certificateValue }: ValidateRequest['certificates'][number],
  date: number,
  context: OperationContext,
): Promise<ChainCertificate> {
  if (certificateType !== CertificateType.X509) {
    throw new KryptonError(
      'feature-not-supported',
      'Send certificates of Certificate Type X.509: no other is validated',
    )
  }
  const der = certificateValue as Uint8Array // what was read from a frame is a view of it
  if (der.byteLength > limits.certificateBytesMax) {
    throw new KryptonError('invalid-field', `Send certificates of at most ${limits.certificateBytesMax} bytes`)
  }
  for (const object of await sameCertificates(der, context)) {
    if (isDestroyed(object.stateAt(context.now))) {
      if (object.fields.state === State.DestroyedCompromised) return { der, isKept: false, isRevoked: true }
    } else if (Buffer.compare(await certificateBytes(object, context), der) === 0) return kept(object, date, context)
  }
  return { der, isKept: false, isRevoked: false }
}

/** What the service keeps under the issuer and serial number of that certificate. */
async function sameCertificates(der: Uint8Array, { unit }: OperationContext): Promise<readonly ManagedObject[]> {
  const attribute = 'x509CertificateIdentifier'
  const bytes = encodeAttributeValue(attribute, describeCertificate(der).implied[attribute]!)
  return unit.objects.page([{ attribute, bytes }], { now: 0, limit: limits.sameCertificatesMax })
}

/** Revoked now, or ended by its date at the date that is asked for. */
function isRevoked(object: ManagedObject, date: number, { now }: OperationContext): boolean {
  const { attributes, fields } = object
  if (attributes.has('revocationReason') || fields.state === State.Compromised) return true
  return object.stateAt(now) !== State.PreActive && object.stateAt(date) === State.Deactivated
}

function indicated(validity: 'valid' | 'invalid' | 'unknown') {
  return { validityIndicator: indicators[validity] }
}

const indicators = {
  valid: ValidityIndicator.Valid,
  invalid: ValidityIndicator.Invalid,
  unknown: ValidityIndicator.Unknown,
} as const
