import { auditEvent } from '../audit/audit-event.ts'
import type { Clock } from '../clock.ts'
import { KryptonError } from '../errors.ts'
import type { NewJob } from '../jobs/job.ts'
import type { JobRun } from '../jobs/job-run.ts'
import { retrying } from '../store/retrying.ts'
import type { Row } from '../store/schema.ts'
import type { Change, Store } from '../store/store.ts'
import type { HeldSystems } from './held-systems.ts'
import type { KeyChain } from './key-chain.ts'
import { standingOf } from './key-standing.ts'
import { KeyState } from './key-state.ts'
import type { AtPoint } from './rewrap.ts'
import type { RootKeys } from './root-keys.ts'
import { type RowKeys, type Unauthenticated, updateOf } from './row-mac.ts'

/** Keys that have versions which follow each other. */
export type VersionedTable = 'ivks' | 'tenant_keys' | 'service_keys'

/** Everybody who uses keys: the threads that serve, in every process of the cluster. */
export interface KeyUsers {
  /**
   * Resolves when each of them has opened the keys as they are stored now, those too that are yet to become active, and what it has sealed under older ones is durable.
   * @throws KryptonError not-healthy: one of them does not answer, or cannot open a key
   */
  refresh(meant?: MeantKeys): Promise<void>
  /**
   * Hands each of them the root's keys as they are now. Resolves when all have taken them, in the place of those they had, and what was authenticated or sealed under former ones is durable.
   * @throws KryptonError not-healthy: one of them does not answer, or cannot take them
   */
  takeRoot(root: RootKeys): Promise<void>
}

/** The keys that users open to say that they have them: of a system, or without one of nobody. With `forget` they let go of every opened key of the tenant's objects besides. */
export interface MeantKeys {
  readonly tenant: Buffer
  readonly system?: Buffer
  readonly forget?: boolean
}

/** A system whose keys are meant. */
export interface SystemOfKeys {
  readonly tenant: Buffer
  readonly system: Buffer
}

/** What changes of keys work with. */
export interface KeyWork {
  readonly store: Store
  readonly chain: KeyChain
  readonly clock: Clock
  readonly users: KeyUsers
  /** Asks for a long act; one that is asked for already is not asked for twice. */
  readonly schedule: (job: NewJob) => Promise<unknown>
  /** The systems in which no key is made, and nothing wrapped anew. */
  readonly held: HeldSystems
  /** Is told of each step: a test ends the process there. */
  readonly at: AtPoint
}

/** A key whose versions are meant. */
export interface VersionedKey<T extends VersionedTable> {
  readonly table: T
  /** For the audit; zeros for the system itself. */
  readonly owner: Buffer
  /** Whose keys the users open to say that they have the next version; absent for the IVK. */
  readonly system?: SystemOfKeys
  rows(): Promise<readonly Row<T>[]>
  keys(): Promise<RowKeys>
  /** A new version, pending, and what is stored besides its row. */
  make(version: number): Promise<{ readonly row: Unauthenticated<T>; readonly besides: readonly Change[] }>
  /** What is changed besides its row when a version goes for good. */
  alsoGone?(version: number): Promise<readonly Change[]>
}

/** What becomes of the version that another takes the place of: one that is Deprecated or Compromised goes as soon as nothing refers to it. */
export type StateBefore = typeof KeyState.Grace | typeof KeyState.Deprecated | typeof KeyState.Compromised

/** Which version another takes the place of, and what becomes of it. */
export interface ActivationStep {
  readonly from: number
  readonly before: StateBefore
}

/**
 * Puts the next version of a key in the place of version `from`, in two steps: it is stored as pending and opened by every user, and only then is it the one
 * that wraps. Run again after a crash, it goes on where it was; when `from` is not the active version any more, all of it is done already, unless another rotation came first and `from` was to go for good:
 * what it wrapped hangs on the version after it, and both go. Resolves to the active version.
 */
export async function activateNext<T extends VersionedTable>(
  work: KeyWork,
  key: VersionedKey<T>,
  step: ActivationStep & { readonly run: JobRun },
): Promise<number> {
  const { users, at } = work
  const rows = await verified(key)
  if (activeOf(rows).version === step.from || isUntold(rows, step)) {
    await retrying(() => storePending(work, key))
    at('pending')
    await users.refresh(key.system)
    step.run.throwIfStopped()
    at('acknowledged')
    await retrying(() => activate(work, key, step))
    at('active')
  }
  // What was opened under a compromised version is let go of, and opens no more.
  const isForgotten = step.before !== KeyState.Grace
  await users.refresh(key.system && isForgotten ? { ...key.system, forget: true } : key.system)
  at('in use')
  return activeOf(await verified(key)).version
}

/** The rows of a key's versions, each as it was written here. Throws 'row-mac-mismatch'. */
export async function verified<T extends VersionedTable>(key: VersionedKey<T>): Promise<readonly Row<T>[]> {
  const keys = await key.keys()
  const rows = await key.rows()
  for (const row of rows) keys.verifyRow(key.table, row)
  return rows
}

/** The version that wraps. Throws 'wrong-key-lifecycle-state' when there is none. */
export function activeOf<T extends VersionedTable>(rows: readonly Row<T>[]): Row<T> {
  const active = rows.find(({ state }) => state === KeyState.Active)
  if (active === undefined)
    throw new KryptonError(
      'wrong-key-lifecycle-state',
      // These are the states that are written here.
      `this key has no active version: ${standingOf(rows.map(({ state }) => state as KeyState))}`,
    )
  return active
}

/** Puts a version into another state, with a word of it in the audit. `record` is for one whose key goes. */
export async function changeState<T extends VersionedTable>(
  work: Pick<KeyWork, 'store' | 'clock'>,
  key: VersionedKey<T>,
  row: Row<T>,
  change: { readonly state: KeyState; readonly operation: string; readonly actor: string; readonly record?: Buffer },
): Promise<void> {
  const { state, operation, actor, record = row.record } = change
  const keys = await key.keys()
  const besides = record.byteLength === 0 ? await key.alsoGone?.(row.version) : undefined
  await work.store.commit({
    section: 'keys',
    changes: [updateOf(key.table, row, { state, record }, keys), ...(besides ?? [])],
    audit: [event(work.clock, key, row, operation, actor)],
  })
}

/** Puts another version that is yet to become active in the place of one that nobody has used. Done again after a crash, it makes one more. */
export async function replacePending<T extends VersionedTable>(work: KeyWork, key: VersionedKey<T>): Promise<void> {
  const rows = await verified(key)
  const old = rows.find(({ state }) => state === KeyState.Pending)
  if (old === undefined) return
  const keys = await key.keys()
  const { row, changes } = await pendingRow(key, keys, rows)
  const gone = updateOf(key.table, old, { state: KeyState.Retired, record: Buffer.alloc(0) }, keys)
  const audit = [
    event(work.clock, key, old, 'KeyCompromise', 'system'),
    event(work.clock, key, row, 'KeyVersionAdd', 'system'),
  ]
  await work.store.commit({
    section: 'keys',
    changes: [gone, ...changes, ...((await key.alsoGone?.(old.version)) ?? [])],
    audit,
  })
}

async function storePending<T extends VersionedTable>(work: KeyWork, key: VersionedKey<T>): Promise<void> {
  const rows = await verified(key)
  if (rows.some(({ state }) => state === KeyState.Pending)) return
  const { row, changes } = await pendingRow(key, await key.keys(), rows)
  await work.store.commit({
    section: 'keys',
    changes,
    audit: [event(work.clock, key, row, 'KeyVersionAdd', 'system')],
  })
}

/** The next version of a key, pending. */
async function pendingRow<T extends VersionedTable>(key: VersionedKey<T>, keys: RowKeys, rows: readonly Row<T>[]) {
  const { row: made, besides } = await key.make(Math.max(...rows.map(({ version }) => version)) + 1)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an unauthenticated row of T with its MAC
  const row = { ...made, mac: keys.macRow(key.table, made) } as unknown as Row<T>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a row of T, for the table T
  const change = { table: key.table, kind: 'insert', row } as unknown as Change
  return { row, changes: [change, ...besides] }
}

async function activate<T extends VersionedTable>(
  work: KeyWork,
  key: VersionedKey<T>,
  step: ActivationStep,
): Promise<void> {
  const rows = await verified(key)
  const old = activeOf(rows)
  if (old.version !== step.from && !isUntold(rows, step)) return
  const pending = rows.find(({ state }) => state === KeyState.Pending)
  if (pending === undefined) throw new Error('the version that was to become active is gone')
  const keys = await key.keys()
  const state = step.before
  const replaced = rows.filter(({ version }) => version === old.version || version === step.from)
  await work.store.commit({
    section: 'keys',
    changes: [
      ...replaced.map((row) => updateOf(key.table, row, { state }, keys)),
      updateOf(key.table, pending, { state: KeyState.Active }, keys),
    ],
    audit: [event(work.clock, key, pending, state === KeyState.Compromised ? 'KeyCompromise' : 'KeyRotate', 'system')],
  })
}

/** True if version `from` is to go for good and another rotation has only replaced it. */
function isUntold(
  rows: readonly { readonly version: number; readonly state: number }[],
  { from, before }: ActivationStep,
): boolean {
  const row = rows.find(({ version }) => version === from)
  if (before === KeyState.Grace || row === undefined) return false
  return row.state === KeyState.Grace || (row.state === KeyState.Deprecated && before === KeyState.Compromised)
}

function event<T extends VersionedTable>(
  clock: Clock,
  key: VersionedKey<T>,
  row: Row<T>,
  operation: string,
  actor: string,
) {
  const { owner: tenant } = key
  const detail = `${key.table} version ${row.version}`
  return auditEvent({ clock, tenant, actor, operation, object: row.key_id, result: 'success', detail })
}
