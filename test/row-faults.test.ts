import { afterAll, beforeAll, expect, test } from 'vitest'
import { HeldSystems } from '../src/hierarchy/held-systems.ts'
import { scrubKind } from '../src/hierarchy/scrub.ts'
import { type JobRow, JobState } from '../src/jobs/job.ts'
import { limits } from '../src/limits.ts'
import { RowFaults } from '../src/row-faults.ts'
import { openLog } from '../src/telemetry/log.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from './hierarchy/fixture.ts'
import { FakeClock } from './support/fake-clock.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)
let made: Hierarchy
beforeAll(async () => {
  made = await newHierarchy(externalKey)
})

const hour = 3_600
const startedAt = 1_790_000_000

/** A server that has just started. */
function started(): { faults: RowFaults; clock: FakeClock } {
  const clock = new FakeClock(startedAt * 1000)
  const { memory: store, chain } = made
  const log = openLog('fatal', () => undefined)
  const work = {
    store,
    chain,
    clock,
    users: { refresh: async () => undefined, takeRoot: async () => undefined },
    schedule: async () => undefined,
    held: new HeldSystems(store, () => undefined),
    at: () => undefined,
  }
  return { faults: new RowFaults({ work, policy: { everyHours: 24 }, log }), clock }
}

/** A round that has ended. */
function round(created: number, ended: number): JobRow {
  return {
    job: Buffer.alloc(16, 1),
    owner: Buffer.alloc(16),
    kind: scrubKind,
    lane: scrubKind,
    subject: 'every row',
    parameters: '{}',
    state: JobState.Done,
    sequence: created,
    created,
    due: created,
    started: created,
    ended,
    attempts: 1,
    done: 1,
    total: 0,
    position: Buffer.alloc(0),
    detail: '',
    row_version: 3,
    mac: Buffer.alloc(36),
  }
}

test.each([
  ['no round before', []],
  ['a round an hour ago', [round(startedAt - hour - 60, startedAt - hour)]],
  ['a round that began before the start and was ended after it', [round(startedAt - 60, startedAt + 30)]],
])('with %s a look at every row is due soon after a start: nobody saw what was changed meanwhile', (_, jobs) => {
  const { faults, clock } = started()
  expect(faults.isScrubDue(jobs)).toBe(false)
  clock.advance((limits.scrubFirstSeconds - 1) * 1000)
  expect(faults.isScrubDue(jobs)).toBe(false)
  clock.advance(1000)
  expect(faults.isScrubDue(jobs)).toBe(true)
})

test('with a round more than its hours ago it is due at the start, and with one since the start after its hours', () => {
  const { faults, clock } = started()
  expect(faults.isScrubDue([round(startedAt - 26 * hour, startedAt - 25 * hour)])).toBe(true)
  const since = [round(startedAt + 600, startedAt + hour), round(startedAt - 60, startedAt - 50)]
  clock.advance((25 * hour - 1) * 1000)
  expect(faults.isScrubDue(since)).toBe(false)
  clock.advance(1000)
  expect(faults.isScrubDue(since)).toBe(true)
})
