import { digest } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { KeyWrapType, ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { objectFieldOfType, objectsIn } from '../kmip/object.ts'
import type { ImportRequest, ImportResponse } from '../kmip/payloads/import.ts'
import type { RegisterRequest } from '../kmip/payloads/register.ts'
import { checkNotAuthority } from '../objects/certificate-issuing.ts'
import { checkOwnAttributes, importedObject } from '../objects/imported-object.ts'
import { digestInput } from '../objects/key-format.ts'
import { isGone } from '../objects/managed-object.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { keepsDigest } from '../objects/new-object.ts'
import { parseUniqueIdentifier } from '../objects/unique-identifier.ts'
import { checkKeyWrapType } from './get.ts'
import type { Handler, OperationContext } from './handler.ts'
import { checkNames } from './names.ts'
import { registeredObject } from './registered-object.ts'
import { isPkcs12, withOpenedPkcs12 } from './registered-pkcs12.ts'
import { registeredWrapped, unwrapForSure, wrappedKeyBlockOf } from './registered-wrapped.ts'
import { keyFormOf, withRecord } from './registered.ts'
import type { Registered } from './registered.ts'

/**
 * KMIP 1.4 sections 4.41 and 11.42. An identifier that is none of this server's kind is answered with one that the server gives. A wrapped key is
 * kept as it came, unless Key Wrap Type asks for it unwrapped.
 */
export const importObject: Handler<typeof Operation.Import> = (request, context) => {
  if (request.keyWrapType !== undefined) checkKeyWrapType(request.keyWrapType)
  const registering = asRegister(request)
  checkOwnAttributes(request.attributes, { ...registering, uniqueIdentifier: request.uniqueIdentifier })
  return next(existingObject(request, context), (existing) => {
    const wrapped = wrappedKeyBlockOf(registering)
    if (wrapped === undefined) {
      const take = (own: RegisterRequest) => keep(registeredObject(own, context.version), existing, request, context)
      return isPkcs12(registering, context.version) ? withOpenedPkcs12(registering, context, take) : take(registering)
    }
    if (request.keyWrapType !== KeyWrapType.NotWrapped) {
      return keep(registeredWrapped(registering, wrapped), existing, request, context)
    }
    return unwrapForSure(registering, wrapped, context, (unwrapped) => {
      const { templateAttribute } = registering
      const inTheClear = registeredObject({ ...unwrapped, templateAttribute }, context.version)
      return keep(inTheClear, existing, request, context)
    })
  })
}

/** The same object as a Register has it. */
function asRegister(request: ImportRequest): RegisterRequest & { readonly objectType: ObjectType } {
  const [field] = objectsIn(request)
  // The codec lets none be missing, and every field is one of a type.
  const [objectType] = Object.entries(objectFieldOfType).find(([, candidate]) => candidate === field)!
  return {
    objectType: Number(objectType) as ObjectType, // the keys of the table are types
    templateAttribute: { names: [], attributes: request.attributes },
    [field!]: request[field!],
  }
}

/**
 * The object that is to be replaced.
 * @throws KryptonError already-exists, item-not-found, object-archived
 */
function existingObject(
  { uniqueIdentifier, replaceExisting }: ImportRequest,
  { unit }: OperationContext,
): MaybePromise<ManagedObject | undefined> {
  return next(unit.find(uniqueIdentifier), (existing) => {
    if (existing === undefined) return next(checkNotPending(uniqueIdentifier, unit), () => undefined)
    // What is left of a Template gives its place.
    if (isGone(existing)) return existing
    // Only what may be changed is replaced.
    if (replaceExisting === true) {
      return next(unit.get(uniqueIdentifier), (replaced) => {
        checkNotAuthority(replaced)
        return replaced
      })
    }
    throw new KryptonError(
      'already-exists',
      'Send Replace Existing to replace the object, or another Unique Identifier: this one is an object of the service',
    )
  })
}

/**
 * The identifier of an asynchronous operation, which only its client knows, is taken, and no object that could be replaced.
 * @throws KryptonError already-exists
 */
async function checkNotPending(uniqueIdentifier: string, { objects }: OperationContext['unit']): Promise<void> {
  const id = parseUniqueIdentifier(uniqueIdentifier)
  if (id === undefined || (await objects.pendingOperation(id)) === undefined) return
  throw new KryptonError(
    'already-exists',
    'Send another Unique Identifier: an asynchronous operation has this one as its Asynchronous Correlation Value',
  )
}

function keep(
  registered: Registered,
  existing: ManagedObject | undefined,
  request: ImportRequest,
  context: OperationContext,
): MaybePromise<ImportResponse> {
  return andFinally(
    () => next(registered.check?.(context), () => create(registered, existing, request, context)),
    () => registered.wipe?.(),
  )
}

function create(
  registered: Registered,
  existing: ManagedObject | undefined,
  { uniqueIdentifier: asked }: ImportRequest,
  context: OperationContext,
): MaybePromise<ImportResponse> {
  const { unit, now } = context
  const { objectType, material, keyFormatType } = registered
  const isKept = keepsDigest(objectType)
  const draft = importedObject({
    ...registered,
    id: parseUniqueIdentifier(asked) ?? context.randomBytes(16),
    sequence: existing?.fields.sequence ?? unit.objects.nextSequence(),
    keyForm: keyFormOf(registered),
    keepsDigest: isKept,
    digest:
      material !== undefined && isKept
        ? digestInput(keyFormatType, material, (bytes) => digest('sha256', bytes))
        : undefined,
    keyValuePresent: material !== undefined || registered.wrapped !== undefined || objectType === ObjectType.Template,
    replaced: existing,
    now,
  })
  return next(checkNames(unit, draft, 'invalid-field'), () =>
    next(
      withRecord(registered, (record) => unit.create(draft, record, existing)),
      ({ uniqueIdentifier }) => {
        context.idPlaceholder = uniqueIdentifier
        return { uniqueIdentifier }
      },
    ),
  )
}
