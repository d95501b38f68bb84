import { limits } from '../../src/limits.ts'

/** What a key of suite 0x01 may wrap here, and what a process takes of that at once. */
export const lowered = { wrapsOfShortNonceMax: 600, wrapBlock: 7 } as const

/** Lowers the limits of this thread. */
export function lowerLimits(): void {
  Object.assign(limits, lowered)
}
