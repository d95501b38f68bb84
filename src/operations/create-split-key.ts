import { digest } from '../crypto/digest.ts'
import { ownBuffer } from '../crypto/own-buffer.ts'
import { KryptonError } from '../errors.ts'
import { LoopTurn } from '../keystore/loop-turn.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { wireAttribute } from '../kmip/attributes-1x.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { KeyFormatType, ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { encodeSplit } from '../kmip/kept-structures.ts'
import type { CreateSplitKeyRequest, CreateSplitKeyResponse } from '../kmip/payloads/create-split-key.ts'
import { limits } from '../limits.ts'
import { generatedLength, materialBytes, setParity } from '../objects/algorithms.ts'
import { isTransparent, keyPartsOf, materialAs } from '../objects/asymmetric-format.ts'
import { checkNewKey } from '../objects/crypto-policy.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { newObject } from '../objects/new-object.ts'
import { checkSharing, keySharing } from '../objects/split-key.ts'
import { openKey } from './cipher-request.ts'
import type { Handler, OperationContext } from './handler.ts'
import { requestedAttributes, requestedNumber } from './requested-attributes.ts'
import { checkNotSensitive, checkServable } from './served-object.ts'

/**
 * KMIP 1.4 sections 4.38 and 11.39. Without a Unique Identifier a new symmetric key is split, which nobody ever has whole. Whoever gets enough
 * parts has the key: so of an object that is not served in the clear there are none.
 */
export const createSplitKey: Handler<typeof Operation.CreateSplitKey> = (request, context) => {
  if (request.objectType !== ObjectType.SplitKey) {
    throw new KryptonError('invalid-field', 'Send Object Type Split Key: parts are what this operation makes')
  }
  const requested = requestedAttributes(request.templateAttribute)
  if (requested.some(({ name }) => name === 'name')) {
    throw new KryptonError('invalid-field', 'Leave out Name: each part would have it, and a Name is that of one object')
  }
  return next(checkSharing(request), () =>
    next(splitKey(request, requested, context), (key) =>
      andFinally(
        () => split(key, request, context),
        () => key.material.fill(0),
      ),
    ),
  )
}

/** A key that is to be split, and what its parts have of it. */
interface WholeKey {
  readonly algorithm: number
  readonly lengthBits: number
  readonly keyFormatType: number
  readonly attributes: readonly WireAttribute[]
  /** Its owner's to wipe. */
  readonly material: Buffer
}

function splitKey(
  { uniqueIdentifier }: CreateSplitKeyRequest,
  requested: readonly WireAttribute[],
  context: OperationContext,
): MaybePromise<WholeKey> {
  if (uniqueIdentifier === undefined) return newKey(requested, context)
  return next(context.unit.get(uniqueIdentifier), (object) => {
    const { objectType, algorithm, lengthBits } = object.fields
    if (!splittable.has(objectType)) {
      throw new KryptonError('invalid-field', 'Split a Symmetric Key, a Private Key or Secret Data')
    }
    checkServable(object, context.now)
    checkNotSensitive(object)
    return next(openKey(object, context), (secret) => {
      const kept = ownBuffer(secret.byteLength)
      secret.copyInto(kept, 0)
      secret.wipe()
      return { algorithm, lengthBits, attributes: ofKey(object, requested), ...inBytes(object, kept) }
    })
  })
}

function newKey(requested: readonly WireAttribute[], context: OperationContext): WholeKey {
  const algorithm = requestedNumber(requested, 'cryptographicAlgorithm')
  if (algorithm === undefined) {
    throw new KryptonError(
      'missing-data',
      'Send the Unique Identifier of a key, or the Cryptographic Algorithm of a new one',
    )
  }
  const lengthBits = generatedLength(algorithm, requestedNumber(requested, 'cryptographicLength'))
  checkNewKey({ algorithm, lengthBits }, context.policy)
  const material = context.randomBytes(materialBytes(algorithm, lengthBits))
  setParity(algorithm, material)
  return { algorithm, lengthBits, keyFormatType: KeyFormatType.Raw, attributes: requested, material }
}

/** The attributes of the request, in which those of the key take precedence. */
function ofKey({ attributes }: ManagedObject, requested: readonly WireAttribute[]): readonly WireAttribute[] {
  const mask = attributes.first('cryptographicUsageMask')
  return [
    ...requested.filter(({ name }) => name !== 'cryptographicUsageMask'),
    wireAttribute('cryptographicUsageMask', undefined, mask),
  ]
}

/** Key material as bytes of a format that has no structure: of a transparent one there are no parts. */
function inBytes({ fields }: ManagedObject, kept: Buffer): Pick<WholeKey, 'keyFormatType' | 'material'> {
  const { objectType, keyFormatType } = fields
  if (keyFormatType === KeyFormatType.TransparentSymmetricKey)
    return { keyFormatType: KeyFormatType.Raw, material: kept }
  if (objectType !== ObjectType.PrivateKey || !isTransparent(keyFormatType)) return { keyFormatType, material: kept }
  try {
    const material = materialAs(objectType, KeyFormatType.PKCS8, keyPartsOf(objectType, keyFormatType, kept))
    return { keyFormatType: KeyFormatType.PKCS8, material }
  } finally {
    kept.fill(0)
  }
}

function split(
  { material, attributes, ...kind }: WholeKey,
  request: CreateSplitKeyRequest,
  context: OperationContext,
): MaybePromise<CreateSplitKeyResponse> {
  if (material.byteLength > limits.splitKeyBytesMax) {
    throw new KryptonError('invalid-field', `Split a key of at most ${limits.splitKeyBytesMax} bytes`)
  }
  const { unit, version, now } = context
  const { splitKeyParts, splitKeyThreshold, splitKeyMethod, primeFieldSize } = request
  const sharing = { splitKeyParts, splitKeyThreshold, splitKeyMethod, primeFieldSize }
  const splitId = context.randomBytes(16)
  const made: string[] = []
  // Each of many parts is an object that is sealed and written.
  const turn = (context.turn ??= new LoopTurn(context.clock, context.owner))
  const keep = (parts: readonly Buffer[], from: number): MaybePromise<CreateSplitKeyResponse> => {
    if (turn.isOver) return turn.next().then(() => keep(parts, from))
    if (from === parts.length) {
      context.idPlaceholder = made[0]
      return { uniqueIdentifiers: made }
    }
    const part = parts[from]!
    const draft = newObject({
      ...kind,
      id: context.randomBytes(16),
      sequence: unit.objects.nextSequence(),
      objectType: ObjectType.SplitKey,
      requested: attributes,
      dataType: 0,
      digest: digest('sha256', part),
      keyValuePresent: true,
      structure: encodeSplit({ ...sharing, keyPartIdentifier: from + 1, splitId }),
      generated: true,
      version,
      now,
    })
    return next(unit.create(draft, part), ({ uniqueIdentifier }) => {
      made.push(uniqueIdentifier)
      return keep(parts, from + 1)
    })
  }
  return next(context.cryptoWork.splitKey(context.owner, material, keySharing(material, sharing)), (parts) =>
    andFinally(
      () => keep(parts, 0),
      () => {
        for (const part of parts) part.fill(0)
      },
    ),
  )
}

const splittable: ReadonlySet<number> = new Set([ObjectType.SymmetricKey, ObjectType.PrivateKey, ObjectType.SecretData])
