import type { Clock } from '../clock.ts'
import { limits } from '../limits.ts'
import type { Counters } from './counters.ts'
import type { Log, LogFields } from './log.ts'

/**
 * Lines that somebody outside can cause as often as they connect: so many in a while are written, the others are counted, in
 * `logLinesLeftOut` and in the line that stands for them. One for each listener, so that no stranger fills the disk or hides another line.
 */
export class StrangerLog {
  readonly #log: Log
  readonly #clock: Clock
  readonly #counters: Counters
  #sinceMs: number
  #written = 0
  #leftOut = 0

  constructor(log: Log, clock: Clock, counters: Counters) {
    this.#log = log
    this.#clock = clock
    this.#counters = counters
    this.#sinceMs = clock.monotonic()
  }

  warn(message: string, fields: LogFields): void {
    this.enforceTime(this.#clock.monotonic())
    if (this.#written < limits.strangerLinesMax) {
      this.#written += 1
      this.#log.warn(message, fields)
    } else {
      this.#leftOut += 1
      this.#counters.add('logLinesLeftOut')
    }
  }

  /** Begins anew when the while is over, and says what was left out in it; the listener asks a few times a second. */
  enforceTime(nowMs: number): void {
    if (nowMs - this.#sinceMs < limits.strangerLinesMs) return
    this.#sinceMs = nowMs
    this.#written = 0
    if (this.#leftOut === 0) return
    this.#log.warn('lines about strangers were left out', { count: this.#leftOut })
    this.#leftOut = 0
  }
}
