import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import { ObjectType, RevocationReasonCode, State } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { stateAfterRevoke } from '../objects/state.ts'
import { hasState } from '../objects/stored-attributes.ts'
import type { Handler } from './handler.ts'
import { changedObject } from './object-change.ts'

/**
 * KMIP 1.4 sections 4.20 and 11.21. What was compromised stays so, and the dates of the first revocation of its kind stay; the reason is
 * the last one.
 */
export const revoke: Handler<typeof Operation.Revoke> = (request, context) => {
  const { unit, now } = context
  const { revocationReason, compromiseOccurrenceDate } = request
  const code = revocationReason.revocationReasonCode
  if (!reasonCodes.has(code)) {
    throw new KryptonError('invalid-field', 'Send a Revocation Reason Code of the specification')
  }
  const compromised = code === RevocationReasonCode.KeyCompromise || code === RevocationReasonCode.CACompromise
  if (!compromised && compromiseOccurrenceDate !== undefined) {
    throw new KryptonError('invalid-field', 'Send Compromise Occurrence Date only with a compromise')
  }
  if (compromiseOccurrenceDate !== undefined && compromiseOccurrenceDate > now) {
    throw new KryptonError('invalid-field', 'Send a Compromise Occurrence Date that is not yet to come')
  }
  return next(unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    if (object.fields.objectType === ObjectType.Template) {
      throw new KryptonError('illegal-operation', 'Destroy the Template: there is nothing in it that is revoked')
    }
    const before = object.stateAt(now)
    const state = stateAfterRevoke(before, { compromised })
    const attributes = object.attributes.clone()
    attributes.set('revocationReason', revocationReason)
    if (compromised) {
      if (!attributes.has('compromiseDate')) attributes.set('compromiseDate', now)
      const occurred = compromiseOccurrenceDate ?? attributes.first('compromiseOccurrenceDate')
      attributes.set('compromiseOccurrenceDate', occurred ?? attributes.first('initialDate') ?? now)
    } else if (before !== State.Deactivated && hasState(object.fields.objectType)) {
      attributes.set('deactivationDate', now)
    }
    const { uniqueIdentifier } = unit.update(object, changedObject(object, now, attributes, { state }))
    return { uniqueIdentifier }
  })
}

const reasonCodes: ReadonlySet<number> = new Set(Object.values(RevocationReasonCode))
