import { digest } from '../crypto/digest.ts'
import type { KeyPairKind } from '../crypto/key-pair.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { attributeDefinition } from '../kmip/attribute.ts'
import { wireAttribute } from '../kmip/attributes-1x.ts'
import type { TemplateAttribute, WireAttribute } from '../kmip/attributes-1x.ts'
import { KeyFormatType, LinkType, ObjectType } from '../kmip/enums.ts'
import type { CreateKeyPairRequest, CreateKeyPairResponse } from '../kmip/payloads/create-key-pair.ts'
import { checkNewKey } from '../objects/crypto-policy.ts'
import type { GeneratedPair } from '../objects/key-pair-kind.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { newObject } from '../objects/new-object.ts'
import { uniqueIdentifierOf } from '../objects/unique-identifier.ts'
import type { OperationContext } from './handler.ts'
import { checkNames } from './names.ts'
import { requestedAttributes } from './requested-attributes.ts'

/** Attributes of each half of a key pair. */
export interface Halves {
  readonly private: readonly WireAttribute[]
  readonly public: readonly WireAttribute[]
}

/** The identifiers of a key pair that is to be made. */
export interface PairIds {
  readonly private: Buffer
  readonly public: Buffer
}

/**
 * Makes a key pair and both its objects, which know of each other; the ID Placeholder is the private one's. The keys come in the format that the
 * specification later made their default: PKCS#1 for RSA, ECPrivateKey and X.509 for EC. `prepare` runs when the keys are there, before the objects.
 */
export function createPair(
  context: OperationContext,
  { kind, algorithm, lengthBits }: GeneratedPair,
  ids: PairIds,
  halves: Halves,
  prepare: () => void = () => undefined,
): MaybePromise<CreateKeyPairResponse> {
  checkNewKey({ algorithm, lengthBits, curve: kind.type === 'ec' ? kind.curve.name : undefined }, context.policy)
  return next(context.cryptoWork.generateKeyPair(context.owner, kind), ({ privateKey, publicKey }) => {
    const common = { algorithm, lengthBits }
    const make = () => {
      prepare()
      return next(
        createHalf(context, {
          ...common,
          id: ids.private,
          objectType: ObjectType.PrivateKey,
          keyFormatType: privateFormats[kind.type],
          requested: [link(LinkType.PublicKeyLink, ids.public), ...halves.private],
          material: privateKey,
        }),
        (privateObject) =>
          next(
            createHalf(context, {
              ...common,
              id: ids.public,
              objectType: ObjectType.PublicKey,
              keyFormatType: publicFormats[kind.type],
              requested: [link(LinkType.PrivateKeyLink, ids.private), ...halves.public],
              material: publicKey,
            }),
            (publicObject) => {
              context.idPlaceholder = privateObject.uniqueIdentifier
              return {
                privateKeyUniqueIdentifier: privateObject.uniqueIdentifier,
                publicKeyUniqueIdentifier: publicObject.uniqueIdentifier,
              }
            },
          ),
      )
    }
    return andFinally(make, () => {
      privateKey.fill(0)
    })
  })
}

interface Half {
  readonly id: Buffer
  readonly objectType: ObjectType
  readonly keyFormatType: number
  readonly requested: readonly WireAttribute[]
  readonly algorithm: number
  readonly lengthBits: number
  readonly material: Uint8Array
}

function createHalf(
  { unit, version, now }: OperationContext,
  { material, ...half }: Half,
): MaybePromise<ManagedObject> {
  const draft = newObject({
    ...half,
    sequence: unit.objects.nextSequence(),
    dataType: 0,
    digest: digest('sha256', material),
    keyValuePresent: true,
    generated: true,
    version,
    now,
  })
  return next(checkNames(unit, draft, 'invalid-field'), () => unit.create(draft, material))
}

/** What each half is to have: the union of its own attributes and the common ones, its own first where an object has but one. */
export function requestedHalves(request: CreateKeyPairRequest): Halves {
  const common = attributesIn(request.commonTemplateAttribute)
  const of = (template: TemplateAttribute | undefined): readonly WireAttribute[] => {
    const own = attributesIn(template)
    const others = common.filter(
      ({ name }) => attributeDefinition(name)?.multiple !== false || !own.some((attribute) => attribute.name === name),
    )
    return [...own, ...others]
  }
  return { private: of(request.privateKeyTemplateAttribute), public: of(request.publicKeyTemplateAttribute) }
}

function attributesIn(template: TemplateAttribute | undefined): readonly WireAttribute[] {
  const attributes = template === undefined ? [] : requestedAttributes(template)
  if (!attributes.some(({ name }) => name === 'objectType')) return attributes
  throw new KryptonError('invalid-field', 'Leave out Object Type: the halves of a key pair have theirs')
}

/** A Link to the object of that identifier. */
export function link(linkType: LinkType, id: Buffer): WireAttribute {
  return wireAttribute('link', undefined, { linkType, linkedObjectIdentifier: uniqueIdentifierOf(id) })
}

const privateFormats: Readonly<Record<KeyPairKind['type'], KeyFormatType>> = {
  rsa: KeyFormatType.PKCS1,
  ec: KeyFormatType.ECPrivateKey,
}
const publicFormats: Readonly<Record<KeyPairKind['type'], KeyFormatType>> = {
  rsa: KeyFormatType.PKCS1,
  ec: KeyFormatType.X509,
}
