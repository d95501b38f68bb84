import { KryptonError } from '../errors.ts'
import type { RequestedCertificate } from '../certificates/certificate-request.ts'
import { distinguishedNameOf } from '../certificates/distinguished-name.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { wireAttribute } from '../kmip/attributes-1x.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { LinkType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { CertifyResponse } from '../kmip/payloads/certify.ts'
import { checkAttributesSize } from '../objects/attributes.ts'
import { checkCertifiable } from '../objects/certificate-issuing.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { uniqueIdentifierOf } from '../objects/unique-identifier.ts'
import { activeIssuer } from './certificate-issuer.ts'
import type { Handler, OperationContext } from './handler.ts'
import { link } from './key-pair-halves.ts'
import { certificateRequestOf, checkSameKey, createCertificate, publicKeyInfoOf } from './new-certificate.ts'
import { changedObject } from './object-change.ts'
import { requestedAttributes } from './requested-attributes.ts'

/**
 * KMIP 1.4 sections 4.7 and 11.8, by the certificate authority that an operator has named for the service. Certificate and public key have
 * Links to each other, written at once.
 */
export const certify: Handler<typeof Operation.Certify> = (request, context) => {
  const { unit, now } = context
  const requested = request.templateAttribute === undefined ? [] : requestedAttributes(request.templateAttribute)
  if (request.certificateRequest === undefined && !requested.some(({ name }) => name === 'certificateType')) {
    throw new KryptonError(
      'missing-data',
      'Send a Certificate Request, or the Certificate Type in the Template-Attribute',
    )
  }
  return next(unit.get(context.identifier(request.uniqueIdentifier)), (publicKey) => {
    checkCertifiable(publicKey, now)
    return next(activeIssuer(context), (issuer) =>
      next(certificateRequestOf(request), (asked) =>
        next(publicKeyInfoOf(publicKey, context), (subjectPublicKeyInfo): MaybePromise<CertifyResponse> => {
          if (asked !== undefined) checkSameKey(asked, subjectPublicKeyInfo)
          const wanted = asked ?? { ...unasked, subject: subjectOf(publicKey, requested), subjectPublicKeyInfo }
          const id = context.randomBytes(16)
          const attributes = [link(LinkType.PublicKeyLink, publicKey.fields.id), ...withMask(requested, publicKey)]
          return next(createCertificate(context, issuer, wanted, { id, requested: attributes }), (certificate) => {
            linkToCertificate(publicKey, uniqueIdentifierOf(id), context)
            return { uniqueIdentifier: certificate.uniqueIdentifier }
          })
        }),
      ),
    )
  })
}

/** The mask of the public key, where the request has none. */
function withMask(requested: readonly WireAttribute[], publicKey: ManagedObject): readonly WireAttribute[] {
  const mask = publicKey.attributes.first('cryptographicUsageMask')
  if (mask === undefined || requested.some(({ name }) => name === 'cryptographicUsageMask')) return requested
  return [...requested, wireAttribute('cryptographicUsageMask', undefined, mask)]
}

function linkToCertificate(publicKey: ManagedObject, certificate: string, { unit, now }: OperationContext): void {
  const attributes = publicKey.attributes.clone()
  attributes.add('link', { linkType: LinkType.CertificateLink, linkedObjectIdentifier: certificate })
  const linked = changedObject(publicKey, now, attributes)
  checkAttributesSize(linked, publicKey)
  unit.update(publicKey, linked)
}

/** Without a request the certificate is in the Name that was asked for, that of the public key, or its identifier. */
function subjectOf(publicKey: ManagedObject, requested: readonly WireAttribute[]): Buffer {
  const own = publicKey.attributes.first('name')?.nameValue
  const named = requested.find(({ name }) => name === 'name')?.value as { nameValue: string } | undefined // read under this name
  return distinguishedNameOf(named?.nameValue ?? own ?? publicKey.uniqueIdentifier)
}

const unasked: Omit<RequestedCertificate, 'subject' | 'subjectPublicKeyInfo'> = {
  keyUsage: undefined,
  extendedKeyUsage: [],
  subjectAlternativeName: undefined,
}
