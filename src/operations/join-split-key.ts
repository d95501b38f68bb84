import { bytesOfSecret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { wireAttribute } from '../kmip/attributes-1x.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { ObjectType, SecretDataType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import type { JoinSplitKeyRequest } from '../kmip/payloads/join-split-key.ts'
import type { RegisterRequest } from '../kmip/payloads/register.ts'
import { limits } from '../limits.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { isDestroyed } from '../objects/state.ts'
import { keyJoining, splitOf } from '../objects/split-key.ts'
import type { KeyPart } from '../objects/split-key.ts'
import { openKey } from './cipher-request.ts'
import type { Handler, OperationContext } from './handler.ts'
import { register } from './register.ts'
import { requestedAttributes, requestedNumber } from './requested-attributes.ts'

/**
 * KMIP 1.4 sections 4.39 and 11.40. The key that the parts make is registered as if the client had sent it, with what the parts say of it where
 * the request says nothing; what a part must not tell in the clear, the key does not either.
 */
export const joinSplitKey: Handler<typeof Operation.JoinSplitKey> = (request, context) => {
  const { objectType, secretDataType, uniqueIdentifiers } = request
  if (!joined.has(objectType)) {
    throw new KryptonError('invalid-field', 'Join the parts to a Symmetric Key, a Private Key or Secret Data')
  }
  if (secretDataType !== undefined && objectType !== ObjectType.SecretData) {
    throw new KryptonError('invalid-field', 'Leave out Secret Data Type: the Object Type is not Secret Data')
  }
  if (uniqueIdentifiers.length > limits.splitKeyPartsMax) {
    throw new KryptonError('invalid-field', `Name at most ${limits.splitKeyPartsMax} Split Keys`)
  }
  const identifiers = uniqueIdentifiers.length === 0 ? [context.identifier(undefined)] : uniqueIdentifiers
  return next(partsOf(identifiers, context), (objects) => {
    const requested = withPartsOwn(requestedAttributes(request.templateAttribute ?? noTemplate), objects)
    return next(open(objects, context), (parts) => {
      const joined = andFinally(
        () => context.cryptoWork.joinKey(context.owner, keyJoining(parts, keyBytes(requested, objects))),
        () => {
          for (const { bytes } of parts) bytes.fill(0)
        },
      )
      return next(joined, (key) =>
        andFinally(
          () => register(registration(request, requested, objects, key), context),
          () => key.fill(0),
        ),
      )
    })
  })
}

function partsOf(identifiers: readonly string[], context: OperationContext): MaybePromise<ManagedObject[]> {
  const objects: ManagedObject[] = []
  const read = (from: number): MaybePromise<ManagedObject[]> => {
    if (from === identifiers.length) return objects
    return next(context.unit.get(identifiers[from]!), (object) => {
      if (object.fields.objectType !== ObjectType.SplitKey) {
        throw new KryptonError('invalid-field', 'Name Split Keys: at least one of the objects is none')
      }
      if (isDestroyed(object.stateAt(context.now))) {
        throw new KryptonError('illegal-operation', 'A part is destroyed: only its attributes are left')
      }
      objects.push(object)
      return read(from + 1)
    })
  }
  return read(0)
}

/** The parts with their key material. The caller wipes it. */
function open(objects: readonly ManagedObject[], context: OperationContext): MaybePromise<KeyPart[]> {
  const parts: (KeyPart & { readonly bytes: Buffer })[] = []
  const wipe = () => {
    for (const { bytes } of parts) bytes.fill(0)
  }
  const read = (from: number): MaybePromise<KeyPart[]> => {
    if (from === objects.length) return parts
    const object = objects[from]!
    return next(openKey(object, context), (secret) => {
      parts.push({ split: splitOf(object), bytes: bytesOfSecret(secret) })
      return read(from + 1)
    })
  }
  try {
    const opened = read(0)
    if (!(opened instanceof Promise)) return opened
    return opened.catch((error: unknown) => {
      wipe()
      throw error
    })
  } catch (error) {
    wipe()
    throw error
  }
}

/** What all parts say, where the request says nothing; Sensitive and not Extractable if one part is. */
function withPartsOwn(
  requested: readonly WireAttribute[],
  objects: readonly ManagedObject[],
): readonly WireAttribute[] {
  const added: WireAttribute[] = []
  for (const name of ['cryptographicAlgorithm', 'cryptographicLength', 'cryptographicUsageMask'] as const) {
    if (requested.some((attribute) => attribute.name === name)) continue
    const [value, ...others] = new Set(objects.map(({ attributes }) => attributes.first(name)))
    if (value !== undefined && others.length === 0) added.push(wireAttribute(name, undefined, value))
  }
  for (const [name, value] of [
    ['sensitive', true],
    ['extractable', false],
  ] as const) {
    if (!objects.some(({ attributes }) => attributes.first(name) === value)) continue
    const asked = requested.find((attribute) => attribute.name === name)
    if (asked === undefined) added.push(wireAttribute(name, undefined, value))
    else if (asked.value !== value) {
      throw new KryptonError(
        value ? 'sensitive' : 'not-extractable',
        'Leave out Sensitive and Extractable: what a part must not tell, the key that it makes does not either',
      )
    }
  }
  return [...requested, ...added]
}

/** The length of the key, which a number of a prime field does not tell. */
function keyBytes(requested: readonly WireAttribute[], [first]: readonly ManagedObject[]): number | undefined {
  const lengthBits = requestedNumber(requested, 'cryptographicLength') ?? first!.fields.lengthBits
  return lengthBits > 0 ? Math.ceil(lengthBits / 8) : undefined
}

function registration(
  { objectType, secretDataType }: JoinSplitKeyRequest,
  requested: readonly WireAttribute[],
  [first]: readonly ManagedObject[],
  key: Buffer,
): RegisterRequest {
  const keyBlock: KeyBlock = { keyFormatType: first!.fields.keyFormatType, keyValue: { keyMaterial: key } }
  const common = { objectType, templateAttribute: { names: [], attributes: requested } }
  if (objectType === ObjectType.SymmetricKey) return { ...common, symmetricKey: { keyBlock } }
  if (objectType === ObjectType.PrivateKey) return { ...common, privateKey: { keyBlock } }
  return { ...common, secretData: { secretDataType: secretDataType ?? SecretDataType.Seed, keyBlock } }
}

const noTemplate = { names: [], attributes: [] }

const joined: ReadonlySet<number> = new Set([ObjectType.SymmetricKey, ObjectType.PrivateKey, ObjectType.SecretData])
