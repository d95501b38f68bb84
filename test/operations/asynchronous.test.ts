import { setTimeout as wait } from 'node:timers/promises'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import {
  CancellationResult,
  CryptographicAlgorithm,
  ObjectType,
  Operation,
  RecommendedCurve,
  ResultStatus,
} from '../../src/kmip/enums.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { KryptonError } from '../../src/errors.ts'
import { limits } from '../../src/limits.ts'
import { uniqueIdentifierOf } from '../../src/objects/unique-identifier.ts'
import {
  attribute,
  Client,
  createPayload,
  item,
  named,
  newServer,
  principalOf,
  refusalOf,
  registerKey,
} from './fixture.ts'
import type { Item, Server } from './fixture.ts'
import { createPair } from './key-pairs.ts'

const key = Buffer.alloc(16, 5)
const later = { header: { asynchronousIndicator: true } }
const { OperationPending, Success } = ResultStatus

let server: Server
let client: Client
let uniqueIdentifier: string
beforeEach(async () => {
  server = await newServer()
  client = server.client
  uniqueIdentifier = await client.register(key, [named('wanted')])
})

/** Takes a request for later; its Asynchronous Correlation Value. */
async function begin(request: Item, by = client): Promise<Buffer> {
  const [answer] = await by.batch([request], later)
  expect(answer).toMatchObject({ operation: request.operation, resultStatus: OperationPending })
  expect(answer!.responsePayload).toBeUndefined()
  return Buffer.from(answer!.asynchronousCorrelationValue!)
}
const poll = (asynchronousCorrelationValue: Uint8Array, by = client) =>
  by.item(Operation.Poll, { asynchronousCorrelationValue })
const cancel = async (asynchronousCorrelationValue: Uint8Array, by = client) =>
  (await by.send(Operation.Cancel, { asynchronousCorrelationValue })).cancellationResult

async function pollUntilDone(correlationValue: Uint8Array, by = client): Promise<ResponseBatchItem> {
  for (;;) {
    const answer = await poll(correlationValue, by)
    if (answer.resultStatus !== OperationPending) return answer
    expect(answer.responsePayload).toBeUndefined()
    expect(answer.asynchronousCorrelationValue).toEqual(correlationValue)
    await wait(20)
  }
}
const locate = item(Operation.Locate, { attributes: [named('wanted')] })
const pair = item(
  Operation.CreateKeyPair,
  createPair([
    attribute('cryptographicAlgorithm', CryptographicAlgorithm.ECDSA),
    attribute('cryptographicDomainParameters', { recommendedCurve: RecommendedCurve.P256 }),
  ]),
)

describe('an asynchronous operation', () => {
  test('is answered by Poll as it would have been at once, in every thread and as often as it is asked', async () => {
    const correlationValue = await begin(locate)
    const answer = await pollUntilDone(correlationValue)
    expect(answer).toMatchObject({ operation: Operation.Locate, resultStatus: Success })
    expect(answer.responsePayload).toMatchObject({ uniqueIdentifiers: [uniqueIdentifier] })
    expect(await poll(correlationValue)).toEqual(answer)
    // The same client on another thread, or after a restart: a keystore that has nothing of it in memory.
    const again = new Client(client.principal, server.otherThread().services)
    expect(await poll(correlationValue, again)).toEqual(answer)
    expect(await cancel(correlationValue)).toBe(CancellationResult.Completed)
    expect(server.faults).toEqual([])
  })

  test('that changes something changes it whole and once, and fails as it would have at once', async () => {
    const made = await pollUntilDone(await begin(pair))
    const { privateKeyUniqueIdentifier } = made.responsePayload as { privateKeyUniqueIdentifier: string }
    expect(await client.attribute(privateKeyUniqueIdentifier, 'Cryptographic Algorithm')).toBe(
      CryptographicAlgorithm.ECDSA,
    )
    const archived = await pollUntilDone(await begin(item(Operation.Archive, { uniqueIdentifier })))
    expect(archived.responsePayload).toEqual({ uniqueIdentifier })
    const correlationValue = await begin(item(Operation.Archive, { uniqueIdentifier }))
    expect(refusalOf(await pollUntilDone(correlationValue)).reason).toBe('Object archived')
    expect(await cancel(correlationValue)).toBe(CancellationResult.Failed)
    const rows = await server.store.audit('data', 0, 1_000)
    expect(rows.map(({ operation }) => operation)).toEqual(
      expect.arrayContaining(['AsynchronousCreateKeyPair', 'CreateKeyPair', 'AsynchronousArchive', 'Archive']),
    )
  })

  test('that is canceled changes nothing, however far it is', async () => {
    const correlationValue = await begin(item(Operation.Archive, { uniqueIdentifier }))
    expect(await cancel(correlationValue)).toBe(CancellationResult.Canceled)
    expect(await cancel(correlationValue)).toBe(CancellationResult.Unavailable)
    expect(refusalOf(await poll(correlationValue)).reason).toBe('Item Not Found')
    await wait(limits.asynchronousDelayMs + 100)
    expect(await client.material(uniqueIdentifier)).toEqual(key)
    expect(server.faults).toEqual([])
  })

  test('is its client’s alone: for others it is as one that never was, and it is no object', async () => {
    const correlationValue = await begin(locate)
    await pollUntilDone(correlationValue)
    const unknown = Buffer.alloc(16, 9)
    for (const other of [server.colleague, server.otherService, server.otherTenant]) {
      expect(await poll(correlationValue, other)).toEqual(await poll(unknown, other))
      expect(await cancel(correlationValue, other)).toBe(CancellationResult.Unavailable)
    }
    expect(refusalOf(await poll(Buffer.alloc(3))).reason).toBe('Item Not Found')
    const asObject = { uniqueIdentifier: uniqueIdentifierOf(correlationValue) }
    for (const operation of [
      Operation.Get,
      Operation.Destroy,
      Operation.GetAttributeList,
      Operation.Recover,
    ] as const) {
      expect(refusalOf(await client.item(operation, asObject)).reason).toBe('Item Not Found')
    }
    expect(await client.locate([])).toEqual([uniqueIdentifier])
    expect(await client.locate([attribute('state', 5)], { storageStatusMask: 3 })).toEqual([])
    expect(await client.locate([attribute('destroyDate', 1)], { storageStatusMask: 3 })).toEqual([])
    expect(await client.locate([attribute('uniqueIdentifier', asObject.uniqueIdentifier)])).toEqual([])
  })

  test('is executed by who is asked after it late, when its server was stopped meanwhile, and once only', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    let correlationValue: Buffer
    try {
      // As at a restart: what was to execute it is gone.
      correlationValue = await begin(item(Operation.Archive, { uniqueIdentifier }))
      vi.clearAllTimers()
    } finally {
      vi.useRealTimers()
    }
    const threads = [server.otherThread(), server.otherThread()].map(
      ({ services }) => new Client(client.principal, services),
    )
    expect((await poll(correlationValue, threads[0])).resultStatus).toBe(OperationPending)
    server.clock.seconds += limits.asynchronousLateSeconds
    await Promise.all(threads.flatMap((thread) => [poll(correlationValue, thread), poll(correlationValue, thread)]))
    expect((await pollUntilDone(correlationValue, threads[0])).responsePayload).toEqual({ uniqueIdentifier })
    const rows = await server.store.audit('data', 0, 1_000)
    const archived = rows.filter(({ operation, object }) => operation === 'Archive' && object?.equals(correlationValue))
    expect(archived).toHaveLength(1)
    expect(server.faults).toEqual([])
  })

  test('counts as failed in the end, and an answer is kept for its time', async () => {
    const correlationValue = await begin(locate)
    server.clock.seconds += limits.asynchronousSeconds
    expect(refusalOf(await poll(correlationValue)).reason).toBe('General Failure')
    expect(await cancel(correlationValue)).toBe(CancellationResult.Unavailable)
    const answered = await begin(locate)
    await pollUntilDone(answered)
    server.clock.seconds += limits.asynchronousAnswerSeconds
    expect(refusalOf(await poll(answered)).reason).toBe('Item Not Found')
    const { tenant, system, service } = client.principal.scope
    await begin(locate)
    expect(await server.store.find('objects', { tenant, system, service, object_type: 0 })).toHaveLength(1)
  })

  test('is executed at once when there are too many, in a batch, or when it is fast or refused', async () => {
    for (let i = 0; i < limits.asynchronousPerClientMax; i++) await begin(locate)
    expect((await client.batch([locate], later))[0]).toMatchObject({ resultStatus: Success })
    await begin(locate, server.colleague)
    const answers = await server.colleague.batch([locate, locate], later)
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual([Success, Success])
    const [created] = await server.colleague.batch([item(Operation.Create, createPayload())], later)
    expect(created).toMatchObject({ resultStatus: Success })
    const idle = new Client(principalOf(client.principal.scope, 'idle', [Operation.Poll]), server.services)
    expect(refusalOf((await idle.batch([locate], later))[0]!).reason).toBe('Permission Denied')
  })

  test('of a client that was revoked meanwhile changes nothing, and one of another role does what that allows', async () => {
    let isKnown = true
    const identify = (_: unknown, asked: Principal): Principal => {
      if (isKnown) return asked
      throw new KryptonError('client-unknown', 'revoked')
    }
    const revoked = new Client(client.principal, { ...server.services, identify })
    // Before it begins, and while it is under way.
    const early = await begin(item(Operation.Archive, { uniqueIdentifier }), revoked)
    isKnown = false
    await wait(limits.asynchronousDelayMs + 100)
    isKnown = true
    expect((await poll(early, revoked)).resultStatus).toBe(OperationPending)
    let looks = 0
    const lately = (_: unknown, asked: Principal): Principal => {
      if (++looks === 1) return asked
      throw new KryptonError('client-unknown', 'revoked')
    }
    const slow = new Client(client.principal, { ...server.services, identify: lately })
    const late = await begin(pair, slow)
    await vi.waitUntil(() => looks === 2, 5_000)
    expect((await poll(late, slow)).resultStatus).toBe(OperationPending)
    expect(await client.locate([])).toEqual([uniqueIdentifier])
    await server.refusals.flush()
    const rows = await server.store.audit('data', 0, 1_000)
    const refusals = rows.filter(({ result }) => result === 'authentication-not-successful')
    expect(refusals.map(({ operation }) => operation)).toEqual(['Archive', 'CreateKeyPair'])

    const limited = { ...client.principal, allows: (operation: number) => operation !== Operation.Archive }
    const limiting = new Client(client.principal, { ...server.services, identify: () => limited })
    const asked = await begin(item(Operation.Archive, { uniqueIdentifier }), limiting)
    expect(refusalOf(await pollUntilDone(asked, limiting)).reason).toBe('Permission Denied')
    expect(refusalOf(await poll(asked, new Client(limited, server.services))).reason).toBe('Permission Denied')
    expect(await client.material(uniqueIdentifier)).toEqual(key)
    expect(server.faults).toEqual([])
  })

  test('is not told to a client whose role hides what its answer names', async () => {
    const correlationValue = await begin(locate)
    await pollUntilDone(correlationValue)
    const rule = { operations: new Set([Operation.Locate]), objectTypes: undefined, objectGroups: new Set(['others']) }
    const hiding = new Client({ ...client.principal, objectRules: [rule] }, server.services)
    expect(refusalOf(await poll(correlationValue, hiding)).reason).toBe('Item Not Found')
    const showing = { ...rule, objectGroups: undefined, objectTypes: new Set([ObjectType.SymmetricKey]) }
    const seeing = new Client({ ...client.principal, objectRules: [showing] }, server.services)
    expect((await poll(correlationValue, seeing)).responsePayload).toMatchObject({
      uniqueIdentifiers: [uniqueIdentifier],
    })
  })

  test('has an identifier that no Import takes', async () => {
    const correlationValue = await begin(locate)
    const { symmetricKey } = registerKey(key)
    const taken = { uniqueIdentifier: uniqueIdentifierOf(correlationValue), attributes: [], symmetricKey }
    for (const replaceExisting of [undefined, true]) {
      const refusal = await client.refusal(Operation.Import, { ...taken, replaceExisting })
      expect(refusal.reason).toBe('Object Already Exists')
      expect(refusal.message).toMatch(/another Unique Identifier/u)
    }
    await pollUntilDone(correlationValue)
  })
})
