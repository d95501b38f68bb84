import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { randomIdentifier } from '../../src/crypto/random.ts'
import { KryptonError } from '../../src/errors.ts'
import { type JobRow, JobState, type NewJob } from '../../src/jobs/job.ts'
import { JobQueue } from '../../src/jobs/job-queue.ts'
import type { JobKind, JobRun } from '../../src/jobs/job-run.ts'
import { limits } from '../../src/limits.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from '../hierarchy/fixture.ts'
import { tampered } from '../hierarchy/tampered-store.ts'

/** The wall clock is the test's, the other one runs: waits between steps are real and short. */
class WallClock implements Clock {
  nowMs = Date.UTC(2030, 0, 1)
  now = () => this.nowMs
  monotonic = () => performance.now()
}

const { externalKey, remove } = newStaticKey()
let made: Hierarchy
let clock: WallClock
let kinds: Map<string, JobKind>
let reported: string[]
let held: Set<string>
const queues: JobQueue[] = []

const newQueue = (store = made.store): JobQueue => {
  const queue = new JobQueue({
    store,
    keys: () => made.chain.system(),
    clock,
    newIdentifier: randomIdentifier,
    kinds,
    pace: { itemsPerSecond: 1_000_000 },
    isHeld: ({ kind }) => held.has(kind),
    report: (message) => reported.push(message),
  })
  queues.push(queue)
  return queue
}

const job = (more: Partial<NewJob> = {}): NewJob => ({
  kind: 'work',
  owner: Buffer.alloc(16),
  lane: 'root',
  subject: 'a thing',
  parameters: {},
  actor: 'operator:ada',
  ...more,
})

const stateOf = async (queue: JobQueue, id: Uint8Array) => (await queue.get(id)).state
const become = (queue: JobQueue, id: Uint8Array, state: JobState) =>
  vi.waitFor(async () => expect(await stateOf(queue, id)).toBe(state), { timeout: 5_000, interval: 5 })

beforeEach(async () => {
  made = await newHierarchy(externalKey)
  clock = new WallClock()
  reported = []
  held = new Set()
  kinds = new Map()
})
afterEach(async () => {
  for (const queue of queues.splice(0)) await queue.stop()
})
afterEach(() => vi.restoreAllMocks())
process.on('exit', remove)

/** Works on ten things, from where it was left; `seen` is what it worked on, in order. */
function tenThings(
  seen: number[],
  within: (at: number, run: JobRun) => Promise<void> = async () => undefined,
): JobKind {
  return async (run) => {
    for (let at = run.progress.done; at < 10; at++) {
      await within(at, run)
      seen.push(at)
      await run.step(1, { done: at + 1, total: 10, position: Buffer.of(at + 1) })
    }
    return 'ten things'
  }
}

describe('a job', () => {
  test('is durable when it is told, runs, and tells its result; the audit says who asked', async () => {
    const seen: number[] = []
    kinds.set('work', tenThings(seen))
    const queue = newQueue()
    const { job: id } = await queue.add(job())
    expect((await made.store.get('jobs', { job: id }))?.state).toBe(JobState.Queued)
    await queue.start()
    await become(queue, id, JobState.Done)
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await queue.get(id)).toMatchObject({ done: 10, total: 10, detail: 'ten things', attempts: 1 })
    const audit = (await made.store.audit('data', 0, 10)).map(({ operation, actor, result }) => [
      operation,
      actor,
      result,
    ])
    expect(audit).toEqual([
      ['JobAdd', 'operator:ada', 'success'],
      ['JobEnd', 'system', 'success'],
    ])
    expect(queue.open()).toEqual([])
  })

  test('that is asked for twice is one, until it has ended', async () => {
    kinds.set('work', async () => 'done')
    const queue = newQueue()
    const first = await queue.add(job({ parameters: { a: 1, b: 'x' } }))
    const others = await Promise.all([
      queue.add(job({ parameters: { b: 'x', a: 1 } })),
      queue.add(job({ parameters: { a: 1 } })),
      queue.add(job({ parameters: { a: 1, b: 'x' }, owner: randomIdentifier() })),
    ])
    expect(others.map(({ job: id }) => id.equals(first.job))).toEqual([true, false, false])
    await queue.start()
    await become(queue, first.job, JobState.Done)
    expect((await queue.add(job({ parameters: { a: 1, b: 'x' } }))).job.equals(first.job)).toBe(false)
  })

  test('goes on from its last step after a stop, and counts no attempt for it', async () => {
    const seen: number[] = []
    let blocked: (() => void) | undefined
    kinds.set(
      'work',
      tenThings(seen, (at) =>
        at === 4 && blocked === undefined ? new Promise((go) => (blocked = go)) : Promise.resolve(),
      ),
    )
    const first = newQueue()
    const { job: id } = await first.add(job())
    await first.start()
    await vi.waitFor(() => expect(blocked).toBeDefined())
    const stopped = first.stop()
    blocked!()
    await stopped
    expect(await made.store.get('jobs', { job: id })).toMatchObject({ state: JobState.Queued, done: 5, attempts: 0 })
    const second = newQueue()
    await second.start()
    await become(second, id, JobState.Done)
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('that a crash cut short is run again from what was durable', async () => {
    const seen: number[] = []
    kinds.set('work', tenThings(seen))
    const crashed = newQueue()
    const { job: id } = await crashed.add(job())
    const row = (await made.store.get('jobs', { job: id }))!
    const left = { ...row, state: JobState.Running, attempts: 1, done: 7, position: Buffer.of(7), row_version: 2 }
    const mac = made.chain.system().macRow('jobs', left)
    await made.store.commit({
      section: 'data',
      changes: [{ table: 'jobs', kind: 'update', row: { ...left, mac }, expectedVersion: 1 }],
      audit: [],
    })
    const queue = newQueue()
    await queue.start()
    await become(queue, id, JobState.Done)
    expect(seen).toEqual([7, 8, 9])
    expect((await queue.get(id)).attempts).toBe(1)
  })

  test('is tried again after a failure, later each time, and has failed in the end', async () => {
    let attempts = 0
    kinds.set('work', async () => {
      attempts++
      throw new KryptonError('overloaded', 'try later')
    })
    const queue = newQueue()
    const { job: id } = await queue.add(job())
    await queue.start()
    const waits: number[] = []
    for (let attempt = 1; attempt < limits.jobAttemptsMax; attempt++) {
      await vi.waitFor(async () =>
        expect(await queue.get(id)).toMatchObject({ attempts: attempt, state: JobState.Queued }),
      )
      const { due, detail } = await queue.get(id)
      waits.push(due - clock.nowMs / 1000)
      expect(detail).toBe('try later')
      // A look at the queue before the time changes nothing; at the time it is run.
      await queue.add(job({ lane: 'other', parameters: { attempt } }))
      expect((await queue.get(id)).attempts).toBe(attempt)
      clock.nowMs = due * 1000
      await queue.add(job({ lane: 'other', parameters: { attempt, again: 1 }, due: due + 1_000_000 }))
    }
    await become(queue, id, JobState.Failed)
    expect(waits.slice(0, 4)).toEqual([1, 2, 4, 8])
    expect(Math.max(...waits)).toBeLessThanOrEqual(limits.jobRetrySecondsMax)
    expect(attempts).toBeGreaterThanOrEqual(limits.jobAttemptsMax)
  })

  test('of a fault of ours tells no detail, and the operator is told all', async () => {
    kinds.set('work', async () => {
      throw new TypeError('a secret detail')
    })
    const queue = newQueue()
    const { job: id } = await queue.add(job())
    await queue.start()
    await vi.waitFor(async () => expect((await queue.get(id)).detail).not.toBe(''))
    expect((await queue.get(id)).detail).not.toContain('secret')
    expect(reported).toEqual(['a job failed: work a thing'])
  })

  test('is cancelled while it waits and while it runs, and stays cancelled over a crash', async () => {
    const seen: number[] = []
    kinds.set(
      'work',
      tenThings(seen, () => new Promise((go) => setTimeout(go, 20))),
    )
    const queue = newQueue()
    const waiting = await queue.add(job({ due: clock.nowMs / 1000 + 604_800 }))
    await queue.start()
    expect((await queue.cancel(waiting.job, 'operator:ada')).state).toBe(JobState.Cancelled)
    const running = await queue.add(job({ parameters: { a: 2 } }))
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(1))
    expect((await queue.cancel(running.job, 'operator:ada')).state).toBe(JobState.Cancelling)
    expect((await made.store.get('jobs', { job: running.job }))?.state).toBe(JobState.Cancelling)
    await become(queue, running.job, JobState.Cancelled)
    expect(seen.length).toBeLessThan(10)
    expect(await queue.cancel(running.job, 'operator:ada')).toMatchObject({ detail: 'cancelled by operator:ada' })
    await expect(queue.cancel(randomIdentifier(), 'operator:ada')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('that waits for its time is not run when the clock goes back, and is when it has come', async () => {
    kinds.set('work', async () => 'done')
    const queue = newQueue()
    await queue.start()
    const { job: id } = await queue.add(job({ due: clock.nowMs / 1000 + 60 }))
    clock.nowMs -= 315_360_000_000
    await queue.add(job({ parameters: { a: 1 } }))
    expect(await stateOf(queue, id)).toBe(JobState.Queued)
    clock.nowMs += 315_360_000_000 + 60_000
    await queue.add(job({ parameters: { a: 2 } }))
    await become(queue, id, JobState.Done)
  })
})

describe('a hold', () => {
  const refused = () => new KryptonError('wrong-key-lifecycle-state', 'this system is disabled')

  test('stops jobs without ending them, and lets them go on as soon as it is said to be over, whatever the clock says', async () => {
    kinds.set('work', async () => 'done')
    kinds.set('running', async () => {
      if (held.size === 1) held.add('running')
      if (held.size > 0) throw refused()
      return 'done'
    })
    held.add('work')
    const queue = newQueue()
    await queue.start()
    const waiting = await queue.add(job({ lane: 'a' }))
    const stopped = await queue.add(job({ kind: 'running', lane: 'b' }))
    await vi.waitFor(async () =>
      expect(await queue.get(stopped.job)).toMatchObject({
        state: JobState.Queued,
        attempts: 0,
        detail: 'this system is disabled',
      }),
    )
    // Nobody waits behind what is held.
    kinds.set('third', async () => 'done')
    const behind = await queue.add(job({ kind: 'third', lane: 'b' }))
    await become(queue, behind.job, JobState.Done)
    for (const { job: id } of [waiting, stopped]) expect(await stateOf(queue, id)).toBe(JobState.Queued)
    held.clear()
    queue.goOn()
    for (const { job: id } of [waiting, stopped]) await become(queue, id, JobState.Done)
    expect(reported).toEqual([])
  })

  test('that others have ended lets nobody go on before the time, and a job that waited for another attempt goes on at once', async () => {
    let isBroken = true
    kinds.set('work', async () => {
      if (isBroken) throw new KryptonError('external-key-unreachable', 'the L1 does not answer')
      return 'done'
    })
    const queue = newQueue()
    await queue.start()
    const owner = Buffer.alloc(16, 1)
    const { job: id } = await queue.add(job({ owner }))
    const scheduled = await queue.add(job({ owner, lane: 'b', parameters: { n: 1 }, due: clock.nowMs / 1000 + 600 }))
    await vi.waitFor(async () => expect(await queue.get(id)).toMatchObject({ attempts: 1, state: JobState.Queued }))
    isBroken = false
    queue.goOn(Buffer.alloc(16, 2))
    expect((await queue.get(id)).attempts).toBe(1)
    queue.goOn(owner)
    await become(queue, id, JobState.Done)
    expect(await stateOf(queue, scheduled.job)).toBe(JobState.Queued)
  })

  test('leaves a job as it ended that ends while its cancellation waits for its turn', async () => {
    kinds.set('work', async () => 'all done')
    const queue = newQueue()
    const { job: id } = await queue.add(job())
    const commit = made.store.commit.bind(made.store)
    let cancelled: Promise<JobRow> | undefined
    vi.spyOn(made.store, 'commit').mockImplementation((unit) => {
      const isEnd = unit.audit.some(({ operation }) => operation === 'JobEnd')
      if (isEnd) cancelled ??= queue.cancel(id, 'operator:ada')
      return isEnd ? setImmediate().then(() => commit(unit)) : commit(unit)
    })
    await queue.start()
    await become(queue, id, JobState.Done)
    expect(await cancelled).toMatchObject({ state: JobState.Done, detail: 'all done' })
    expect(await made.store.get('jobs', { job: id })).toMatchObject({ state: JobState.Done })
  })

  test('does not keep a job that fails from ending when it was cancelled', async () => {
    let fail: (() => void) | undefined
    kinds.set('work', () => new Promise((_, reject) => (fail = () => reject(refused()))))
    const queue = newQueue()
    await queue.start()
    const { job: id } = await queue.add(job())
    await vi.waitFor(() => expect(fail).toBeDefined())
    held.add('work')
    await queue.cancel(id, 'operator:ada')
    fail!()
    await become(queue, id, JobState.Cancelled)
  })
})

describe('lanes', () => {
  test('keep their order, also behind one that is tried again, and run side by side', async () => {
    const order: string[] = []
    let fail = true
    kinds.set('work', async ({ parameters }) => {
      if (parameters['name'] === 'a1' && fail) throw new KryptonError('overloaded', 'not yet')
      order.push(String(parameters['name']))
      return ''
    })
    const queue = newQueue()
    const named = (name: string) => job({ lane: name[0]!, parameters: { name } })
    const jobs = []
    for (const name of ['a1', 'a2', 'b1', 'a3', 'b2']) jobs.push(await queue.add(named(name)))
    await queue.start()
    await vi.waitFor(() => expect(order).toEqual(['b1', 'b2']))
    fail = false
    clock.nowMs += 2_000
    await queue.add(job({ lane: 'c', parameters: { name: 'c1' } }))
    await become(queue, jobs[3]!.job, JobState.Done)
    expect(order.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a2', 'a3'])
  })
})

describe('rows of jobs', () => {
  test('that were changed from outside are never run, and the operator is told', async () => {
    const seen: number[] = []
    kinds.set('work', tenThings(seen))
    await newQueue().add(job())
    const store = tampered(made.store, (table, rows) =>
      table === 'jobs' ? rows.map((row) => ({ ...row, parameters: '{"planted":1}' })) : rows,
    )
    const queue = newQueue(store)
    await queue.start()
    expect(queue.open()).toEqual([])
    expect(await queue.list()).toEqual([])
    expect(reported[0]).toMatch(/changed from outside/)
    expect(seen).toEqual([])
  })

  test('are kept up to a number of those that have ended', async () => {
    kinds.set('work', async () => '')
    vi.spyOn(limits, 'jobsKeptMax', 'get').mockReturnValue(3 as never)
    const queue = newQueue()
    await queue.start()
    for (let n = 0; n < 6; n++) {
      await queue.add(job({ parameters: { n } }))
      await vi.waitFor(() => expect(queue.open()).toEqual([]))
    }
    await vi.waitFor(async () => expect(await queue.list()).toHaveLength(3))
    expect((await queue.list()).map(({ parameters }) => parameters)).toEqual(['{"n":5}', '{"n":4}', '{"n":3}'])
  })

  test('are bounded while they are open', async () => {
    vi.spyOn(limits, 'jobsOpenMax', 'get').mockReturnValue(1 as never)
    const queue = newQueue()
    await queue.add(job())
    await expect(queue.add(job({ parameters: { n: 1 } }))).rejects.toMatchObject({ code: 'overloaded' })
  })

  test('of a kind that this server does not know fail and say so', async () => {
    const queue = newQueue()
    const { job: id } = await queue.add(job({ kind: 'of another version' }))
    await queue.start()
    await vi.waitFor(async () => expect((await queue.get(id)).detail).toMatch(/knows no jobs of kind/))
  })
})
