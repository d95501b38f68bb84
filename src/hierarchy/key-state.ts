/** State of a version of a key that wraps or authenticates. The numbers stand in rows and never change their meaning. */
export const KeyState = {
  /** Made, not yet known to every node: neither wraps nor opens. */
  Pending: 1,
  /** Wraps and opens; one version of a key at a time. */
  Active: 2,
  /** Opens only, for what still hangs on it. */
  Grace: 3,
  /** Opens only, on its way out. */
  Deprecated: 4,
  /** Gone: its record is overwritten. */
  Retired: 5,
  /** Known to somebody else: opens only, so that what hangs on it can be moved. */
  Compromised: 6,
} as const
export type KeyState = (typeof KeyState)[keyof typeof KeyState]

/** True if a version in `state` may open what it once wrapped. */
export function opens(state: number): boolean {
  return (
    state === KeyState.Active ||
    state === KeyState.Grace ||
    state === KeyState.Deprecated ||
    state === KeyState.Compromised
  )
}
