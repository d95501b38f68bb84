import { digest } from '../crypto/digest.ts'
import { deriveByCounterMode, deriveByHash, deriveByHmac } from '../crypto/key-derivation.ts'
import type { DerivationInput } from '../crypto/key-derivation.ts'
import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { DerivationMethod, KeyFormatType, LinkType, ObjectType, SecretDataType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { DeriveKeyRequest, DeriveKeyResponse } from '../kmip/payloads/derive-key.ts'
import { limits } from '../limits.ts'
import { generatedLength, materialBytes } from '../objects/algorithms.ts'
import { checkAttributesSize } from '../objects/attributes.ts'
import { checkDerivesKeys, derivationHash, derivationMethods, derivationRoles } from '../objects/derivation.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { keepsDigest, newObject } from '../objects/new-object.ts'
import { uniqueIdentifierOf } from '../objects/unique-identifier.ts'
import { openKey } from './cipher-request.ts'
import type { Handler, OperationContext } from './handler.ts'
import { link } from './key-pair-halves.ts'
import { checkNames } from './names.ts'
import { changedObject } from './object-change.ts'
import { requestedAttributes, requestedNumber } from './requested-attributes.ts'

/**
 * KMIP 1.4 sections 4.6 and 11.7, by HASH, HMAC and NIST800-108-C. The new object and what it was derived from have Links to each other, written at once.
 */
export const deriveKey: Handler<typeof Operation.DeriveKey> = (request, context) => {
  const wanted = wantedObject(request)
  checkParameters(request)
  const [first, second, ...more] = request.uniqueIdentifiers
  if (first === undefined) throw new KryptonError('invalid-message', 'Send the Unique Identifier to derive from')
  if (more.length > 0 || first === second) {
    throw new KryptonError('invalid-field', 'Name one key, and at most one Secret Data object to derive over')
  }
  return next(context.unit.get(first), (one) =>
    next(second === undefined ? undefined : context.unit.get(second), (other) => derive(one, other)),
  )

  function derive(one: ManagedObject, other: ManagedObject | undefined): MaybePromise<DeriveKeyResponse> {
    const bases = other === undefined ? [one] : [one, other]
    for (const base of bases) checkDerivesKeys(base, context.now)
    const { key, data } = derivationRoles(one, other)
    checkData(request, data)
    return withKey(key, context, (secret) =>
      next(data === undefined ? undefined : openKey(data, context), (opened) =>
        andFinally(
          () => {
            const input = opened ?? request.derivationParameters.derivationData
            return keep(wanted, derivedBytes(request, key, secret, input, wanted.byteLength), bases, context)
          },
          () => opened?.wipe(),
        ),
      ),
    )
  }
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

function checkParameters({ derivationMethod, derivationParameters }: DeriveKeyRequest): void {
  if (!derivationMethods.has(derivationMethod)) {
    throw new KryptonError('invalid-field', 'Use Derivation Method HASH, HMAC or NIST800-108-C')
  }
  const { initializationVector, salt, iterationCount } = derivationParameters
  if (initializationVector === undefined && salt === undefined && iterationCount === undefined) return
  throw new KryptonError(
    'invalid-field',
    'Leave out Initialization Vector, Salt and Iteration Count: the Derivation Method has none of them',
  )
}

/** HASH takes the key alone; the others take data, from the request or from a Secret Data object. */
function checkData(
  { derivationMethod, derivationParameters }: DeriveKeyRequest,
  data: ManagedObject | undefined,
): void {
  const { derivationData } = derivationParameters
  if (derivationData !== undefined && data !== undefined) {
    throw new KryptonError('invalid-message', 'Leave out Derivation Data, or the Secret Data object')
  }
  if (derivationMethod === DerivationMethod.HASH) {
    if (derivationData === undefined && data === undefined) return
    throw new KryptonError('invalid-field', 'Send HASH one object and no Derivation Data: its value is what is hashed')
  }
  if (derivationData === undefined && data === undefined) {
    throw new KryptonError('invalid-field', 'Send Derivation Data, or the Unique Identifier of a Secret Data object')
  }
  if ((derivationData?.byteLength ?? 0) <= limits.derivationDataBytesMax) return
  throw new KryptonError('invalid-field', `Send at most ${limits.derivationDataBytesMax} bytes of Derivation Data`)
}

/** @throws KryptonError cryptographic-failure: the method gives less than is asked for */
function derivedBytes(
  { derivationMethod, derivationParameters }: DeriveKeyRequest,
  key: ManagedObject,
  secret: Secret,
  input: DerivationInput | undefined,
  byteLength: number,
): Buffer {
  const hash = derivationHash(derivationMethod, key, derivationParameters.cryptographicParameters)
  if (input !== undefined && input.byteLength > limits.derivationDataBytesMax) {
    throw new KryptonError('invalid-field', `Derive over at most ${limits.derivationDataBytesMax} bytes of Secret Data`)
  }
  if (derivationMethod === DerivationMethod.NIST800_108C) return deriveByCounterMode(hash, secret, input!, byteLength) // checkData
  const derived = input === undefined ? deriveByHash(hash, secret) : deriveByHmac(hash, secret, input)
  if (derived.byteLength >= byteLength) return derived
  derived.fill(0)
  throw new KryptonError(
    'cryptographic-failure',
    `Ask for a Cryptographic Length of at most ${derived.byteLength * 8}: the Derivation Method gives no more`,
  )
}

function withKey<T>(
  key: ManagedObject,
  context: OperationContext,
  use: (secret: Secret) => MaybePromise<T>,
): MaybePromise<T> {
  return next(openKey(key, context), (secret) =>
    andFinally(
      () => use(secret),
      () => secret.wipe(),
    ),
  )
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
