import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { UnitOfWork } from '../keystore/unit-of-work.ts'

/** What is done beside the unit of a request. */
export interface LastingAct<T> {
  readonly act: () => MaybePromise<T>
  /** Ends what has been begun by it: the request is refused, or has come out otherwise. */
  readonly end?: () => void
  /** Wipes what the act has given, when no run can ask for it any more. */
  readonly forget?: (value: T) => void
}

/**
 * What the items of a batch have done that no dropped unit takes back: parts that were fed to a stream, operations that were canceled. A batch that was slower
 * than another is run again; an item that has acted in the run before is given what that gave, be it a refusal, and acts no second time.
 */
export class LastingActs {
  #done: Map<object, Done> | undefined
  #run = 0
  #runsAgain = false

  /** Acts for the item of that payload, unless a run before has; `unit` is the run's. */
  once<T>(payload: object, unit: UnitOfWork, { act, end, forget }: LastingAct<T>): MaybePromise<T> {
    if (end !== undefined) {
      unit.whenDropped(() => {
        if (!this.#runsAgain) end()
      })
    }
    const before = this.#done?.get(payload)
    if (before !== undefined) {
      before.run = this.#run
      return before.outcome() as MaybePromise<T> // what `act` of the same payload gave
    }
    const outcome = outcomeOf(act)
    this.#done ??= new Map()
    this.#done.set(payload, { outcome, run: this.#run, end, forget: forgetting(outcome, forget) })
    return outcome()
  }

  /** Calls `drop`, which drops the unit of a run that another follows. */
  runAgain(drop: () => void): void {
    this.#runsAgain = true
    drop()
    this.#runsAgain = false
    this.#run++
  }

  /** The last run is over. What it has not come to again has no answer: it ends. */
  end(): void {
    for (const { run, end, forget } of this.#done?.values() ?? []) {
      if (run !== this.#run) end?.()
      forget()
    }
    this.#done = undefined
  }
}

interface Done {
  readonly outcome: () => MaybePromise<unknown>
  run: number
  readonly end: (() => void) | undefined
  readonly forget: () => void
}

/** Acts, and gives the same value, promise or error whenever it is asked. */
function outcomeOf<T>(act: () => MaybePromise<T>): () => MaybePromise<T> {
  try {
    const value = act()
    return () => value
  } catch (error) {
    return () => {
      throw error
    }
  }
}

function forgetting<T>(outcome: () => MaybePromise<T>, forget: ((value: T) => void) | undefined): () => void {
  if (forget === undefined) return () => undefined
  return () => {
    try {
      const value = outcome()
      if (value instanceof Promise) value.then(forget, () => undefined)
      else forget(value)
    } catch {
      // It has given nothing that could be wiped.
    }
  }
}
