import { KryptonError } from '../errors.ts'
import { KeyState } from './key-state.ts'
import { standingOf } from './key-standing.ts'
import type { VersionedTable } from './key-versions.ts'

/**
 * What an operator does to a key, besides rotating it. By NIST SP 800-57 part 1, section 7: suspending can be taken back, deactivating cannot, a compromise is for good, destroying ends all of it.
 * A key that is active is compromised by a rotation (`rotation-jobs.ts`), which puts another in its place.
 */
export const keyActs = ['activate', 'suspend', 'resume', 'deactivate', 'compromise', 'destroy'] as const
export type KeyAct = (typeof keyActs)[number]

/** An act after which the key is still there: done when every thread has confirmed it. */
export type KeyChange = Exclude<KeyAct, 'destroy'>

/** What becomes of a key's version by an act; undefined where it stays as it is. */
export function stateAfter(state: KeyState, act: KeyAct): KeyState | undefined {
  return transitions[act][state]
}

/**
 * Refuses an act on a key whose versions are in these states. Throws 'wrong-key-lifecycle-state' when none of them can take it, 'invalid-field' for the IVK, which every tenant hangs on.
 */
export function checkAct(table: VersionedTable, states: readonly KeyState[], act: KeyAct): void {
  if (table === 'ivks') {
    throw new KryptonError(
      'invalid-field',
      `every tenant hangs on the IVK, there is no ${act} of it: rotate it, or declare it compromised`,
    )
  }
  // The next version of a key that has been active is activated by its rotation alone.
  const isMeant =
    act !== 'activate' || states.every((state) => state === KeyState.Pending || state === KeyState.Retired)
  // One that is active gets another in its place, which a rotation makes.
  const isOther = act === 'compromise' && states.includes(KeyState.Active)
  if (isMeant && !isOther && states.some((state) => stateAfter(state, act) !== undefined)) return
  throw new KryptonError('wrong-key-lifecycle-state', `${refusals[act]}; ${standingOf(states)}`)
}

/** An act that is not here leaves a version in that state as it is. Deactivated and Retired are final: nothing becomes active again from there. */
const transitions: Readonly<Record<KeyAct, Readonly<Partial<Record<KeyState, KeyState>>>>> = {
  activate: { [KeyState.Pending]: KeyState.Active },
  suspend: { [KeyState.Active]: KeyState.Suspended },
  resume: { [KeyState.Suspended]: KeyState.Active },
  deactivate: { [KeyState.Active]: KeyState.Deactivated, [KeyState.Suspended]: KeyState.Deactivated },
  compromise: {
    [KeyState.Pending]: KeyState.Compromised,
    [KeyState.Suspended]: KeyState.Compromised,
    [KeyState.Deactivated]: KeyState.Compromised,
  },
  destroy: {
    [KeyState.Pending]: KeyState.Retired,
    [KeyState.Active]: KeyState.Retired,
    [KeyState.Grace]: KeyState.Retired,
    [KeyState.Deprecated]: KeyState.Retired,
    [KeyState.Compromised]: KeyState.Retired,
    [KeyState.Suspended]: KeyState.Retired,
    [KeyState.Deactivated]: KeyState.Retired,
    [KeyState.Expired]: KeyState.Retired,
  },
}

const refusals: Readonly<Record<KeyAct, string>> = {
  activate: 'a key that was announced and never used can be activated',
  suspend: 'an active key can be suspended',
  resume: 'a suspended key can be resumed',
  deactivate: 'an active or suspended key can be deactivated',
  compromise: 'a key that is active, suspended, deactivated or announced can be declared compromised',
  destroy: 'there is nothing left that could be destroyed',
}
