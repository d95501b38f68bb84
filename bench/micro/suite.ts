/** One thing that is timed. `fn` is synchronous and does the same work at every call. */
export interface Case {
  readonly name: string
  readonly fn: () => void
  /** How many operations one call of `fn` does; the time printed is per operation. 1 when absent. */
  readonly batch?: number
}

/**
 * What every module of `bench/micro` but `main.ts` and `suite.ts` exports: `name`, `cases` and, where it has any, `goals`.
 * Fixtures are made when the module is loaded; a suite that needs to wait does so with a top-level await.
 */
export interface Suite {
  readonly name: string
  readonly cases: readonly Case[]
  readonly goals?: readonly RatioGoal[]
  readonly echoGoal?: EchoGoal
}

/** A goal between two cases of one suite: `fast` is to be at least `atLeast` times as fast as `slow`. */
export interface RatioGoal {
  readonly name: string
  readonly slow: string
  readonly fast: string
  readonly atLeast: number
}

/** A goal beside the bare TLS echo that gives `answer`: the cases are to take at most `atMost` of E together. */
export interface EchoGoal {
  readonly name: string
  readonly answer: Buffer
  /** Both in one case, one after the other. */
  readonly together: string
  /** Each in a case of its own. */
  readonly apart: readonly string[]
  readonly atMost: number
}

/** Keeps a result alive, so that the compiler cannot leave out the work that made it. */
export function keep(value: unknown): void {
  kept = value
}

let kept: unknown

/** The value that was kept last; reading it is what makes `keep` more than a dead store. */
export function lastKept(): unknown {
  return kept
}
