import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { LinkType, ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { keyPartsOf } from '../objects/asymmetric-format.ts'
import type { GeneratedPair } from '../objects/key-pair-kind.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { checkReplaceable, replacedAttributes, replacementAttributes } from '../objects/replacement.ts'
import { uniqueIdentifierOf } from '../objects/unique-identifier.ts'
import { openKey } from './cipher-request.ts'
import type { Handler, OperationContext } from './handler.ts'
import { createPair, link, requestedHalves } from './key-pair-halves.ts'
import { changedObject } from './object-change.ts'

/**
 * KMIP 1.4 sections 4.5 and 11.6. The new pair takes over Names and attributes of the old one, of which nothing else changes: it stays in its state. All
 * four objects are written at once.
 */
export const reKeyKeyPair: Handler<typeof Operation.ReKeyKeyPair> = (request, context) => {
  const { unit, now } = context
  const requested = requestedHalves(request)
  const ids = { private: context.randomBytes(16), public: context.randomBytes(16) }
  return next(unit.get(context.identifier(request.privateKeyUniqueIdentifier)), (privateKey) =>
    next(publicKeyOf(privateKey, context), (publicKey) => {
      for (const object of [privateKey, publicKey]) checkReplaceable(object, now)
      return next(pairLike(publicKey, [...requested.private, ...requested.public], context), (pair) => {
        const { offset } = request
        const halves = {
          private: [
            link(LinkType.ReplacedObjectLink, privateKey.fields.id),
            ...replacementAttributes(privateKey, requested.private, { offset, now }),
          ],
          public: [
            link(LinkType.ReplacedObjectLink, publicKey.fields.id),
            ...replacementAttributes(publicKey, requested.public, { offset, now }),
          ],
        }
        return createPair(context, pair, ids, halves, () => {
          for (const [object, id] of [
            [privateKey, ids.private],
            [publicKey, ids.public],
          ] as const) {
            unit.update(object, changedObject(object, now, replacedAttributes(object, uniqueIdentifierOf(id))))
          }
        })
      })
    }),
  )
}

function publicKeyOf(object: ManagedObject, { unit }: OperationContext): MaybePromise<ManagedObject> {
  const linked = object.attributes.all('link').find(({ value }) => value.linkType === LinkType.PublicKeyLink)
  if (object.fields.objectType === ObjectType.PrivateKey && linked !== undefined) {
    return next(unit.get(linked.value.linkedObjectIdentifier), (publicKey) => {
      if (publicKey.fields.objectType === ObjectType.PublicKey) return publicKey
      throw notAPair()
    })
  }
  throw notAPair()
}

function notAPair(): KryptonError {
  return new KryptonError('permission-denied', 'Re-key a Private Key that has a Link to its Public Key')
}

/** A pair of the kind of the old one. @throws KryptonError invalid-field: the request asks for another */
function pairLike(
  publicKey: ManagedObject,
  requested: readonly WireAttribute[],
  context: OperationContext,
): MaybePromise<GeneratedPair> {
  const { algorithm, lengthBits, keyFormatType } = publicKey.fields
  for (const { name, attributeName, value } of requested) {
    const own = name === 'cryptographicAlgorithm' ? algorithm : name === 'cryptographicLength' ? lengthBits : value
    if (own !== value || name === 'cryptographicDomainParameters') {
      throw new KryptonError('invalid-field', `Leave out ${attributeName}: the new key pair is like the old one`)
    }
  }
  return next(openKey(publicKey, context), (secret) => {
    const material = Buffer.allocUnsafeSlow(secret.byteLength)
    try {
      secret.copyInto(material, 0)
      const parts = keyPartsOf(ObjectType.PublicKey, keyFormatType, material)
      const kind =
        parts.type === 'rsa' ? { type: parts.type, bits: lengthBits } : { type: parts.type, curve: parts.curve }
      return { kind, algorithm, lengthBits }
    } finally {
      secret.wipe()
    }
  })
}
