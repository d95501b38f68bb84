import { expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { Counters } from '../../src/telemetry/counters.ts'
import { openLog } from '../../src/telemetry/log.ts'
import { StrangerLog } from '../../src/telemetry/stranger-log.ts'
import { FakeClock } from '../support/fake-clock.ts'

test('so many lines are written in a while; the others are counted and told of when it is over', () => {
  const lines: string[] = []
  const clock = new FakeClock()
  const counters = new Counters()
  const strangers = new StrangerLog(
    openLog('info', (line) => lines.push(line)),
    clock,
    counters,
  )
  const flood = (): void => {
    for (let line = 0; line < limits.strangerLinesMax + 50; line++)
      strangers.warn('who is this', { remote: '127.0.0.1' })
  }
  flood()
  expect(lines).toHaveLength(limits.strangerLinesMax)
  expect(counters.read('logLinesLeftOut')).toBe(50)
  clock.advance(limits.strangerLinesMs - 1)
  strangers.enforceTime(clock.monotonic())
  expect(lines).toHaveLength(limits.strangerLinesMax)
  clock.advance(1)
  strangers.enforceTime(clock.monotonic())
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ msg: 'lines about strangers were left out', count: 50 })
  flood()
  expect(lines).toHaveLength(2 * limits.strangerLinesMax + 1)
  expect(counters.read('logLinesLeftOut')).toBe(100)
  // Nobody asked for the time in between: the next line itself begins anew.
  clock.advance(limits.strangerLinesMs)
  strangers.warn('who is this', {})
  expect(lines).toHaveLength(2 * limits.strangerLinesMax + 3)
})
