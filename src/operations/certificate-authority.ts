import { readAuthorityCertificate } from '../certificates/authority-certificate.ts'
import { readDistinguishedName } from '../certificates/distinguished-name.ts'
import { ellipticCurves } from '../crypto/elliptic-curve.ts'
import { writeSubjectPublicKeyInfo } from '../crypto/key-encoding.ts'
import type { KeyPairKind } from '../crypto/key-pair.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { wireAttribute } from '../kmip/attributes-1x.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { CryptographicAlgorithm, CryptographicUsageMask, LinkType, NameType, ObjectType, State } from '../kmip/enums.ts'
import { limits } from '../limits.ts'
import { keyPartsOf } from '../objects/asymmetric-format.ts'
import {
  certificateAuthorityAttribute,
  certificateAuthorityValue,
  keyUsageBits,
} from '../objects/certificate-issuing.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { uniqueIdentifierOf } from '../objects/unique-identifier.ts'
import { certificateBytes, type CertificateIssuer, issuerOf, issuingKeyOf, signWith } from './certificate-issuer.ts'
import type { OperationContext } from './handler.ts'
import { createPair, link } from './key-pair-halves.ts'
import { keepCertificate, publicKeyInfoOf } from './new-certificate.ts'
import { changedObject } from './object-change.ts'

/** What an operator does about the certificate authority of a service: acts on its objects, run as a request is. */

/** The keys that an authority may have. */
export const authorityKeys = {
  p256: ecKind('prime256v1'),
  p384: ecKind('secp384r1'),
  p521: ecKind('secp521r1'),
  'rsa-3072': rsaKind(3_072),
  'rsa-4096': rsaKind(4_096),
} as const
export type AuthorityKey = keyof typeof authorityKeys

export interface NewCertificateAuthority {
  /** Name of the certificate's object; those of its keys begin with it. */
  readonly name: string
  /** As `CN=Example CA,O=Example`. */
  readonly subject: string
  readonly key: AuthorityKey
  readonly days: number
}

/**
 * Makes a key pair and a certificate that it signs for itself, and names it the authority of the service, in the place of the one before. The private
 * key is Sensitive and never Extractable: it signs certificates and serves nobody else.
 * @throws KryptonError certificate-invalid: the subject; invalid-field: a Name is taken
 */
export function createCertificateAuthority(
  request: NewCertificateAuthority,
  context: OperationContext,
): MaybePromise<CertificateIssuer> {
  return next(readDistinguishedName(request.subject), (subject) => create(request, subject, context))
}

function create(
  request: NewCertificateAuthority,
  subject: Buffer,
  context: OperationContext,
): MaybePromise<CertificateIssuer> {
  const { unit, now, randomBytes } = context
  const ids = { private: randomBytes(16), public: randomBytes(16) }
  const certificateId = randomBytes(16)
  const common = [
    wireAttribute('activationDate', undefined, now),
    wireAttribute('cryptographicUsageMask', undefined, authorityMask),
  ]
  const halves = {
    private: [
      ...common,
      named(`${request.name} private key`),
      wireAttribute('sensitive', undefined, true),
      wireAttribute('extractable', undefined, false),
    ],
    public: [...common, named(`${request.name} public key`)],
  }
  return next(dismiss(context), () =>
    next(createPair(context, authorityKeys[request.key], ids, halves), () =>
      next(unit.get(uniqueIdentifierOf(ids.private)), (privateKey) =>
        next(unit.get(uniqueIdentifierOf(ids.public)), (publicKey) =>
          next(publicKeyInfoOf(publicKey, context), (subjectPublicKeyInfo) => {
            const wanted = {
              subject,
              subjectPublicKeyInfo,
              keyUsage: keyUsageBits.keyCertSign | keyUsageBits.cRLSign,
              extendedKeyUsage: [],
              subjectAlternativeName: undefined,
              notBefore: new Date((now - limits.certificateBackdateSeconds) * 1000),
              notAfter: new Date((now + request.days * 86_400) * 1000),
              isAuthority: true,
            }
            const own = { name: subject, subjectPublicKeyInfo }
            return next(signWith(privateKey, own, wanted, context), (der) => {
              const requested = [link(LinkType.PublicKeyLink, ids.public), ...common, named(request.name)]
              return next(keepCertificate(context, der, { id: certificateId, requested }), (certificate) => {
                addLink(publicKey, certificate, context)
                return { privateKey: nameIssuer(privateKey, certificate, context), certificate, der }
              })
            })
          }),
        ),
      ),
    ),
  )
}

/**
 * Names a Private Key that the service has, with its certificate, the authority of the service: one that another authority has certified, for one.
 * @throws KryptonError item-not-found; invalid-field: the two do not belong together, or may not sign certificates
 */
export function useCertificateAuthority(
  request: { readonly privateKey: string; readonly certificate: string },
  context: OperationContext,
): MaybePromise<CertificateIssuer> {
  const { unit } = context
  return next(unit.get(request.privateKey), (privateKey) =>
    next(unit.get(request.certificate), (certificate) => {
      checkIssuingKey(privateKey, context.now)
      if (certificate.stateAt(context.now) !== State.Active) throw unfit('Name a certificate that is Active')
      return next(certificateBytes(certificate, context), (der) => {
        const { publicKey } = readAuthorityCertificate(der)
        return next(publicHalfOf(privateKey, context), (own) => {
          if (!own.equals(publicKey.export({ format: 'der', type: 'spki' }))) {
            throw unfit('Name the certificate of that private key: it is for another')
          }
          return next(dismiss(context), () =>
            // It may have been the very key that was dismissed.
            next(unit.get(request.privateKey), (current) => ({
              privateKey: nameIssuer(current, certificate, context),
              certificate,
              der,
            })),
          )
        })
      })
    }),
  )
}

/** The authority of the service, whatever may be wrong with it. @throws KryptonError not-found */
export function certificateAuthorityOf(context: OperationContext): MaybePromise<CertificateIssuer> {
  return next(issuerOf(context), (issuer) => {
    if (issuer !== undefined) return issuer
    throw new KryptonError('not-found', 'this service has no certificate authority: krypton authority create makes one')
  })
}

/** The key that was named so far no longer is. */
function dismiss(context: OperationContext): MaybePromise<void> {
  return next(issuingKeyOf(context), (key) => {
    if (key === undefined) return
    const attributes = key.attributes.clone()
    attributes.remove(certificateAuthorityAttribute)
    context.unit.update(key, changedObject(key, context.now, attributes))
  })
}

function nameIssuer(key: ManagedObject, certificate: ManagedObject, { unit, now }: OperationContext): ManagedObject {
  const attributes = key.attributes.clone()
  for (const { index, value } of attributes.all('link')) {
    if (value.linkType === LinkType.CertificateLink) attributes.remove('link', index)
  }
  attributes.add('link', {
    linkType: LinkType.CertificateLink,
    linkedObjectIdentifier: certificate.uniqueIdentifier,
  })
  attributes.putCustom(certificateAuthorityAttribute, 0, certificateAuthorityValue)
  return unit.update(key, changedObject(key, now, attributes))
}

function addLink(publicKey: ManagedObject, certificate: ManagedObject, { unit, now }: OperationContext): void {
  const attributes = publicKey.attributes.clone()
  attributes.add('link', {
    linkType: LinkType.CertificateLink,
    linkedObjectIdentifier: certificate.uniqueIdentifier,
  })
  unit.update(publicKey, changedObject(publicKey, now, attributes))
}

function checkIssuingKey(key: ManagedObject, now: number): void {
  const mask = key.attributes.first('cryptographicUsageMask') ?? 0
  if (key.fields.objectType !== ObjectType.PrivateKey || (mask & CryptographicUsageMask.CertificateSign) === 0) {
    throw unfit('Name a Private Key whose Cryptographic Usage Mask has Certificate Sign')
  }
  if (key.stateAt(now) !== State.Active) throw unfit('Name a private key that is Active')
  // They would be counted in requests of others, and end what they rely on.
  if (key.attributes.has('usageLimits')) throw unfit('Name a private key without Usage Limits')
}

/** SubjectPublicKeyInfo of the public half of a private key. */
function publicHalfOf(privateKey: ManagedObject, { unit }: OperationContext): MaybePromise<Buffer> {
  return next(unit.objects.open(privateKey), (secret) => {
    const material = Buffer.allocUnsafeSlow(secret.byteLength)
    return andFinally(
      () => {
        secret.copyInto(material, 0)
        const parts = keyPartsOf(ObjectType.PrivateKey, privateKey.fields.keyFormatType, material)
        return Buffer.from(writeSubjectPublicKeyInfo({ ...parts, secret: undefined }))
      },
      () => {
        secret.wipe()
        material.fill(0)
      },
    )
  })
}

function unfit(message: string): KryptonError {
  return new KryptonError('invalid-field', message)
}

function named(nameValue: string): WireAttribute {
  return wireAttribute('name', undefined, { nameValue, nameType: NameType.UninterpretedTextString })
}

function ecKind(curveName: (typeof ellipticCurves)[number]['name']) {
  const curve = ellipticCurves.find(({ name }) => name === curveName)! // it is one of them
  const kind: KeyPairKind = { type: 'ec', curve }
  return { kind, algorithm: CryptographicAlgorithm.ECDSA, lengthBits: curve.bits }
}

function rsaKind(bits: number) {
  const kind: KeyPairKind = { type: 'rsa', bits }
  return { kind, algorithm: CryptographicAlgorithm.RSA, lengthBits: bits }
}

const authorityMask = CryptographicUsageMask.CertificateSign | CryptographicUsageMask.CRLSign
