import { type AsymmetricKey, asymmetricKey, parseKey } from '../crypto/asymmetric-key.ts'
import { bytesOfSecret, type Secret, secretFromBytes } from '../crypto/secret.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import type { KeyChain, Scope, ServiceKeys, TenantKeys } from '../hierarchy/key-chain.ts'
import type { Lease } from '../hierarchy/lease.ts'
import { rowMismatch } from '../hierarchy/row-mac.ts'
import { limits } from '../limits.ts'
import { type AsymmetricObjectType, keyPartsOf, privateDerForm } from '../objects/asymmetric-format.ts'
import { materialIn } from '../objects/kept-key-block.ts'
import { KeyForm, type ManagedObject } from '../objects/managed-object.ts'
import { pendingOperationType } from '../objects/pending-operation.ts'
import { parseUniqueIdentifier, uniqueIdentifierOf } from '../objects/unique-identifier.ts'
import type { Row } from '../store/schema.ts'
import { LocatePage } from '../store/locate-page.ts'
import type { IndexedQuery, LocateQuery, Store, Unit } from '../store/store.ts'
import { isIndexedByAll } from '../objects/index-values.ts'
import type { IndexValue } from '../objects/index-values.ts'
import { ChangeQueue } from './change-queue.ts'
import { next } from './maybe-promise.ts'
import type { MaybePromise } from './maybe-promise.ts'
import type { DamagedObjects } from './damaged-objects.ts'
import type { IndexAnswers } from './index-answers.ts'
import type { NonceCounts } from './nonce-counts.ts'
import type { ObjectCache } from './object-cache.ts'
import { objectOf, recordContext } from './object-record.ts'
import type { OpenedKeys } from './opened-keys.ts'
import type { ParsedKeys } from './parsed-keys.ts'
import type { Auditor } from './unit-of-work.ts'

/**
 * The stored objects of one service. Everything here is bound to its scope when it is made: nobody hands in a tenant. A row counts only
 * after its MAC was verified; the cache holds none that was not.
 */
export class ObjectsOfService {
  readonly scope: Scope
  readonly nextSequence: () => number
  /** Who changes which object just now. */
  readonly changes = new ChangeQueue()
  readonly #store: Store
  readonly #keyChain: KeyChain
  readonly #cache: ObjectCache
  readonly #parsedKeys: ParsedKeys
  readonly #openedKeys: OpenedKeys
  readonly #nonceCounts: NonceCounts
  readonly #indexAnswers: IndexAnswers
  readonly #damaged: DamagedObjects
  readonly #number: number
  /** Under which lease a key was opened last. */
  #lease: Lease | undefined

  constructor(
    store: Store,
    keyChain: KeyChain,
    caches: CachesOfThread,
    scope: Scope,
    number: number,
    nextSequence: () => number,
  ) {
    this.#store = store
    this.#keyChain = keyChain
    this.#cache = caches.objects
    this.#parsedKeys = caches.parsedKeys
    this.#openedKeys = caches.openedKeys
    this.#nonceCounts = caches.nonceCounts
    this.#indexAnswers = caches.indexAnswers
    this.#damaged = caches.damaged
    this.scope = scope
    this.#number = number
    this.nextSequence = nextSequence
  }

  /** The object as it is stored; undefined when the service has none of that identifier, whoever else may. */
  get(uniqueIdentifier: string): MaybePromise<ManagedObject | undefined> {
    const cached = this.#cache.get(this.#number, uniqueIdentifier)
    return cached ?? this.#load(uniqueIdentifier)
  }

  /** The same for a search: one whose row is not as it was written is not there. */
  undamaged(uniqueIdentifier: string): MaybePromise<ManagedObject | undefined> {
    const object = this.#damaged.leaveOut(() => this.get(uniqueIdentifier))
    if (!(object instanceof Promise)) return object
    return object.catch((error: unknown) => {
      this.#damaged.tell(error)
      return undefined
    })
  }

  /** Keys that open nothing: row MACs and index tokens. */
  tenantKeys(): MaybePromise<TenantKeys> {
    return this.#keyChain.tenant(this.scope.tenant)
  }

  /** Keys that open and seal key material. */
  serviceKeys(): MaybePromise<ServiceKeys> {
    return this.#keyChain.service(this.scope)
  }

  /**
   * The key material of an object that has some, in the clear, for one use: whoever asks for it wipes it.
   * @throws KryptonError key-value-not-present: it is kept wrapped
   */
  open(object: ManagedObject): MaybePromise<Secret> {
    const kept = this.#openedKeys.take(object)
    if (kept !== undefined) return kept
    const keys = this.serviceKeys()
    if (keys instanceof Promise) return keys.then((opened) => this.#open(opened, object))
    return this.#open(keys, object)
  }

  #open(keys: ServiceKeys, object: ManagedObject): Secret {
    const { keyForm, keyVersion, record } = object.fields
    if (keyForm === KeyForm.Wrapped) throw keptWrapped()
    const opened = keys.openObject(recordContext(object), keyVersion, record)
    const secret = keyForm === KeyForm.Plain ? opened : materialOf(opened)
    this.#lease = keys.lease
    return this.#openedKeys.keep(object, secret, keys.isUnderGrant ? undefined : this.#placeOf(object), keys.lease)
  }

  /**
   * Refuses to protect anything with a key that was just opened, where an operator has disabled the link of its system. `lease` is that of its service: the one under which something was opened here last.
   * @throws KryptonError permission-denied
   */
  checkProtects(lease: Lease | undefined = this.#lease): void {
    if (lease === undefined || !lease.opensOnly) return
    throw new KryptonError(
      'permission-denied',
      'Ask the operator of this server: keys of this system open and verify what there is, and protect nothing new until krypton tenant enable',
    )
  }

  /** What the record of an object holds that was registered wrapped (`keptKeyBlock`): whoever asks for it wipes it. */
  openKeptKeyBlock(object: ManagedObject): MaybePromise<Buffer> {
    const { keyVersion, record } = object.fields
    return next(this.serviceKeys(), (keys) => bytesOfSecret(keys.openObject(recordContext(object), keyVersion, record)))
  }

  /** Where the slot of an object stands that is as it is stored; undefined for one that a request has changed, or that is old. */
  #placeOf(object: ManagedObject): { slot: number; version: number } | undefined {
    const place = this.#cache.versionOf(object.fields.id)
    return this.#cache.get(this.#number, object.uniqueIdentifier) === object ? place : undefined
  }

  /**
   * Runs `use` with the key that a Public or Private Key object holds, parsed now or before. It is good until `use` has ended.
   * @throws KryptonError key-format-type-not-supported: the numbers of the key cannot be told
   */
  useKey<T>(object: ManagedObject, use: (key: AsymmetricKey) => MaybePromise<T>): MaybePromise<T> {
    return this.#parsedKeys.use(
      this.#keyName(object.uniqueIdentifier),
      this.#placeOf(object),
      () => next(this.open(object), (secret) => parsedKey(object, secret)),
      use,
      () => this.#lease,
    )
  }

  /** A page of the service's objects, in the order of their sequence: those in which `values` are indexed. */
  page(values: readonly IndexValue[], query: PageQuery): MaybePromise<ManagedObject[]> {
    return this.#rows(values, query, (keys, rows) => rows.map((row) => this.#verified(keys, row)))
  }

  /** The same for a search, which leaves out damaged rows: a page that is full has perhaps fewer objects than rows. */
  searchPage(values: readonly IndexValue[], query: PageQuery): MaybePromise<SearchPage> {
    return this.#rows(values, query, (keys, rows) => {
      const page = new LocatePage(query.limit)
      const objects: ManagedObject[] = []
      for (const row of rows) {
        page.add(row)
        const object = this.#damaged.leaveOut(() => this.#verified(keys, row))
        if (object !== undefined) objects.push(object)
      }
      const last = rows.at(-1)
      return { objects, after: page.isFull && last !== undefined ? last : undefined }
    })
  }

  #rows<T>(
    values: readonly IndexValue[],
    query: PageQuery,
    take: (keys: TenantKeys, rows: readonly Row<'objects'>[]) => T,
  ): MaybePromise<T> {
    return next(this.tenantKeys(), (keys) => {
      const tokens = tokensOf(values, keys)
      // The slots of what will be found are not known yet: what is read here is not put into the cache.
      return next(this.#store.locate({ ...this.scope, ...query, tokens }), (rows) => take(keys, rows))
    })
  }

  /**
   * The identifiers of all objects in which `values` are indexed, in the order of their sequence; undefined when there are too many to read
   * one by one. There is at least one value.
   */
  few(values: readonly IndexValue[]): MaybePromise<readonly string[] | undefined> {
    return next(this.tenantKeys(), (keys) => {
      const single = values.length === 1 ? values[0] : undefined
      const known = single && this.#indexAnswers.get(this.#number, single, keys)
      return known ?? this.#fewOf(values, single, keys)
    })
  }

  #fewOf(
    values: readonly IndexValue[],
    single: IndexValue | undefined,
    keys: TenantKeys,
  ): MaybePromise<readonly string[] | undefined> {
    const tokens = tokensOf(values, keys)
    const place = this.#indexAnswers.versionOf(tokens[0]!.token)
    return next(this.#store.indexed({ ...this.scope, tokens, limit: limits.locateFewMax + 1 }), (found) => {
      if (found.length > limits.locateFewMax) return undefined
      const identifiers = found.map((id) => uniqueIdentifierOf(Buffer.from(id)))
      if (single !== undefined) this.#indexAnswers.set(this.#number, single, keys, { identifiers, ...place })
      return identifiers
    })
  }

  /** Tells the operator that the index leads from a value to an object of this service that does not have it: requests change the rows of both together. */
  tellMisled(object: Buffer): void {
    const { tenant, system, service } = this.scope
    const place = { tenant, system, service, object }
    this.#damaged.tell(rowMismatch('objects', place, 'is found in the index by a value that it does not have'))
  }

  /**
   * Tells it where the index leads from `values`, which few objects have, to this one, and it does not have them or is gone. Its row is read before and after the index,
   * so that nothing is told that another request has changed in between.
   */
  async lookAtIndex(uniqueIdentifier: string, values: readonly IndexValue[]): Promise<void> {
    const object = parseUniqueIdentifier(uniqueIdentifier)
    if (object === undefined) return
    const keys = await this.tenantKeys()
    const key = { ...keyOf(this.scope), object }
    const before = await this.#store.get('objects', key)
    const tokens = tokensOf(values, keys)
    const found = await this.#store.indexed({ ...this.scope, tokens, limit: limits.locateFewMax })
    const row = await this.#store.get('objects', key)
    if (before?.row_version !== row?.row_version || !found.some((id) => object.equals(id))) return
    if (row === undefined) this.#damaged.tell(rowMismatch('objects', key, 'is gone, and the index has it'))
    const stored = row && this.#damaged.leaveOut(() => this.#verified(keys, row))
    if (stored !== undefined && !isIndexedByAll(stored, values)) this.tellMisled(object)
  }

  /** Takes a random nonce for the key: see `NonceCounts`. @throws KryptonError permission-denied */
  takeNonce(object: ManagedObject, audit: Auditor): MaybePromise<void> {
    return this.#nonceCounts.take(this, object, audit)
  }

  /**
   * Makes it durable, with its audit row, that up to `count` nonces more were given out for the key, of `most` in all; says how many.
   * @throws KryptonError store-conflict: another thread was faster
   */
  async leaseNonces(
    { fields }: ManagedObject,
    { count, most }: { readonly count: number; readonly most: number },
    audit: Auditor,
  ): Promise<number> {
    const key = { ...keyOf(this.scope), object: fields.id }
    const keys = await this.tenantKeys()
    const stored = await this.#store.get('nonce_counts', key)
    if (stored !== undefined) keys.verifyRow('nonce_counts', stored)
    const { leased = 0, row_version: expectedVersion = 0 } = stored ?? {}
    const given = Math.min(count, most - leased)
    if (given <= 0) return 0
    const row = { ...key, leased: leased + given, row_version: expectedVersion + 1 }
    const authenticated = { ...row, mac: keys.macRow('nonce_counts', row) }
    const change =
      stored === undefined
        ? ({ table: 'nonce_counts', kind: 'insert', row: authenticated } as const)
        : ({ table: 'nonce_counts', kind: 'update', row: authenticated, expectedVersion } as const)
    const detail = `${given} nonces leased, ${row.leased} in all`
    await this.commit({ section: 'data', changes: [change], audit: [{ ...audit(fields.id), detail }] })
    return given
  }

  /** The asynchronous operations of the service that are kept, at most so many: those of all its clients. */
  async pendingOperations(limit: number): Promise<ManagedObject[]> {
    const keys = await this.tenantKeys()
    const rows = await this.#store.find('objects', { ...this.scope, object_type: pendingOperationType }, { limit })
    return rows.map((row) => this.#verified(keys, row))
  }

  /** One of them; undefined when there is none of that Asynchronous Correlation Value. */
  async pendingOperation(correlationValue: Buffer): Promise<ManagedObject | undefined> {
    const keys = await this.tenantKeys()
    const row = await this.#store.get('objects', { ...this.scope, object: correlationValue })
    return row?.object_type === pendingOperationType ? this.#verified(keys, row) : undefined
  }

  /** The record of the answer of such an operation. */
  sealAnswer(keys: ServiceKeys, pending: ManagedObject, answer: Uint8Array): Buffer {
    return keys.sealObject(recordContext(pending), answer)
  }

  /** The answer in such a record. */
  async openAnswer(answered: ManagedObject): Promise<Buffer> {
    const { keyVersion, record } = answered.fields
    const secret = (await this.serviceKeys()).openObject(recordContext(answered), keyVersion, record)
    const answer = Buffer.allocUnsafeSlow(secret.byteLength)
    secret.copyInto(answer, 0)
    secret.wipe()
    return answer
  }

  /** Makes a unit durable. */
  commit(unit: Unit): Promise<void> {
    return this.#store.commit(unit)
  }

  /** Lets go of an object that turned out to be older than the store's. */
  forget(uniqueIdentifier: string): void {
    this.#cache.delete(this.#number, uniqueIdentifier)
    this.#forgetParsed(uniqueIdentifier)
  }

  /** Wipes what is kept of the key of an object whose state has changed; `before` is the object as it was. */
  forgetKey(before: ManagedObject): void {
    this.#openedKeys.forget(before)
    this.#forgetParsed(before.uniqueIdentifier)
  }

  #forgetParsed(uniqueIdentifier: string): void {
    this.#parsedKeys.forget(this.#keyName(uniqueIdentifier))
  }

  /** Names an object among those of all services: an Import gives an object the identifier that it has elsewhere, perhaps in another service. */
  nameInThread({ uniqueIdentifier }: ManagedObject): string {
    return this.#keyName(uniqueIdentifier)
  }

  #keyName(uniqueIdentifier: string): string {
    return `${this.#number}:${uniqueIdentifier}`
  }

  #load(uniqueIdentifier: string): MaybePromise<ManagedObject | undefined> {
    const object = parseUniqueIdentifier(uniqueIdentifier)
    if (object === undefined) return undefined
    const { tenant, system, service } = this.scope
    const place = this.#cache.versionOf(object)
    return next(this.tenantKeys(), (keys) =>
      next(this.#store.get('objects', { tenant, system, service, object }), (row) => {
        if (row === undefined || row.object_type === pendingOperationType) return undefined
        keys.verifyRow('objects', row)
        const managed = objectOf(row)
        this.#cache.set(this.#number, managed, place)
        return managed
      }),
    )
  }

  #verified(keys: TenantKeys, row: Row<'objects'>): ManagedObject {
    keys.verifyRow('objects', row)
    return objectOf(row)
  }
}

function keyOf({ tenant, system, service }: Scope): Scope {
  return { tenant, system, service }
}

/** What a thread remembers of all services; the number of each sets it apart. */
export interface CachesOfThread {
  readonly objects: ObjectCache
  readonly parsedKeys: ParsedKeys
  readonly openedKeys: OpenedKeys
  readonly nonceCounts: NonceCounts
  readonly indexAnswers: IndexAnswers
  readonly damaged: DamagedObjects
}

/** What the store's index holds for these values. */
function tokensOf(values: readonly IndexValue[], keys: TenantKeys): IndexedQuery['tokens'] {
  return values.map(({ attribute, bytes }) => ({ attribute, token: keys.indexToken(attribute, bytes) }))
}

/** A page of a search. */
export interface SearchPage {
  readonly objects: readonly ManagedObject[]
  /** Where the next page begins; undefined after the last one. */
  readonly after: { readonly sequence: number; readonly object: Buffer } | undefined
}

/** What a page is asked for, besides the index values. */
export type PageQuery = Omit<LocateQuery, 'tenant' | 'system' | 'service' | 'tokens'>

/** Who opens one that is kept wrapped has not asked whether it can be. */
function keptWrapped(): KryptonError {
  return new KryptonError(
    'key-value-not-present',
    'The key is kept wrapped, as it was registered: it cannot be used here',
  )
}

/** The material in a record that holds the Key Block as it came too; that is wiped. */
function materialOf(opened: Secret): Secret {
  const kept = bytesOfSecret(opened)
  try {
    return secretFromBytes(materialIn(kept), 'object')
  } finally {
    kept.fill(0)
  }
}

/** Parses a key, where it lies when that is possible, and wipes the material that it was in. */
function parsedKey({ fields }: ManagedObject, secret: Secret): AsymmetricKey {
  const objectType = fields.objectType as AsymmetricObjectType // checkUse has let no other object through
  const form = privateDerForm(objectType, fields.keyFormatType)
  const material = Buffer.allocUnsafeSlow(secret.byteLength)
  try {
    const parsed = form === undefined ? undefined : attempt(() => parseKey(secret, form))
    if (parsed !== undefined) return parsed
    secret.copyInto(material, 0)
    return asymmetricKey(keyPartsOf(objectType, fields.keyFormatType, material))
  } finally {
    material.fill(0)
    secret.wipe()
  }
}

/** PKCS#8 that is encrypted does not parse: what is to be said of it is found out from its bytes. */
function attempt(parse: () => AsymmetricKey): AsymmetricKey | undefined {
  try {
    return parse()
  } catch (error) {
    if (isKryptonError(error, 'invalid-field')) return undefined
    throw error
  }
}
