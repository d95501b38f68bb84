import { uptime } from 'node:os'

/** The time, passed in to whatever asks for it, so that tests set it by hand. */
export interface Clock {
  /** Wall clock in milliseconds since 1970. For dates that people and KMIP see, never for timeouts. */
  now(): number
  /** Milliseconds that only grow, from an arbitrary start. For timeouts and durations. */
  monotonic(): number
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

/** A clock that no change of the date moves and no sleep of the machine stops. */
export interface BootClock {
  /** Seconds since the machine was started, its sleep included (CLOCK_BOOTTIME). */
  bootTime(): number
}

/** The machine's own. */
export const systemBootClock: BootClock = { bootTime: () => uptime() }

/** The clock's wall time in whole seconds, KMIP's Date-Time (KMIP 1.4 §9.1.1.4). */
export function dateTime(clock: Clock): number {
  return Math.floor(clock.now() / 1000)
}
