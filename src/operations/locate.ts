import { KryptonError } from '../errors.ts'
import { indexValueOf } from '../objects/index-values.ts'
import type { IndexValue } from '../objects/index-values.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { search } from '../keystore/search.ts'
import type { SearchQuery, SearchResult } from '../keystore/search.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { ObjectGroupMember, State, StorageStatusMask } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { LocateRequest, LocateResponse } from '../kmip/payloads/locate.ts'
import { limits } from '../limits.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { matcherOf } from '../objects/match.ts'
import { isDestroyed } from '../objects/state.ts'
import type { Handler, OperationContext } from './handler.ts'

/**
 * KMIP 1.4 sections 4.9 and 11.10. Objects come in the order in which they were made. Destroyed ones are left out unless the
 * filters ask for a state or a Destroy Date: clients get every key that they locate. Located Items comes with an answer
 * to Offset Items, when the count is at hand.
 */
export const locate: Handler<typeof Operation.Locate> = (request, context) => {
  const { maximumItems, offsetItems } = request
  if ((maximumItems ?? 0) < 0 || (offsetItems ?? 0) < 0) {
    throw new KryptonError('invalid-field', 'Send Maximum Items and Offset Items of 0 or more')
  }
  return next(find(request, context), (result) => answer(request, result, context))
}

function answer(request: LocateRequest, { objects, total }: SearchResult, context: OperationContext): LocateResponse {
  const { maximumItems, offsetItems } = request
  const isSingle = objects.length === 1 && (maximumItems === 1 || (offsetItems ?? 0) === 0)
  // With several matches the placeholder is emptied, so that what follows cannot hit a chance object.
  context.idPlaceholder = isSingle ? objects[0]!.uniqueIdentifier : undefined
  return {
    locatedItems: offsetItems === undefined ? undefined : total,
    uniqueIdentifiers: objects.map(({ uniqueIdentifier }) => uniqueIdentifier),
  }
}

function find(request: LocateRequest, context: OperationContext): MaybePromise<SearchResult> {
  const { attributes, storageStatusMask, objectGroupMember, maximumItems, offsetItems } = request
  const query = queryOf(request, context)
  // Nothing is archived, so a mask without on-line storage asks for nothing.
  if (storageStatusMask !== undefined && (storageStatusMask & StorageStatusMask.OnLineStorage) === 0) return nothing
  const identifier = attributes.find(({ name }) => name === 'uniqueIdentifier')?.value
  if (typeof identifier === 'string') return findOne(identifier, query, context)
  // The default member of a group is its oldest.
  const isDefault = objectGroupMember === ObjectGroupMember.GroupMemberDefault
  const limit = Math.min(maximumItems ?? limits.locateItemsMax, isDefault ? 1 : limits.locateItemsMax)
  const count = context.version >= 13 && offsetItems !== undefined
  return search(context.unit, { ...query, offset: offsetItems ?? 0, limit, count })
}

function findOne(identifier: string, { matches }: Query, { unit }: OperationContext): MaybePromise<SearchResult> {
  const changed = unit.changed().find(({ uniqueIdentifier }) => uniqueIdentifier === identifier)
  return next(changed ?? unit.objects.get(identifier), (object) =>
    object !== undefined && matches?.(object) !== false ? { objects: [object], total: 1 } : nothing,
  )
}

type Query = Pick<SearchQuery, 'values' | 'objectType' | 'states' | 'matches' | 'now'>

function queryOf({ attributes, objectGroupMember }: LocateRequest, { now }: OperationContext): Query {
  const states = attributes.filter(({ name }) => name === 'state').map(({ value }) => value as State) // the codec read it so
  const wantsDestroyed = states.length > 0 || attributes.some(({ name }) => asksForDestroyed.has(name))
  const values: IndexValue[] = []
  for (const filter of attributes) {
    // The index holds no Names of destroyed objects.
    const value = wantsDestroyed && filter.name === 'name' ? undefined : indexValueOf(filter)
    if (value !== undefined) values.push(value)
  }
  const isFresh = objectGroupMember === ObjectGroupMember.GroupMemberFresh
  const isIndexed = !isFresh && !wantsDestroyed && attributes.every(({ name }) => exactlyIndexed(name))
  const matches = matcherOf(attributes)
  return {
    values,
    objectType: attributes.find(({ name }) => name === 'objectType')?.value as number | undefined, // the codec read it so
    states: states.length > 0 ? states : wantsDestroyed ? undefined : liveStates,
    matches:
      isIndexed && !contradicts(attributes)
        ? undefined
        : (object: ManagedObject) =>
            (wantsDestroyed || !isDestroyed(object.stateAt(now))) &&
            (!isFresh || object.serving.fresh) &&
            matches(object.attributesAt(now)),
    now,
  }
}

/** Filters that the index answers to the letter. */
function exactlyIndexed(name: string): boolean {
  return name === 'objectType' || name === 'objectGroup' || name.startsWith('x-') || name.startsWith('y-')
}

/** Two Object Types at once: nothing is both. */
function contradicts(attributes: readonly WireAttribute[]): boolean {
  return attributes.filter(({ name }) => name === 'objectType').length > 1
}

const nothing: SearchResult = { objects: [], total: 0 }

const liveStates = [State.PreActive, State.Active, State.Deactivated, State.Compromised]

const asksForDestroyed: ReadonlySet<string> = new Set(['destroyDate'])
