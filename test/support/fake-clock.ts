import type { Clock } from '../../src/clock.ts'

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  #nowMs: number
  #monotonicMs = 0

  constructor(nowMs: number = Date.UTC(2030, 0, 1)) {
    this.#nowMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }

  monotonic(): number {
    return this.#monotonicMs
  }

  /** Sets the wall clock on or back: no time passes. */
  jump(milliseconds: number): void {
    this.#nowMs += milliseconds
  }

  /** Lets time pass, on the wall and on the monotonic clock. */
  advance(milliseconds: number): void {
    this.#nowMs += milliseconds
    this.#monotonicMs += milliseconds
  }
}
