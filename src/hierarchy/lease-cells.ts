import type { BootClock, Clock } from '../clock.ts'
import { limits } from '../limits.ts'

/** When a lease ends, by the wall clock and by the boot-time clock: whichever comes first. Seconds. */
export interface LeaseEnd {
  readonly wall: number
  readonly boot: number
}

/** The cell of a lease, and the life of that cell: the next lease in it has another number. */
export interface LeasePlace {
  readonly cell: number
  readonly life: number
}

/**
 * One cell for each linked system, in memory that all threads share: until when its keys may be used. The main thread alone writes; every use of a key below looks. A lease is over when either clock
 * says so (KEYS.md 6): the wall clock can be set back, and a clock that stands still while the machine sleeps would let a lease outlive it.
 */
export class LeaseCells {
  /** What the cells live in: hand it to other threads. */
  readonly memory: SharedArrayBuffer
  readonly #cells: Uint32Array
  readonly #clock: Clock
  readonly #bootClock: BootClock
  readonly #free: number[] = []
  #taken = 0
  #bootAt: number
  #readAtMs: number

  constructor(clock: Clock, bootClock: BootClock, memory = new SharedArrayBuffer(limits.leasesMax * cellBytes)) {
    this.memory = memory
    this.#cells = new Uint32Array(memory)
    this.#clock = clock
    this.#bootClock = bootClock
    this.#readAtMs = clock.now()
    this.#bootAt = bootClock.bootTime()
  }

  /** Begins a lease in a cell that none runs in. Undefined when there is no cell left. The caller keeps the number of leases that run. */
  begin(end: LeaseEnd): LeasePlace | undefined {
    const cell = this.#free.pop() ?? (this.#taken < limits.leasesMax ? this.#taken++ : undefined)
    if (cell === undefined) return undefined
    this.extend(cell, end)
    return { cell, life: Atomics.add(this.#cells, cell * cellNumbers, 1) + 1 }
  }

  /** Moves the end of the lease that runs in a cell. */
  extend(cell: number, { wall, boot }: LeaseEnd): void {
    Atomics.store(this.#cells, cell * cellNumbers + wallPlace, wall)
    Atomics.store(this.#cells, cell * cellNumbers + bootPlace, boot)
  }

  /** Ends the lease in a cell, for every thread at once. */
  end(cell: number): void {
    Atomics.add(this.#cells, cell * cellNumbers, 1)
    this.#free.push(cell)
  }

  /** True while the lease runs. */
  isRunning({ cell, life }: LeasePlace): boolean {
    const at = cell * cellNumbers
    if (Atomics.load(this.#cells, at) !== life) return false
    const nowMs = this.#clock.now()
    return (
      nowMs < Atomics.load(this.#cells, at + wallPlace) * 1000 &&
      this.bootTime(nowMs) < Atomics.load(this.#cells, at + bootPlace)
    )
  }

  /** Seconds until the end of a lease by the clock that is nearer to it. */
  secondsLeft({ cell }: LeasePlace): number {
    const at = cell * cellNumbers
    const wall = Atomics.load(this.#cells, at + wallPlace) - this.#clock.now() / 1000
    return Math.max(0, Math.min(wall, Atomics.load(this.#cells, at + bootPlace) - this.bootTime()))
  }

  /** Says that the keys below were used: a lease that nobody uses is not renewed. */
  markUsed({ cell }: LeasePlace): void {
    Atomics.store(this.#cells, cell * cellNumbers + usedPlace, 1)
  }

  /** Whether they were used since this was asked last. */
  takeUsed({ cell }: LeasePlace): boolean {
    return Atomics.exchange(this.#cells, cell * cellNumbers + usedPlace, 0) === 1
  }

  /** The boot-time clock, as it was within the last `limits.bootClockMs` by the wall clock: a sleep moves both. */
  bootTime(nowMs = this.#clock.now()): number {
    if (Math.abs(nowMs - this.#readAtMs) >= limits.bootClockMs) {
      this.#readAtMs = nowMs
      this.#bootAt = this.#bootClock.bootTime()
    }
    return this.#bootAt
  }
}

/** Life, end by the wall clock in seconds, end by the boot-time clock in seconds, used. */
const cellNumbers = 4
const wallPlace = 1
const bootPlace = 2
const usedPlace = 3
const cellBytes = cellNumbers * Uint32Array.BYTES_PER_ELEMENT
