import { setImmediate } from 'node:timers/promises'
import { limits } from '../limits.ts'
import type { ManagedObject, ObjectFields } from '../objects/managed-object.ts'
import { indexValuesOf } from '../objects/index-values.ts'
import type { IndexValue } from '../objects/index-values.ts'
import type { MaybePromise } from './maybe-promise.ts'
import type { PageQuery } from './objects-of-service.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/** What to look for among a service's objects. */
export interface SearchQuery {
  /** The objects that have all of these indexed; none means all objects. */
  readonly values: readonly IndexValue[]
  readonly objectType?: number
  /** The object may be in one of these at `now`; `matches` has the last word. */
  readonly states?: readonly ObjectFields['state'][]
  /** Everything else; undefined when the index says all there is to say. */
  readonly matches: ((object: ManagedObject) => boolean) | undefined
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
 * search that the index answers reads no row that it does not return; any other reads page by page, and lets others on in between.
 */
export function search(unit: UnitOfWork, query: SearchQuery): MaybePromise<SearchResult> {
  return new Search(unit, query).run()
}

class Search {
  readonly #unit: UnitOfWork
  readonly #query: SearchQuery
  readonly #pageRows: number
  /** Matching objects that the request itself made or changed, first in order first. */
  readonly #changed: ManagedObject[]
  readonly #objects: ManagedObject[] = []
  #seen = 0
  #offset: number | undefined
  #after: PageQuery['after']

  constructor(unit: UnitOfWork, query: SearchQuery) {
    this.#unit = unit
    this.#query = query
    this.#changed = unit.changed().filter((object) => this.#isWanted(object))
    this.#changed.sort(compareInOrder)
    const isExact = query.matches === undefined && unit.changed().length === 0
    if (isExact) {
      // The store skips what the client has seen before: paging through many objects stays linear.
      this.#offset = query.offset
      this.#seen = query.offset
    }
    this.#pageRows = isExact && !query.count ? query.limit : limits.locatePageRows
  }

  run(): MaybePromise<SearchResult> {
    if (this.#query.limit === 0) return { objects: [], total: undefined }
    for (let pages = 1; ; pages++) {
      const page = this.#unit.objects.page(this.#query.values, this.#pageQuery())
      if (page instanceof Promise) return page.then((read) => this.#take(read) ?? this.run())
      const result = this.#take(page)
      if (result !== undefined) return result
      if (pages === pagesInOneTurn) return setImmediate().then(() => this.run())
    }
  }

  #pageQuery(): PageQuery {
    const { objectType, states, now } = this.#query
    return { objectType, states, now, after: this.#after, offset: this.#offset, limit: this.#pageRows }
  }

  /** Takes a page in; the result when there is nothing more to read. */
  #take(page: readonly ManagedObject[]): SearchResult | undefined {
    for (const object of page) {
      while (this.#changed.length > 0 && compareInOrder(this.#changed[0]!, object) < 0)
        this.#found(this.#changed.shift()!)
      if (!this.#unit.hasChanged(object.uniqueIdentifier) && this.#query.matches?.(object) !== false)
        this.#found(object)
    }
    if (page.length < this.#pageRows) {
      for (const object of this.#changed) this.#found(object)
      return { objects: this.#objects, total: this.#total() }
    }
    if (this.#objects.length >= this.#query.limit) return { objects: this.#objects, total: undefined }
    const last = page.at(-1)!.fields
    this.#after = { sequence: last.sequence, object: last.id }
    this.#offset = undefined
    return undefined
  }

  #found(object: ManagedObject): void {
    this.#seen++
    if (this.#seen > this.#query.offset && this.#objects.length < this.#query.limit) this.#objects.push(object)
  }

  /** Skipped rows were counted as if they were all there: an empty page beyond the end says nothing of them. */
  #total(): number | undefined {
    return this.#offset !== undefined && this.#seen === this.#query.offset && this.#offset > 0 ? undefined : this.#seen
  }

  #isWanted(object: ManagedObject): boolean {
    const { objectType, states, matches, now, values } = this.#query
    if (objectType !== undefined && object.fields.objectType !== objectType) return false
    if (states !== undefined && !states.includes(object.stateAt(now))) return false
    if (matches !== undefined) return matches(object)
    return values.every((value) => isIndexed(object, value))
  }
}

function isIndexed(object: ManagedObject, { attribute, bytes }: IndexValue): boolean {
  return indexValuesOf(object).has(`${attribute}\0${bytes.toString('latin1')}`)
}

function compareInOrder({ fields: a }: ManagedObject, { fields: b }: ManagedObject): number {
  return a.sequence - b.sequence || Buffer.compare(a.id, b.id)
}

/** Pages that are read before others get their turn: about 8 ms of work. */
const pagesInOneTurn = 4
