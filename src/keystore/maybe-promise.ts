import type { MaybePromise } from '../store/store.ts'

export type { MaybePromise } from '../store/store.ts'

/** Goes on with a value at once when it is there, or when its promise is kept: what is cached costs no promise. */
export function next<T, U>(value: MaybePromise<T>, go: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(go) : go(value)
}

/** Runs `run`, and `end` when it has ended, whether that is now or later, well or not. */
export function andFinally<T>(run: () => MaybePromise<T>, end: () => void): MaybePromise<T> {
  let result: MaybePromise<T>
  try {
    result = run()
  } catch (error) {
    end()
    throw error
  }
  if (result instanceof Promise) return result.finally(end)
  end()
  return result
}
