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
  /** Known to somebody else: opens only for who moves what hangs on it, and by break-glass. */
  Compromised: 6,
  /** Was active: its operator has halted it. Opens only, until it is resumed. */
  Suspended: 7,
  /** Was active: it takes nothing new for good. Opens only. */
  Deactivated: 8,
  /** Replaced so long ago that it opens for no request, only for who moves what still hangs on it. It stays so, whatever the clock says later. */
  Expired: 9,
} as const
export type KeyState = (typeof KeyState)[keyof typeof KeyState]

/** True if a version in `state` may open what it once wrapped. */
export function opens(state: number): boolean {
  return openingStates.has(state)
}

const openingStates: ReadonlySet<number> = new Set([
  KeyState.Active,
  KeyState.Grace,
  KeyState.Deprecated,
  KeyState.Compromised,
  KeyState.Suspended,
  KeyState.Deactivated,
])
