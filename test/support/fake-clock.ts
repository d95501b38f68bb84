import type { BootClock, Clock } from '../../src/clock.ts'

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock, BootClock {
  #nowMs: number
  #monotonicMs = 0
  #bootMs = 1_000_000

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

  bootTime(): number {
    return this.#bootMs / 1000
  }

  /** Lets time pass, on every clock. */
  advance(milliseconds: number): void {
    this.#nowMs += milliseconds
    this.#monotonicMs += milliseconds
    this.#bootMs += milliseconds
  }

  /** The machine sleeps: its monotonic clock stands still. */
  sleep(milliseconds: number): void {
    this.#nowMs += milliseconds
    this.#bootMs += milliseconds
  }
}
