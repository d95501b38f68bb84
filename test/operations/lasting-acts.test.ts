import { afterAll, beforeEach, expect, test } from 'vitest'
import { KryptonError } from '../../src/errors.ts'
import {
  BatchErrorContinuationOption,
  CancellationResult,
  CryptographicUsageMask,
  HashingAlgorithm,
  Operation,
  ResultStatus,
  RevocationReasonCode,
  UsageLimitsUnit,
} from '../../src/kmip/enums.ts'
import { uniqueIdentifierOf } from '../../src/objects/unique-identifier.ts'
import type { Change } from '../../src/store/store.ts'
import { attribute, custom, item, newServer, refusalOf } from './fixture.ts'
import type { Client, Item, Server } from './fixture.ts'
import { committing } from './slow-store.ts'

/** Batches that lose a race, and act beside their unit: they are run again, and act once. */

let server: Server
let client: Client
let contended: string
/** So many of the next commits that change the contended object find that another was faster; each calls `faster` first. */
let races: number
let faster: () => Promise<void>
beforeEach(async () => {
  races = 0
  faster = () => Promise.resolve()
  server = await newServer((store) =>
    committing(store, async (unit) => {
      if (races === 0 || !unit.changes.some(isOfContended)) return store.commit(unit)
      races--
      await faster()
      throw new KryptonError('store-conflict', 'another was faster')
    }),
  )
  client = server.client
  contended = await client.register(key)
})
const isOfContended = (change: Change) =>
  change.table === 'objects' && change.kind === 'update' && uniqueIdentifierOf(change.row.object) === contended
afterAll(() => server.services.cryptoWork.close(0))

const { Encrypt, Decrypt } = CryptographicUsageMask
const key = Buffer.alloc(32, 7)
const data = Buffer.from('thirty-two bytes of data to them')
const active = attribute('activationDate', 0)
const newKey = (attributes: Parameters<Client['register']>[1] = []) =>
  client.register(key, [active, ...attributes], { mask: Encrypt | Decrypt })
const { Success } = ResultStatus
const statuses = (answers: readonly { resultStatus: number }[]) => answers.map(({ resultStatus }) => resultStatus)

const change = () => item(Operation.AddAttribute, { uniqueIdentifier: contended, attribute: custom('x-race', 'x') })

/** A batch that changes the contended object, for which it has to be run again, before the others. */
async function racing(items: readonly Item[], header = {}) {
  races = 2
  const [changed, ...answers] = await client.batch([change(), ...items], { header })
  expect(changed!.resultStatus).toBe(Success)
  expect(races).toBe(0)
  return answers
}

async function begin(
  uniqueIdentifier: string,
  operation: typeof Operation.Encrypt | typeof Operation.Decrypt,
  part: Buffer,
  iv?: Uint8Array,
) {
  const request = { uniqueIdentifier, data: part, ivCounterNonce: iv, initIndicator: true }
  const answer = await client.send(operation, request)
  return { ...answer, correlationValue: Buffer.from(answer.correlationValue!) }
}
const last = (uniqueIdentifier: string, correlationValue: Uint8Array, part: Buffer) => ({
  uniqueIdentifier,
  correlationValue,
  data: part,
  finalIndicator: true,
})
const bytesOf = (payload: unknown) => Buffer.from((payload as { data: Uint8Array }).data)

test('a part of a stream is fed once, and answered as if it had been run once', async () => {
  const id = await newKey()
  const iv = Buffer.alloc(16, 1)
  const whole = await client.send(Operation.Encrypt, { uniqueIdentifier: id, data, ivCounterNonce: iv })
  const first = await begin(id, Operation.Encrypt, data.subarray(0, 5), iv)
  const { correlationValue } = first
  const middle = { uniqueIdentifier: id, correlationValue, data: data.subarray(5, 20) }
  const answers = await racing([
    item(Operation.Encrypt, middle),
    item(Operation.Encrypt, last(id, correlationValue, data.subarray(20))),
  ])
  expect(statuses(answers)).toEqual([Success, Success])
  const parts = [
    first.data as Uint8Array | undefined,
    ...answers.map(({ responsePayload }) => bytesOf(responsePayload)),
  ]
  expect(Buffer.concat(parts.filter((part) => part !== undefined))).toEqual(whole.data)
  expect(server.services.streams.size).toBe(0)

  const back = await begin(id, Operation.Decrypt, Buffer.from(whole.data as Uint8Array).subarray(0, 16), iv)
  const rest = Buffer.from(whole.data as Uint8Array).subarray(16)
  const [opened] = await racing([item(Operation.Decrypt, last(id, back.correlationValue, rest))])
  const plain = [back.data as Uint8Array | undefined, bytesOf(opened!.responsePayload)]
  expect(Buffer.concat(plain.filter((part) => part !== undefined))).toEqual(data)

  const hashed = { cryptographicParameters: { hashingAlgorithm: HashingAlgorithm.SHA256 } }
  const { correlationValue: hash } = await client.send(Operation.Hash, { ...hashed, data, initIndicator: true })
  const [digest] = await racing([
    item(Operation.Hash, { ...hashed, correlationValue: hash!, data, finalIndicator: true }),
  ])
  const expected = await client.send(Operation.Hash, { ...hashed, data: Buffer.concat([data, data]) })
  expect(bytesOf(digest!.responsePayload)).toEqual(expected.data)
  expect(server.faults).toEqual([])
})

test('a part that is refused is refused for the same reason in the second run', async () => {
  const id = await newKey()
  const { correlationValue } = await begin(id, Operation.Decrypt, data, Buffer.alloc(16))
  const [refused] = await racing([item(Operation.Decrypt, last(id, correlationValue, data.subarray(0, 7)))], {
    batchErrorContinuationOption: BatchErrorContinuationOption.Continue,
  })
  expect(refusalOf(refused!).reason).toBe('Cryptographic Failure')
})

test('a part counts once against the Usage Limits of its key', async () => {
  const usageLimits = { usageLimitsTotal: 1_000n, usageLimitsUnit: UsageLimitsUnit.Byte }
  const id = await newKey([attribute('usageLimits', usageLimits)])
  const { correlationValue } = await begin(id, Operation.Encrypt, data)
  const [answer] = await racing([item(Operation.Encrypt, last(id, correlationValue, data))])
  expect(answer!.resultStatus).toBe(Success)
  expect(await client.attribute(id, 'Usage Limits')).toMatchObject({ usageLimitsCount: 936n })
})

test('a stream ends with a key that was revoked meanwhile, and with a batch that is refused', async () => {
  const id = await newKey()
  const { correlationValue } = await begin(id, Operation.Encrypt, data)
  faster = async () => {
    faster = () => Promise.resolve()
    await client.revoke(id, RevocationReasonCode.KeyCompromise)
  }
  const [revoked] = await racing([item(Operation.Encrypt, last(id, correlationValue, data))], {
    batchErrorContinuationOption: BatchErrorContinuationOption.Continue,
  })
  expect(refusalOf(revoked!).reason).toBe('Permission Denied')
  expect(server.services.streams.size).toBe(0)

  const other = await newKey()
  const begun = await begin(other, Operation.Encrypt, data)
  races = Infinity
  faster = () => Promise.resolve()
  const part = { uniqueIdentifier: other, correlationValue: begun.correlationValue, data }
  const [refused] = await client.batch([change(), item(Operation.Encrypt, part)])
  expect(refusalOf(refused!).reason).toBe('General Failure')
  races = 0
  expect(server.services.streams.size).toBe(0)
})

test('an operation is canceled once', async () => {
  const asked = await client.batch([item(Operation.Locate, { attributes: [] })], {
    header: { asynchronousIndicator: true },
  })
  const asynchronousCorrelationValue = Buffer.from(asked[0]!.asynchronousCorrelationValue!)
  const [answer] = await racing([item(Operation.Cancel, { asynchronousCorrelationValue })])
  expect(answer!.responsePayload).toMatchObject({ cancellationResult: CancellationResult.Canceled })
})
