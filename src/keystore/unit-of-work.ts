import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import type { TenantKeys } from '../hierarchy/key-chain.ts'
import { isGone } from '../objects/managed-object.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { isDestroyed } from '../objects/state.ts'
import type { AuditRow } from '../store/schema.ts'
import type { Change } from '../store/store.ts'
import type { AnswerBytes } from './copied-once.ts'
import { secretCopiedOnce } from './copied-once.ts'
import type { ObjectGuard } from './object-guard.ts'
import { indexValuesOf, sameIndexedValues } from '../objects/index-values.ts'
import type { LoopTurn } from './loop-turn.ts'
import { next } from './maybe-promise.ts'
import type { MaybePromise } from './maybe-promise.ts'
import { recordContext, rowOf } from './object-record.ts'
import type { ObjectsOfService } from './objects-of-service.ts'

/** The audit row of a change of that object, by whoever runs the unit. */
export type Auditor = (object: Buffer) => AuditRow

/** A place in a unit to which it can be taken back. */
export interface Mark {
  readonly steps: number
  readonly answers: number
}

interface Pending {
  /** As it is stored; undefined for an object that is made here. */
  readonly stored: ManagedObject | undefined
  readonly current: ManagedObject
}

interface Step {
  readonly uniqueIdentifier: string
  readonly before: Pending | undefined
  readonly audit: AuditRow
}

/**
 * What one request reads and changes. Reads see the request's own changes; nothing is written before `commit`, which writes all of it at
 * once with its audit rows and says which versions of the rows it was computed from. Dropping the unit undoes it.
 */
export class UnitOfWork {
  readonly objects: ObjectsOfService
  readonly guard: ObjectGuard | undefined
  readonly #audit: Auditor
  #pending: Map<string, Pending> | undefined
  readonly #steps: Step[] = []
  readonly #answers: AnswerBytes[] = []

  /** `guard`: what the role of whoever asks says of objects, where it says anything. */
  constructor(objects: ObjectsOfService, audit: Auditor, guard?: ObjectGuard) {
    this.objects = objects
    this.guard = guard
    this.#audit = audit
  }

  /**
   * The object as this request sees it.
   * @throws KryptonError item-not-found: the same for what does not exist and for what is another service's or tenant's. object-archived
   */
  get(uniqueIdentifier: string): MaybePromise<ManagedObject> {
    const pending = this.#pending?.get(uniqueIdentifier)
    // What an earlier item of the batch has opened is asked about again: this one may be another operation.
    if (pending !== undefined)
      return onLine(this.guard === undefined ? pending.current : this.#permitted(pending.current))
    const stored = this.objects.get(uniqueIdentifier)
    if (this.guard !== undefined) return next(stored, (object) => onLine(this.#permitted(object)))
    return stored instanceof Promise ? stored.then(onLine) : onLine(stored)
  }

  /**
   * The same for whoever may see what is archived.
   * @throws KryptonError item-not-found
   */
  getArchivedToo(uniqueIdentifier: string): MaybePromise<ManagedObject> {
    const stored = this.#pending?.get(uniqueIdentifier)?.current ?? this.objects.get(uniqueIdentifier)
    if (this.guard !== undefined) return next(stored, (object) => there(this.#permitted(object)))
    return stored instanceof Promise ? stored.then(there) : there(stored)
  }

  /** An object that the role of whoever asks does not allow is none. */
  #permitted(object: ManagedObject | undefined): ManagedObject | undefined {
    return object === undefined || this.guard?.permits(object) === false ? undefined : object
  }

  /** The object, whoever may see it: for who must not make a second one of its identifier. */
  find(uniqueIdentifier: string): MaybePromise<ManagedObject | undefined> {
    return this.#pending?.get(uniqueIdentifier)?.current ?? this.objects.get(uniqueIdentifier)
  }

  /** The objects that this request has made or changed so far. */
  changed(): ManagedObject[] {
    return this.#pending === undefined ? [] : [...this.#pending.values()].map(({ current }) => current)
  }

  /** True if there is something to commit. */
  get hasChanges(): boolean {
    return this.#steps.length > 0
  }

  /** The stored objects that this request has changed so far: others may be changing them too. */
  changedStored(): string[] {
    const changed: string[] = []
    for (const [uniqueIdentifier, { stored }] of this.#pending ?? []) {
      if (stored !== undefined) changed.push(uniqueIdentifier)
    }
    return changed
  }

  /** True if this request has made or changed that object. */
  hasChanged(uniqueIdentifier: string): boolean {
    return this.#pending?.has(uniqueIdentifier) ?? false
  }

  /**
   * Adds a new object, its material sealed; without material it has none here. `material` stays the caller's. It takes the place of `replaced`, which
   * `find` gave: both have one identifier, and one sequence.
   */
  create(
    draft: ManagedObject,
    material: Uint8Array | Secret | undefined,
    replaced?: ManagedObject,
  ): MaybePromise<ManagedObject> {
    this.guard?.check(draft, replaced)
    if (material === undefined) return this.#put(replaced, draft)
    return next(this.objects.serviceKeys(), (keys) => {
      const keyVersion = keys.activeVersion
      const record = keys.sealObject(recordContext(draft), material)
      return this.#put(replaced, draft.with({ keyVersion, record }))
    })
  }

  /** Takes a random nonce for the key: see `NonceCounts`. It is no change of the request, which cannot undo it. @throws KryptonError permission-denied */
  takeNonce(object: ManagedObject): MaybePromise<void> {
    return this.objects.takeNonce(object, this.#audit)
  }

  /** Puts `after` in place of `before`, which `get` gave and from which it was computed. */
  update(before: ManagedObject, after: ManagedObject): ManagedObject {
    this.guard?.check(after, before)
    return this.#put(before, after)
  }

  /** `update` for an asynchronous operation that has its answer now: no role speaks of those. */
  updateAnswered(before: ManagedObject, after: ManagedObject): ManagedObject {
    return this.#put(before, after)
  }

  /**
   * True if another live object of the service has this Name. Two requests may both be told no: then the later one to commit is refused
   * by the store, and is run again.
   */
  isNameTaken(nameValue: string, own?: string): MaybePromise<boolean> {
    const wanted = Buffer.from(nameValue, 'utf8')
    for (const object of this.changed()) {
      if (object.uniqueIdentifier !== own && hasName(object, nameValue)) return true
    }
    const page = this.objects.page([{ attribute: 'name', bytes: wanted }], { now: 0, limit: 1 })
    return next(page, ([holder]) => {
      if (holder === undefined || holder.uniqueIdentifier === own) return false
      return !this.hasChanged(holder.uniqueIdentifier)
    })
  }

  /** Key material for one answer: it is wiped when it was copied there, or when the answer is dropped. */
  openForAnswer(object: ManagedObject): MaybePromise<AnswerBytes> {
    const secret = this.objects.open(object)
    return secret instanceof Promise ? secret.then((opened) => this.#answer(opened)) : this.#answer(secret)
  }

  /** Takes bytes for the answer into the unit's care: see `openForAnswer`. */
  answerWith(bytes: AnswerBytes): AnswerBytes {
    this.#answers.push(bytes)
    return bytes
  }

  /** Calls `end` if what happens here is taken back. */
  whenDropped(end: () => void): void {
    this.#answers.push({ byteLength: 0, copyInto: () => undefined, wipe: end })
  }

  /** Another unit over the same objects, for what is not to be taken back with this one. */
  apart(): UnitOfWork {
    return new UnitOfWork(this.objects, this.#audit, this.guard)
  }

  mark(): Mark {
    return { steps: this.#steps.length, answers: this.#answers.length }
  }

  /** Takes back what happened since the mark. */
  rollback({ steps, answers }: Mark): void {
    while (this.#steps.length > steps) {
      const { uniqueIdentifier, before } = this.#steps.pop()!
      if (before === undefined) this.#pending?.delete(uniqueIdentifier)
      else this.#pending?.set(uniqueIdentifier, before)
    }
    while (this.#answers.length > answers) this.#answers.pop()!.wipe()
  }

  /** Ends the unit with nothing written and no key left in it. */
  drop(): void {
    this.rollback({ steps: 0, answers: 0 })
  }

  /**
   * Writes the changes and their audit rows; undefined when there are none. Rejects with 'store-conflict' or 'store-unique' when another
   * request was faster: then the whole request is run again, on a new unit. With a `turn` it lets others on while it makes many rows.
   */
  commit(turn?: LoopTurn): Promise<void> | undefined {
    if (this.#pending === undefined || this.#steps.length === 0) return undefined
    return this.#commit(this.#pending, turn)
  }

  async #commit(pending: ReadonlyMap<string, Pending>, turn: LoopTurn | undefined): Promise<void> {
    // What is at hand is not awaited: the unit is with the store before the next request of this turn is looked at.
    const opened = this.objects.tenantKeys()
    const keys = opened instanceof Promise ? await opened : opened
    const changes: Change[] = []
    for (const one of pending.values()) {
      if (turn?.isOver === true) await turn.next()
      this.#addChanges(changes, keys, one)
    }
    const refused = this.#refuseOldKeys(pending.values())
    if (refused instanceof Promise) await refused
    this.#refuseOldMacs(keys)
    try {
      await this.objects.commit({ section: 'data', changes, audit: this.#steps.map(({ audit }) => audit) })
      for (const { stored } of pending.values()) if (stored !== undefined) this.objects.forgetKey(stored)
    } catch (error) {
      for (const uniqueIdentifier of pending.keys()) this.objects.forget(uniqueIdentifier)
      throw error
    }
  }

  /**
   * Nothing that is new is sealed under a version of the Service Key that is not the active one when it is sent to the store: once every thread has opened the next version, nothing
   * more hangs itself on this one.
   */
  #refuseOldKeys(changed: Iterable<Pending>): MaybePromise<void> {
    let sealed: number | 'several' | undefined
    for (const { stored, current } of changed) {
      const { record, keyVersion } = current.fields
      if (record.byteLength === 0 || record === stored?.fields.record) continue
      sealed = sealed === undefined || sealed === keyVersion ? keyVersion : 'several'
    }
    if (sealed === undefined) return undefined
    return next(this.objects.serviceKeys(), ({ activeVersion }) => {
      if (sealed === activeVersion) return
      throw new KryptonError('store-conflict', 'the Service Key was rotated meanwhile: repeat the request')
    })
  }

  /** The same of the tenant's integrity key: nobody looks any more for what would be written under another version now. */
  #refuseOldMacs(keys: TenantKeys): void {
    const now = this.objects.tenantKeys()
    if (!(now instanceof Promise) && now.writes === keys.writes) return
    throw new KryptonError('store-conflict', 'the integrity key was rotated meanwhile: repeat the request')
  }

  #addChanges(changes: Change[], keys: TenantKeys, { stored, current }: Pending): void {
    const { scope } = this.objects
    const expectedVersion = stored?.fields.rowVersion ?? 0
    const row = rowOf(scope, current, expectedVersion + 1)
    const authenticated = { ...row, mac: keys.macRow('objects', row) }
    if (stored === undefined) changes.push({ table: 'objects', kind: 'insert', row: authenticated })
    else changes.push({ table: 'objects', kind: 'update', row: authenticated, expectedVersion })

    if (stored !== undefined && stored.fields.state === current.fields.state) {
      if (sameIndexedValues(stored.attributes, current.attributes)) return
    }
    const before = stored === undefined ? undefined : indexValuesOf(stored)
    const after = indexValuesOf(current)
    if (after.size === 0 && (before === undefined || before.size === 0)) return
    const place = { ...scope, sequence: current.fields.sequence, object: current.fields.id }
    for (const [key, { attribute, bytes }] of before ?? []) {
      if (after.has(key)) continue
      for (const token of keys.everyIndexToken(attribute, bytes))
        changes.push({ table: 'object_index', kind: 'delete', key: { ...place, attribute, token } })
    }
    for (const [key, { attribute, bytes }] of after) {
      if (before?.has(key) === true) continue
      for (const token of keys.indexTokens(attribute, bytes))
        changes.push({ table: 'object_index', kind: 'insert', row: { ...place, attribute, token } })
    }
  }

  #put(stored: ManagedObject | undefined, current: ManagedObject): ManagedObject {
    const { uniqueIdentifier } = current
    this.#pending ??= new Map()
    const before = this.#pending.get(uniqueIdentifier)
    this.#steps.push({ uniqueIdentifier, before, audit: this.#audit(current.fields.id) })
    this.#pending.set(uniqueIdentifier, { stored: before === undefined ? stored : before.stored, current })
    return current
  }

  #answer(secret: Secret): AnswerBytes {
    return this.answerWith(secretCopiedOnce(secret))
  }
}

function hasName(object: ManagedObject, nameValue: string): boolean {
  if (isDestroyed(object.fields.state)) return false
  return object.attributes.all('name').some(({ value }) => value.nameValue === nameValue)
}

function onLine(object: ManagedObject | undefined): ManagedObject {
  const existing = found(object)
  if (!existing.fields.archived) return existing
  if (isGone(existing)) return found(undefined)
  throw new KryptonError('object-archived', 'The object is archived: send Recover first')
}

function there(object: ManagedObject | undefined): ManagedObject {
  return found(object !== undefined && isGone(object) ? undefined : object)
}

function found(object: ManagedObject | undefined): ManagedObject {
  if (object !== undefined) return object
  throw new KryptonError('item-not-found', 'Name an object of this service: there is none with this Unique Identifier')
}
