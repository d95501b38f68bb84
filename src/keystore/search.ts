import { setImmediate } from 'node:timers/promises'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { isIndexedByAll } from '../objects/index-values.ts'
import type { IndexValue } from '../objects/index-values.ts'
import type { ManagedObject, ObjectFields } from '../objects/managed-object.ts'
import { pendingOperationType } from '../objects/pending-operation.ts'
import { next } from './maybe-promise.ts'
import type { MaybePromise } from './maybe-promise.ts'
import { storedStates } from './object-record.ts'
import type { PageQuery, SearchPage } from './objects-of-service.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/** What to look for among a service's objects. */
export interface SearchQuery {
  /** Only objects that have all of these indexed are read; none means all objects. */
  readonly values: readonly IndexValue[]
  readonly objectType?: number
  /** The object may be in one of these at `now`. */
  readonly states?: readonly ObjectFields['state'][]
  /** Where it is kept: at least one of the two. */
  readonly onLine: boolean
  readonly archival: boolean
  /** Is it wanted? Nothing is found that was not asked: an index only says where to look. */
  readonly matches: (object: ManagedObject) => boolean
  /** What is read matches, unless somebody has edited the index: so what the offset skips need not be read. */
  readonly exact: boolean
  /** Seconds since 1970. */
  readonly now: number
  readonly offset: number
  readonly limit: number
  /** Count the matches, as far as one page shows them. */
  readonly count: boolean
}

export interface SearchResult {
  readonly objects: readonly ManagedObject[]
  /** How many match in all; undefined when the search ended before it knew. */
  readonly total: number | undefined
}

/**
 * Finds objects in the order in which they were made, as the request sees them: its own changes are merged with what is stored. A
 * search that the index answers reads no row that it does not return, and none at all of objects that are in the cache when there are few; any
 * other reads page by page, and lets others on in between.
 * @throws KryptonError invalid-field: it reads too much
 */
export function search(unit: UnitOfWork, query: SearchQuery): MaybePromise<SearchResult> {
  return new Search(unit, query).run()
}

class Search {
  readonly #unit: UnitOfWork
  readonly #query: SearchQuery
  readonly #pageRows: number
  readonly #states: readonly number[] | undefined
  /** Matching objects that the request itself made or changed, first in order first. */
  readonly #changed: ManagedObject[]
  readonly #objects: ManagedObject[] = []
  #seen = 0
  #offset: number | undefined
  #after: PageQuery['after']
  #pages = 0
  /** Where the index has led to, of few, and it is not so: it was changed from outside, or by another request since. */
  readonly #doubtful: string[] = []
  #isOneByOne = false

  constructor(unit: UnitOfWork, query: SearchQuery) {
    this.#unit = unit
    this.#query = query
    this.#states = query.states && storedStates(query.states, query)
    this.#changed = unit.changed().filter(query.matches)
    this.#changed.sort(compareInOrder)
    const isExact = query.exact && unit.changed().length === 0
    if (isExact) {
      // The store skips what the client has seen before: paging through many objects stays linear.
      this.#offset = query.offset
      this.#seen = query.offset
    }
    this.#pageRows = isExact && !query.count ? Math.min(query.limit, limits.locatePageRows) : limits.locatePageRows
  }

  run(): MaybePromise<SearchResult> {
    const { limit, values } = this.#query
    if (limit === 0) return { objects: [], total: undefined }
    if (values.length === 0) return this.#readPages()
    const found = next(this.#unit.objects.few(values), (few) =>
      few === undefined ? this.#readPages() : this.#readFew(few),
    )
    return next(found, (result) => (this.#doubtful.length === 0 ? result : this.#lookAgain(result)))
  }

  async #lookAgain(result: SearchResult): Promise<SearchResult> {
    for (const identifier of this.#doubtful) await this.#unit.objects.lookAtIndex(identifier, this.#query.values)
    return result
  }

  /** One by one: `identifiers` are all that there are. */
  #readFew(identifiers: readonly string[]): MaybePromise<SearchResult> {
    const objects = identifiers.map((identifier) => this.#unit.objects.undamaged(identifier))
    this.#isOneByOne = true
    this.#offset = undefined
    this.#seen = 0
    const isHere = (object: (typeof objects)[number]): object is ManagedObject | undefined =>
      !(object instanceof Promise)
    if (objects.every(isHere)) return this.#takeAll(identifiers, objects)
    return Promise.all(objects.map(async (object) => object)).then((loaded) => this.#takeAll(identifiers, loaded))
  }

  #takeAll(identifiers: readonly string[], read: readonly (ManagedObject | undefined)[]): SearchResult {
    for (const [at, object] of read.entries()) {
      if (object === undefined) this.#doubtful.push(identifiers[at]!)
      else this.#merge(object)
    }
    for (const object of this.#changed) this.#found(object)
    return { objects: this.#objects, total: this.#seen }
  }

  #readPages(): MaybePromise<SearchResult> {
    for (;;) {
      const page = this.#unit.objects.searchPage(this.#query.values, this.#pageQuery())
      if (page instanceof Promise) return page.then((read) => this.#take(read) ?? this.#readPages())
      const result = this.#take(page)
      if (result !== undefined) return result
      if (this.#pages % pagesInOneTurn === 0) return setImmediate().then(() => this.#readPages())
    }
  }

  #pageQuery(): PageQuery {
    const { objectType, now } = this.#query
    return { objectType, states: this.#states, now, after: this.#after, offset: this.#offset, limit: this.#pageRows }
  }

  /** Takes a page in; the result when there is nothing more to read. */
  #take({ objects, after }: SearchPage): SearchResult | undefined {
    for (const object of objects) this.#merge(object)
    if (after === undefined) {
      for (const object of this.#changed) this.#found(object)
      return { objects: this.#objects, total: this.#total() }
    }
    if (this.#objects.length >= this.#query.limit) return { objects: this.#objects, total: undefined }
    if (++this.#pages === limits.locatePagesMax) throw tooMuch()
    this.#after = { sequence: after.sequence, object: after.object }
    this.#offset = undefined
    return undefined
  }

  /** A stored object, after those of the request's own that come before it. */
  #merge(object: ManagedObject): void {
    while (this.#changed.length > 0 && compareInOrder(this.#changed[0]!, object) < 0)
      this.#found(this.#changed.shift()!)
    if (object.fields.objectType === pendingOperationType || this.#unit.hasChanged(object.uniqueIdentifier)) return
    if (this.#query.matches(object)) this.#found(object)
    else if (!isIndexedByAll(object, this.#query.values)) this.#misled(object)
  }

  /** A page is read together with the index: of what it has, nothing has changed in between. */
  #misled({ fields, uniqueIdentifier }: ManagedObject): void {
    if (this.#isOneByOne) this.#doubtful.push(uniqueIdentifier)
    else this.#unit.objects.tellMisled(fields.id)
  }

  #found(object: ManagedObject): void {
    this.#seen++
    if (this.#seen > this.#query.offset && this.#objects.length < this.#query.limit) this.#objects.push(object)
  }

  /** Skipped rows were counted as if they were all there: an empty page beyond the end says nothing of them. */
  #total(): number | undefined {
    return this.#offset !== undefined && this.#seen === this.#query.offset && this.#offset > 0 ? undefined : this.#seen
  }
}

function tooMuch(): KryptonError {
  return new KryptonError(
    'invalid-field',
    `Ask for a Name, an Object Group or a custom attribute too: this search has read ${limits.locatePagesMax} pages of objects, and there are more`,
  )
}

function compareInOrder({ fields: a }: ManagedObject, { fields: b }: ManagedObject): number {
  return a.sequence - b.sequence || Buffer.compare(a.id, b.id)
}

/** Pages that are read before others get their turn: about 8 ms of work. */
const pagesInOneTurn = 4
