import { digest } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { KeyFormatType, LinkType, ObjectType, SecretDataType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { DeriveKeyRequest, DeriveKeyResponse } from '../kmip/payloads/derive-key.ts'
import { limits } from '../limits.ts'
import { generatedLength, materialBytes } from '../objects/algorithms.ts'
import { checkAttributesSize } from '../objects/attributes.ts'
import { checkNewKey } from '../objects/crypto-policy.ts'
import { checkDerivesKeys } from '../objects/derivation.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { keepsDigest, newObject } from '../objects/new-object.ts'
import { uniqueIdentifierOf } from '../objects/unique-identifier.ts'
import { checkDerivation, derivedBytes } from './derived-bytes.ts'
import type { Handler, OperationContext } from './handler.ts'
import { link } from './key-pair-halves.ts'
import { checkNames } from './names.ts'
import { changedObject } from './object-change.ts'
import { requestedAttributes, requestedNumber } from './requested-attributes.ts'

/**
 * KMIP 1.4 sections 4.6 and 11.7. The new object and what it was derived from have Links to each other, written at once.
 */
export const deriveKey: Handler<typeof Operation.DeriveKey> = (request, context) => {
  const wanted = wantedObject(request)
  if (wanted.algorithm !== 0) checkNewKey(wanted, context.policy)
  checkDerivation(request, context.policy)
  const [first, second, ...more] = request.uniqueIdentifiers
  if (first === undefined) throw new KryptonError('invalid-message', 'Send the Unique Identifier to derive from')
  if (more.length > 0 || first === second) {
    throw new KryptonError('invalid-field', 'Name one key, and at most one Secret Data object to derive over')
  }
  return next(context.unit.get(first), (one) =>
    next(second === undefined ? undefined : context.unit.get(second), (other) => {
      const bases = other === undefined ? [one] : [one, other]
      for (const base of bases) checkDerivesKeys(base, request.derivationMethod, context.now)
      const derived = derivedBytes(request, one, other, wanted.byteLength, context)
      return next(derived, (bytes) => keep(wanted, bytes, bases, context))
    }),
  )
}

interface Wanted {
  readonly objectType: ObjectType
  readonly requested: readonly WireAttribute[]
  readonly algorithm: number
  readonly lengthBits: number
  readonly byteLength: number
  readonly dataType: number
}

function wantedObject({ objectType, templateAttribute }: DeriveKeyRequest): Wanted {
  if (objectType !== ObjectType.SymmetricKey && objectType !== ObjectType.SecretData) {
    throw new KryptonError('invalid-field', 'Derive a Symmetric Key or Secret Data')
  }
  const requested = requestedAttributes(templateAttribute)
  const algorithm = requestedNumber(requested, 'cryptographicAlgorithm')
  const lengthBits = requestedNumber(requested, 'cryptographicLength')
  if (lengthBits === undefined || lengthBits <= 0 || lengthBits % 8 !== 0 || lengthBits > limits.derivedBitsMax) {
    throw new KryptonError(
      'invalid-field',
      `Send the Cryptographic Length to derive: a multiple of 8, at most ${limits.derivedBitsMax}`,
    )
  }
  if (objectType === ObjectType.SecretData) {
    const byteLength = lengthBits / 8
    return { objectType, requested, algorithm: algorithm ?? 0, lengthBits, byteLength, dataType: SecretDataType.Seed }
  }
  if (algorithm === undefined) {
    throw new KryptonError('invalid-field', 'Send the Cryptographic Algorithm of the key to derive')
  }
  generatedLength(algorithm, lengthBits)
  return { objectType, requested, algorithm, lengthBits, byteLength: materialBytes(algorithm, lengthBits), dataType: 0 }
}

function keep(
  wanted: Wanted,
  derived: Buffer,
  bases: readonly ManagedObject[],
  context: OperationContext,
): MaybePromise<DeriveKeyResponse> {
  const { unit, version, now } = context
  const make = () => {
    const material = derived.subarray(0, wanted.byteLength)
    const id = context.randomBytes(16)
    const links = bases.map(({ fields }) => link(LinkType.DerivationBaseObjectLink, fields.id))
    const draft = newObject({
      ...wanted,
      id,
      sequence: unit.objects.nextSequence(),
      requested: [...wanted.requested, ...links],
      keyFormatType: KeyFormatType.Raw,
      digest: keepsDigest(wanted.objectType) ? digest('sha256', material) : undefined,
      keyValuePresent: true,
      generated: true,
      version,
      now,
    })
    return next(checkNames(unit, draft, 'invalid-field'), () =>
      next(unit.create(draft, material), ({ uniqueIdentifier }) => {
        for (const base of bases) unit.update(base, withDerivedKey(base, uniqueIdentifierOf(id), now))
        context.idPlaceholder = uniqueIdentifier
        return { uniqueIdentifier }
      }),
    )
  }
  return andFinally(make, () => {
    derived.fill(0)
  })
}

function withDerivedKey(base: ManagedObject, derived: string, now: number): ManagedObject {
  const attributes = base.attributes.clone()
  attributes.add('link', { linkType: LinkType.DerivedKeyLink, linkedObjectIdentifier: derived })
  const changed = changedObject(base, now, attributes)
  checkAttributesSize(changed, base)
  return changed
}
