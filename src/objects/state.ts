import { KryptonError } from '../errors.ts'
import { State } from '../kmip/enums.ts'

/**
 * The state machine of KMIP 1.4 section 3.22. Dates change a state by themselves: nobody waits for them, they are looked at when the state
 * is asked for.
 */

/** What decides an object's state: the state that was last written, and the dates that may have passed since. */
export interface Lifecycle {
  readonly state: State
  /** Seconds since 1970. */
  readonly activationDate: number | undefined
  readonly deactivationDate: number | undefined
}

/** The state at `now` (seconds since 1970). A date counts from its own second on. */
export function stateAt({ state, activationDate, deactivationDate }: Lifecycle, now: number): State {
  let reached = state
  if (reached === State.PreActive && activationDate !== undefined && activationDate <= now) reached = State.Active
  // Only an Active object is deactivated by its date: one that was never activated stays Pre-Active (transition 6).
  if (reached === State.Active && deactivationDate !== undefined && deactivationDate <= now) reached = State.Deactivated
  return reached
}

/** The states of objects that are not destroyed. */
export const liveStates: readonly State[] = [State.PreActive, State.Active, State.Deactivated, State.Compromised]

/** Key material is gone; what is left are attributes. */
export function isDestroyed(state: State): boolean {
  return state === State.Destroyed || state === State.DestroyedCompromised
}

/**
 * Activate (section 4.19).
 * @throws KryptonError wrong-key-lifecycle-state
 */
export function stateAfterActivate(state: State): State {
  if (state === State.PreActive) return State.Active
  throw wrongState(state, 'activated', 'Pre-Active')
}

/**
 * Revoke (section 4.20). Beyond the transitions of section 3.22 an object that was never active may be deactivated, and a
 * revocation may be repeated: clients revoke before they destroy without asking for the state first. A compromise is never taken back.
 * @throws KryptonError wrong-key-lifecycle-state
 */
export function stateAfterRevoke(state: State, options: { compromised: boolean }): State {
  if (options.compromised) {
    if (state === State.Destroyed || state === State.DestroyedCompromised) return State.DestroyedCompromised
    return State.Compromised
  }
  if (state === State.PreActive || state === State.Active || state === State.Deactivated) return State.Deactivated
  throw wrongState(state, 'deactivated', 'Pre-Active, Active or Deactivated')
}

/**
 * Destroy (section 4.21).
 * @throws KryptonError wrong-key-lifecycle-state
 */
export function stateAfterDestroy(state: State): State {
  if (state === State.PreActive || state === State.Deactivated) return State.Destroyed
  if (state === State.Compromised) return State.DestroyedCompromised
  throw wrongState(state, 'destroyed', 'Pre-Active, Deactivated or Compromised: revoke an Active object first')
}

/** The specification's word for a state, for messages. */
export function stateName(state: State): string {
  return stateNames[state]
}

function wrongState(state: State, done: string, from: string): KryptonError {
  return new KryptonError(
    'wrong-key-lifecycle-state',
    `The object is ${stateName(state)}: it can be ${done} only while it is ${from}`,
  )
}

const stateNames: Readonly<Record<State, string>> = {
  [State.PreActive]: 'Pre-Active',
  [State.Active]: 'Active',
  [State.Deactivated]: 'Deactivated',
  [State.Compromised]: 'Compromised',
  [State.Destroyed]: 'Destroyed',
  [State.DestroyedCompromised]: 'Destroyed Compromised',
}
