import { requestOfCertificate } from '../certificates/certificate-request.ts'
import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { LinkType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { checkAttributesSize } from '../objects/attributes.ts'
import { checkRenewable } from '../objects/certificate-issuing.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { replacedAttributes, replacementAttributes } from '../objects/replacement.ts'
import { uniqueIdentifierOf } from '../objects/unique-identifier.ts'
import { activeIssuer, certificateBytes } from './certificate-issuer.ts'
import type { Handler, OperationContext } from './handler.ts'
import { link } from './key-pair-halves.ts'
import { asField, certificateRequestOf, checkSameKey, createCertificate } from './new-certificate.ts'
import { changedObject } from './object-change.ts'
import { requestedAttributes } from './requested-attributes.ts'

/**
 * KMIP 1.4 sections 4.8 and 11.9: a new certificate for the key pair of an old one, whose Names and attributes it takes over. Without a
 * Certificate Request it says what the old one does. The public key's Link to the old one leads to the new one. All are written at once.
 */
export const reCertify: Handler<typeof Operation.ReCertify> = (request, context) => {
  const { unit, now } = context
  const requested = request.templateAttribute === undefined ? [] : requestedAttributes(request.templateAttribute)
  return next(unit.get(context.identifier(request.uniqueIdentifier)), (old) => {
    checkRenewable(old, now)
    checkNotReplaced(old)
    return next(publicKeyOf(old, context), (publicKey) =>
      next(activeIssuer(context), (issuer) =>
        next(certificateRequestOf(request), (asked) =>
          next(certificateBytes(old, context), (der) => {
            const own = said(() => requestOfCertificate(der))
            if (asked !== undefined) checkSameKey(asked, own.subjectPublicKeyInfo)
            const id = context.randomBytes(16)
            const attributes = attributesOf(old, publicKey, requested, { offset: request.offset, now })
            const replacement = uniqueIdentifierOf(id)
            unit.update(old, changedObject(old, now, replacedAttributes(old, replacement)))
            if (publicKey !== undefined) relink(publicKey, old, replacement, context)
            return next(
              createCertificate(context, issuer, asked ?? own, { id, requested: attributes }),
              ({ uniqueIdentifier }) => ({ uniqueIdentifier }),
            )
          }),
        ),
      ),
    )
  })
}

/** The certificate is renewed as it was registered, too: then no public key is known of it. */
function publicKeyOf(old: ManagedObject, { unit }: OperationContext): MaybePromise<ManagedObject | undefined> {
  const linked = old.attributes.all('link').find(({ value }) => value.linkType === LinkType.PublicKeyLink)
  return linked === undefined ? undefined : unit.get(linked.value.linkedObjectIdentifier)
}

/** "Re-certify SHOULD only be performed once on a given certificate" (4.8): its Names have gone. */
function checkNotReplaced({ attributes }: ManagedObject): void {
  if (!attributes.all('link').some(({ value }) => value.linkType === LinkType.ReplacementObjectLink)) return
  throw new KryptonError('permission-denied', 'The certificate was replaced already: re-certify its replacement')
}

function attributesOf(
  old: ManagedObject,
  publicKey: ManagedObject | undefined,
  requested: readonly WireAttribute[],
  dates: { readonly offset: number | undefined; readonly now: number },
): readonly WireAttribute[] {
  const links = [link(LinkType.ReplacedObjectLink, old.fields.id)]
  if (publicKey !== undefined) links.unshift(link(LinkType.PublicKeyLink, publicKey.fields.id))
  // The Names of the request come first, as OASIS's own test case has it (TC-134).
  const names = requested.filter(({ name }) => name === 'name')
  const others = replacementAttributes(old, requested, dates).filter((attribute) => !names.includes(attribute))
  return [...links, ...names, ...others]
}

function relink(
  publicKey: ManagedObject,
  old: ManagedObject,
  replacement: string,
  { unit, now }: OperationContext,
): void {
  const attributes = publicKey.attributes.clone()
  const known = attributes.all('link').find(({ value }) => value.linkedObjectIdentifier === old.uniqueIdentifier)
  const value = { linkType: LinkType.CertificateLink, linkedObjectIdentifier: replacement }
  if (known === undefined) attributes.add('link', value)
  else attributes.put('link', known.index, value)
  const linked = changedObject(publicKey, now, attributes)
  checkAttributesSize(linked, publicKey)
  unit.update(publicKey, linked)
}

function said<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw asField(error)
  }
}
