import { KryptonError } from '../errors.ts'
import { indexValueOf } from '../objects/index-values.ts'
import type { IndexValue } from '../objects/index-values.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { search } from '../keystore/search.ts'
import type { SearchQuery, SearchResult } from '../keystore/search.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { ObjectGroupMember, StorageStatusMask } from '../kmip/enums.ts'
import type { ObjectType, Operation, State } from '../kmip/enums.ts'
import type { LocateRequest, LocateResponse } from '../kmip/payloads/locate.ts'
import { limits } from '../limits.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { matcherOf } from '../objects/match.ts'
import { isDestroyed, liveStates } from '../objects/state.ts'
import { attributesOf, hasUnkeptDigest } from './attributes-of.ts'
import type { Handler, OperationContext } from './handler.ts'

/**
 * KMIP 1.4 sections 4.9 and 11.10. Objects come in the order in which they were made. Destroyed ones are left out unless the
 * filters ask for a state or a Destroy Date: clients get every key that they locate. Located Items comes with an answer
 * to Offset Items, when the count is at hand.
 */
export const locate: Handler<typeof Operation.Locate> = (request, context) => {
  const { maximumItems, offsetItems, objectGroupMember, storageStatusMask } = request
  if ((maximumItems ?? 0) < 0 || (offsetItems ?? 0) < 0) {
    throw new KryptonError('invalid-field', 'Send Maximum Items and Offset Items of 0 or more')
  }
  if (storageStatusMask !== undefined && (storageStatusMask & ~storageStatusBits) !== 0) {
    throw new KryptonError('invalid-field', 'Send a Storage Status Mask of On-line storage, Archival storage or both')
  }
  // Left out, it would find every member.
  if (objectGroupMember !== undefined && !groupMembers.has(objectGroupMember)) {
    throw new KryptonError('invalid-field', 'Send an Object Group Member of Group Member Fresh or Group Member Default')
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
  if (storageStatusMask === 0) return nothing
  const identifier = attributes.find(({ name }) => name === 'uniqueIdentifier')?.value
  // The default member of a group is its oldest.
  const isDefault = objectGroupMember === ObjectGroupMember.GroupMemberDefault
  const limit = Math.min(maximumItems ?? limits.locateItemsMax, isDefault ? 1 : limits.locateItemsMax)
  const page: Page = { offset: offsetItems ?? 0, limit }
  if (attributes.some(({ name }) => name === 'digest'))
    return findByDigest(identifier, { attributes, query, page }, context)
  if (typeof identifier === 'string') return findOne(identifier, query, page, context)
  const count = context.version >= 13 && offsetItems !== undefined
  return search(context.unit, { ...query, ...page, count })
}

/**
 * Of some objects the digest is made when it is asked for: whether they have the one that is looked for shows when they are opened. So first come all
 * that may have it.
 * @throws KryptonError invalid-field: these are too many
 */
function findByDigest(
  identifier: unknown,
  { attributes, query, page }: DigestSearch,
  context: OperationContext,
): MaybePromise<SearchResult> {
  const everything: Page = { offset: 0, limit: limits.locateItemsMax }
  const found =
    typeof identifier === 'string'
      ? findOne(identifier, query, everything, context)
      : search(context.unit, { ...query, ...everything, count: false })
  const matches = matcherOf(attributes.filter(({ name }) => name === 'digest'))
  return next(found, ({ objects: candidates }) => {
    if (candidates.length === limits.locateItemsMax) {
      throw new KryptonError(
        'invalid-field',
        `Ask for more than a Digest: that of secrets shows when they are opened, and there are ${limits.locateItemsMax} or more`,
      )
    }
    const objects: ManagedObject[] = []
    const look = (from: number): MaybePromise<SearchResult> => {
      const object = candidates[from]
      if (object === undefined) {
        return { objects: objects.slice(page.offset, page.offset + page.limit), total: objects.length }
      }
      const own = hasUnkeptDigest(object) ? attributesOf(object, context) : object.attributes
      return next(own, (opened) => {
        if (matches(opened)) objects.push(object)
        return look(from + 1)
      })
    }
    return look(0)
  })
}

interface DigestSearch {
  readonly attributes: readonly WireAttribute[]
  readonly query: Query
  readonly page: Page
}

function findOne(identifier: string, query: Query, page: Page, { unit }: OperationContext): MaybePromise<SearchResult> {
  const changed = unit.changed().find(({ uniqueIdentifier }) => uniqueIdentifier === identifier)
  return next(changed ?? unit.objects.get(identifier), (object) => {
    if (object === undefined || !query.matches(object)) return nothing
    return { objects: [object].slice(page.offset, page.offset + page.limit), total: 1 }
  })
}

type Page = Pick<SearchQuery, 'offset' | 'limit'>

type Query = Omit<SearchQuery, keyof Page | 'count'>

/**
 * @throws KryptonError invalid-field: too many filters, or some that mean nothing
 */
function queryOf(request: LocateRequest, { now, unit }: OperationContext): Query {
  const { guard } = unit
  const { attributes, objectGroupMember, storageStatusMask = StorageStatusMask.OnLineStorage } = request
  if (attributes.length > limits.locateFiltersMax) {
    throw new KryptonError('invalid-field', `Send at most ${limits.locateFiltersMax} attributes to Locate by`)
  }
  const onLine = (storageStatusMask & StorageStatusMask.OnLineStorage) !== 0
  const archival = (storageStatusMask & StorageStatusMask.ArchivalStorage) !== 0
  const states = valuesOf<State>(attributes, 'state')
  const objectTypes = valuesOf<ObjectType>(attributes, 'objectType')
  const wantsDestroyed = states.length > 0 || attributes.some(({ name }) => asksForDestroyed.has(name))
  const isFresh = objectGroupMember === ObjectGroupMember.GroupMemberFresh
  const values = indexedValues(attributes, wantsDestroyed)
  const others = attributes.filter(({ name }) => name !== 'objectType' && name !== 'digest')
  const matchesOthers = matcherOf(others)
  const digests = attributes.filter(({ name }) => name === 'digest')
  const matchesDigests = matcherOf(digests)
  return {
    values: values.slice(0, limits.locateTokensMax),
    objectType: objectTypes[0],
    states: states.length > 0 ? states : wantsDestroyed ? undefined : liveStates,
    onLine,
    archival,
    matches: (object) =>
      (object.fields.archived ? archival : onLine) &&
      (wantsDestroyed || !isDestroyed(object.stateAt(now))) &&
      (!isFresh || object.serving.fresh) &&
      (guard === undefined || guard.permits(object)) &&
      objectTypes.every((objectType) => object.fields.objectType === objectType) &&
      // Attributes are decoded for those who ask for them.
      (others.length === 0 || matchesOthers(object.attributesAt(now))) &&
      (digests.length === 0 || hasUnkeptDigest(object) || matchesDigests(object.attributes)),
    exact:
      !isFresh &&
      (!archival || states.length === 0) &&
      guard === undefined &&
      !wantsDestroyed &&
      objectTypes.length <= 1 &&
      values.length <= limits.locateTokensMax &&
      attributes.every(({ name }) => exactlyIndexed(name)),
    now,
  }
}

/** The different values of a filter. */
function valuesOf<T>(attributes: readonly WireAttribute[], name: string): T[] {
  const values = attributes.filter((filter) => filter.name === name).map(({ value }) => value as T) // the codec read it so
  return [...new Set(values)]
}

/** What to ask the index for, each value once. */
function indexedValues(attributes: readonly WireAttribute[], wantsDestroyed: boolean): IndexValue[] {
  const values = new Map<string, IndexValue>()
  for (const filter of attributes) {
    // The index holds no Names of destroyed objects.
    const value = wantsDestroyed && filter.name === 'name' ? undefined : indexValueOf(filter)
    if (value !== undefined) values.set(`${value.attribute}\0${value.bytes.toString('latin1')}`, value)
  }
  return [...values.values()]
}

/** Filters that the index answers to the letter. */
function exactlyIndexed(name: string): boolean {
  return name === 'objectType' || name === 'objectGroup' || name.startsWith('x-') || name.startsWith('y-')
}

const nothing: SearchResult = { objects: [], total: 0 }

const asksForDestroyed: ReadonlySet<string> = new Set(['destroyDate'])

const storageStatusBits = StorageStatusMask.OnLineStorage | StorageStatusMask.ArchivalStorage

const groupMembers: ReadonlySet<number> = new Set(Object.values(ObjectGroupMember))
