import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import { State } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { stateName } from '../objects/state.ts'
import type { Handler } from './handler.ts'

/**
 * KMIP 1.4 sections 4.17 and 11.18. A lease says how long a client may go on with what it knows of an object; nothing of the object changes by it. There
 * is none for an object that is destroyed or compromised, nor for one that has no Lease Time.
 */
export const obtainLease: Handler<typeof Operation.ObtainLease> = (request, context) =>
  next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    const state = object.stateAt(context.now)
    if (withoutLease.has(state)) {
      throw new KryptonError(
        'permission-denied',
        `The object is ${stateName(state)}: there is no lease for it any more`,
      )
    }
    const leaseTime = object.attributes.first('leaseTime')
    if (leaseTime === undefined) {
      throw new KryptonError('permission-denied', 'The object has no Lease Time: only cryptographic objects have one')
    }
    const lastChangeDate = object.attributes.first('lastChangeDate')
    if (lastChangeDate === undefined) throw new Error('an object without Last Change Date')
    return { uniqueIdentifier: object.uniqueIdentifier, leaseTime, lastChangeDate }
  })

const withoutLease: ReadonlySet<State> = new Set([State.Compromised, State.Destroyed, State.DestroyedCompromised])
