import { digest } from '../crypto/digest.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { RegisterResponse } from '../kmip/payloads/register.ts'
import { digestInput } from '../objects/key-format.ts'
import { keepsDigest, newObject } from '../objects/new-object.ts'
import type { Handler, OperationContext } from './handler.ts'
import { checkNames } from './names.ts'
import { registeredObject } from './registered-object.ts'
import { isPkcs12, withOpenedPkcs12 } from './registered-pkcs12.ts'
import { registeredWrapped, unwrapWherePossible, wrappedKeyBlockOf } from './registered-wrapped.ts'
import { keyFormOf, withRecord } from './registered.ts'
import type { Registered } from './registered.ts'

/**
 * KMIP 1.4 sections 4.3 and 11.4. The key material is sealed from where it lies in the frame. A missing mask is a mask of 0: MongoDB's
 * older libraries register without one. A wrapped key is unwrapped where its keys are here and may do that, and kept as it came too.
 */
export const register: Handler<typeof Operation.Register> = (request, context) => {
  const wrapped = wrappedKeyBlockOf(request)
  if (wrapped === undefined) {
    if (isPkcs12(request, context.version)) {
      return withOpenedPkcs12(request, context, (opened) => keep(registeredObject(opened, context.version), context))
    }
    return keep(registeredObject(request, context.version), context)
  }
  return unwrapWherePossible(request, wrapped, context, (unwrapped) => {
    if (unwrapped === undefined) return keep(registeredWrapped(request, wrapped), context)
    const { templateAttribute } = request
    return keep({ ...registeredObject({ ...unwrapped, templateAttribute }, context.version), wrapped }, context)
  })
}

function keep(registered: Registered, context: OperationContext): MaybePromise<RegisterResponse> {
  return andFinally(
    () => next(registered.check?.(context), () => create(registered, context)),
    () => registered.wipe?.(),
  )
}

function create(registered: Registered, context: OperationContext): MaybePromise<RegisterResponse> {
  const { unit, version, now } = context
  const { material, wrapped } = registered
  const draft = newObject({
    ...registered,
    id: context.randomBytes(16),
    sequence: unit.objects.nextSequence(),
    keyForm: keyFormOf(registered),
    digest:
      material !== undefined && keepsDigest(registered.objectType)
        ? digestInput(registered.keyFormatType, material, (bytes) => digest('sha256', bytes))
        : undefined,
    keyValuePresent: material !== undefined || wrapped !== undefined || registered.objectType === ObjectType.Template,
    generated: false,
    version,
    now,
  })
  return next(checkNames(unit, draft, 'invalid-field'), () =>
    next(
      withRecord(registered, (record) => unit.create(draft, record)),
      ({ uniqueIdentifier }) => {
        context.idPlaceholder = uniqueIdentifier
        return { uniqueIdentifier }
      },
    ),
  )
}
