import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isKryptonError } from '../../src/errors.ts'
import { State } from '../../src/kmip/enums.ts'
import {
  isDestroyed,
  stateAfterActivate,
  stateAfterDestroy,
  stateAfterRevoke,
  stateAt,
  stateName,
} from '../../src/objects/state.ts'

const states = Object.values(State)
const state = fc.constantFrom(...states)
const date = fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined })

const operations = {
  activate: stateAfterActivate,
  deactivate: (from: State) => stateAfterRevoke(from, { compromised: false }),
  compromise: (from: State) => stateAfterRevoke(from, { compromised: true }),
  destroy: stateAfterDestroy,
}

/** Every pair of state and operation, written out: what is not here is refused. */
const allowed: Record<keyof typeof operations, Partial<Record<State, State>>> = {
  activate: { [State.PreActive]: State.Active },
  deactivate: {
    [State.PreActive]: State.Deactivated,
    [State.Active]: State.Deactivated,
    [State.Deactivated]: State.Deactivated,
  },
  compromise: {
    [State.PreActive]: State.Compromised,
    [State.Active]: State.Compromised,
    [State.Deactivated]: State.Compromised,
    [State.Compromised]: State.Compromised,
    [State.Destroyed]: State.DestroyedCompromised,
    [State.DestroyedCompromised]: State.DestroyedCompromised,
  },
  destroy: {
    [State.PreActive]: State.Destroyed,
    [State.Deactivated]: State.Destroyed,
    [State.Compromised]: State.DestroyedCompromised,
  },
}

function outcome(operation: keyof typeof operations, from: State): State | undefined {
  try {
    return operations[operation](from)
  } catch (error) {
    expect(isKryptonError(error, 'wrong-key-lifecycle-state')).toBe(true)
    return undefined
  }
}

describe('the state machine', () => {
  for (const operation of Object.keys(operations) as (keyof typeof operations)[]) {
    for (const from of states) {
      const to = allowed[operation][from]
      test(`${operation} of ${stateName(from)} gives ${to === undefined ? 'a refusal' : stateName(to)}`, () => {
        expect(outcome(operation, from)).toBe(to)
      })
    }
  }

  test('never brings key material back, and never forgets a compromise, whatever is done in whatever order', () => {
    const steps = fc.array(fc.constantFrom(...(Object.keys(operations) as (keyof typeof operations)[])))
    fc.assert(
      fc.property(steps, (path) => {
        let now: State = State.PreActive
        for (const step of path) {
          const before = now
          now = outcome(step, now) ?? now
          if (isDestroyed(before)) expect(isDestroyed(now)).toBe(true)
          if (before === State.Compromised || before === State.DestroyedCompromised) {
            expect([State.Compromised, State.DestroyedCompromised]).toContain(now)
          }
        }
      }),
    )
  })
})

describe('dates', () => {
  test('change a state by themselves, forward only, and never twice', () => {
    const time = fc.integer({ min: 0, max: 100 })
    fc.assert(
      fc.property(state, date, date, time, time, (stored, activationDate, deactivationDate, a, b) => {
        const lifecycle = { state: stored, activationDate, deactivationDate }
        const [early, late] = [Math.min(a, b), Math.max(a, b)]
        const reached = stateAt(lifecycle, early)
        // Looking in between, or writing down what was reached, makes no difference.
        expect(stateAt({ ...lifecycle, state: reached }, late)).toBe(stateAt(lifecycle, late))
        expect(stateAt(lifecycle, late)).toBeGreaterThanOrEqual(reached)
        if (stored > State.Active) expect(reached).toBe(stored)
      }),
    )
  })

  test('count from their own second on', () => {
    const lifecycle = { state: State.PreActive, activationDate: 10, deactivationDate: 20 }
    expect([9, 10, 19, 20].map((now) => stateAt(lifecycle, now))).toEqual([
      State.PreActive,
      State.Active,
      State.Active,
      State.Deactivated,
    ])
  })

  test('do not deactivate what was never active', () => {
    expect(stateAt({ state: State.PreActive, activationDate: undefined, deactivationDate: 5 }, 9)).toBe(State.PreActive)
  })
})
