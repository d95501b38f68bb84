import { randomBytes } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { checkAnswer, operationsIn, refusedItem } from './answer.ts'
import { Connection } from './connection.ts'
import { createKeys, destroy, queryOperations, revoke } from './messages.ts'
import type { LoadedObject, Scenario, Step } from './scenario.ts'
import { newTaskState, objectName } from './scenario.ts'
import { Operation } from './tags.ts'
import type { Target } from './target.ts'
import { connectionOptions } from './target.ts'

/** Requests under way at once while objects are made: enough for group commits, few enough for any server. */
const loadConnections = (count: number): number => Math.min(64, Math.max(8, count >> 7), count)

/** Makes `count` objects of the scenario on the server, before any clock starts. Throws with the first refusal. */
export async function loadObjects(target: Target, scenario: Scenario, count: number): Promise<LoadedObject[]> {
  const load = scenario.load
  if (!load) return []
  const run = randomBytes(4).toString('hex')
  const objects: LoadedObject[] = []
  let next = 0
  await withConnections(target, loadConnections(count), async (exchange) => {
    while (next < count) {
      const index = next++
      const state = newTaskState()
      for (const step of load(index, run)) await doStep(exchange, step, state)
      objects.push({ identifier: state.identifier, name: objectName(index, run), data: state.data, iv: state.iv })
    }
  })
  return objects
}

/** Creates in one message: what every server of 1.4 must take. */
const batchItems = 32

/**
 * Makes `count` named keys as fast as a server takes them, in batches, and forgets which they are: the crowd among which others are found.
 * Throws with the first answer that does not say Success for each.
 */
export async function loadMany(target: Target, count: number): Promise<void> {
  const run = randomBytes(4).toString('hex')
  let next = 0
  await withConnections(target, 16, async (exchange) => {
    while (next < count) {
      const first = next
      next = Math.min(count, first + batchItems)
      const names = Array.from({ length: next - first }, (_, index) => objectName(first + index, `${run}-crowd`))
      const refused = refusedItem(await exchange(createKeys(names)), names.length)
      if (refused !== undefined) throw new KryptonError('bench-failed', `the objects could not be loaded: ${refused}`)
    }
  })
}

/** Revokes and destroys what `loadObjects` made. An object that may not be revoked in its state is destroyed all the same. */
export async function destroyObjects(target: Target, objects: readonly LoadedObject[]): Promise<void> {
  const left = [...objects]
  await withConnections(target, loadConnections(left.length), async (exchange) => {
    for (let object = left.pop(); object; object = left.pop()) {
      await exchange(revoke(object.identifier))
      const frame = await exchange(destroy(object.identifier))
      const checked = checkAnswer(frame, { operation: Operation.Destroy })
      if (typeof checked === 'string')
        throw new KryptonError('bench-failed', `an object could not be destroyed: ${checked}`)
    }
  })
}

/** Sends the first request of the scenario once and returns both messages: the sizes that an echo has to have. */
export async function sampleExchange(
  target: Target,
  step: Step,
): Promise<{ readonly request: Buffer; readonly answer: Buffer }> {
  const { bytes: request } = step.request(newTaskState())
  let answer: Buffer = Buffer.alloc(0)
  await withConnections(target, 1, async (exchange) => {
    answer = await exchange(request)
  })
  return { request, answer }
}

/** The operations that the server says it has. Throws when it does not answer a Query. */
export async function servedOperations(target: Target): Promise<Set<number>> {
  let found = new Set<number>()
  await withConnections(target, 1, async (exchange) => {
    const frame = await exchange(queryOperations())
    const payload = checkAnswer(frame, { operation: Operation.Query })
    if (typeof payload === 'string') throw new KryptonError('bench-failed', `Query was not answered: ${payload}`)
    found = operationsIn(frame, payload)
  })
  return found
}

type Exchange = (request: Buffer) => Promise<Buffer>

async function doStep(exchange: Exchange, step: Step, state: ReturnType<typeof newTaskState>): Promise<void> {
  const request = step.request(state)
  const frame = await exchange(request.bytes)
  const checked = checkAnswer(frame, request)
  if (typeof checked === 'string')
    throw new KryptonError('bench-failed', `the objects that are to be asked for could not be made: ${checked}`)
  step.learn?.(state, frame, checked)
}

async function withConnections(
  target: Target,
  count: number,
  work: (exchange: Exchange) => Promise<void>,
): Promise<void> {
  const options = connectionOptions(target)
  await Promise.all(
    Array.from({ length: count }, async () => {
      const waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = []
      let opened!: () => void
      let refused!: (error: Error) => void
      const ready = new Promise<void>((resolve, reject) => {
        opened = resolve
        refused = reject
      })
      const connection = new Connection(options, {
        ready: () => opened(),
        answer: (frame) => waiting.shift()?.resolve(Buffer.from(frame)),
        closed: (reason) => {
          const error = unreachable(target, reason)
          refused(error)
          for (const { reject } of waiting.splice(0)) reject(error)
        },
      })
      await ready
      try {
        await work((request) => {
          const answer = new Promise<Buffer>((resolve, reject) => waiting.push({ resolve, reject }))
          connection.send(request)
          return answer
        })
      } finally {
        connection.abort()
      }
    }),
  )
}

function unreachable({ host, port }: Target, reason: string): KryptonError {
  // OpenSSL's and Node's names for a certificate that is not believed.
  const advice = /CERT|VERIFY/.test(reason)
    ? 'name the CA of its certificate with --ca, and the host that the certificate is for with --host'
    : 'start the server, or name it with --host and --port; it must know the client certificate'
  return new KryptonError('bench-failed', `no conversation with ${host}:${port} (${reason}): ${advice}`)
}
