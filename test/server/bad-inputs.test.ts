import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { CryptoWork } from '../../src/crypto/crypto-work.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { RefusalRecords } from '../../src/audit/refusal-records.ts'
import { CredentialCheck } from '../../src/auth/credential-check.ts'
import { Keystore } from '../../src/keystore/keystore.ts'
import { Operation, ResultReason, ResultStatus } from '../../src/kmip/enums.ts'
import { decodeResponse } from '../../src/kmip/response-message.ts'
import { Streams } from '../../src/operations/streams.ts'
import { UnfinishedAnswers } from '../../src/operations/unfinished-answers.ts'
import { executeBatch, type Services } from '../../src/operations/execute-batch.ts'
import { failureOf } from '../../src/operations/result.ts'
import { KmipResponder } from '../../src/server/kmip-responder.ts'
import { request } from '../kmip/items.ts'
import type { KmipClient } from '../support/kmip-client.ts'
import { startServer } from '../support/start-server.ts'
import type { TestServer } from '../support/start-server.ts'
import { brokenFrames, brokenStructures, wrongMessages, wrongOperations, wrongValues } from './bad-inputs.ts'
import type { BadInput } from './bad-inputs.ts'

const cryptoWork = new CryptoWork({ offload: 'table', loops: 1 })
const faults: unknown[] = []
let server: TestServer
let client: KmipClient

beforeAll(async () => {
  server = await startServer({
    responder: ({ store, keyChain, authenticator }, counters, log) => {
      const onFault = (error: unknown) => faults.push(error)
      const keystore = new Keystore(store, keyChain, systemClock, onFault)
      const services: Services = {
        keystore,
        clock: systemClock,
        randomBytes,
        cryptoWork,
        server: { version: '1', https: false },
        policy: { approved: false, tripleDes: false, clientNonces: true },
        streams: new Streams(1, systemClock),
        unfinishedAnswers: new UnfinishedAnswers(),
        identify: (_, asked) => asked,
        refusals: new RefusalRecords(store, systemClock, counters, onFault),
        onFault,
      }
      return new KmipResponder({
        credentials: new CredentialCheck(() => undefined),
        authenticator,
        executeBatch: (message, principal) => executeBatch(message, principal, services),
        failureOf: (error) => failureOf(error, onFault),
        clock: systemClock,
        counters,
        log,
      })
    },
  })
  client = await server.connect()
})
afterAll(async () => {
  await client.close()
  await server.stop()
  await cryptoWork.close(0)
})

const goodRequest = request(1, Operation.DiscoverVersions, [])
const families = { brokenFrames, brokenStructures, wrongMessages, wrongOperations, wrongValues }

/** Sends it, and returns what came of it: a reason, or that nothing was answered, and how the connection went on. */
async function outcomeOf({ bytes, closes = false }: BadInput): Promise<string> {
  const answer = await client.send(bytes).catch(() => undefined)
  const [item] = answer === undefined ? [] : decodeResponse(answer).batchItems
  const word = item === undefined ? 'no answer' : reasonOf(item.resultReason)
  if (closes) {
    await client.closed()
    client = await server.connect()
  }
  const { batchItems } = decodeResponse(await client.send(goodRequest))
  expect(batchItems[0]!.resultStatus).toBe(ResultStatus.Success)
  if (item !== undefined) expect(item.resultMessage).toMatch(/\w{3}/u)
  return word
}

function reasonOf(reason: number | undefined): string {
  return Object.entries(ResultReason).find(([, number]) => number === reason)?.[0] ?? 'success'
}

const seen = new Set<string>()

test.each(Object.entries(families))(
  'each of %s gets its reason, and what is good after it is served',
  { timeout: 300_000 },
  async (_, family) => {
    const different: string[] = []
    for (const input of family()) {
      expect(seen.has(input.what), input.what).toBe(false)
      seen.add(input.what)
      const word = await outcomeOf(input)
      if (word !== (input.reason ?? 'no answer')) different.push(`${input.what}: ${word}, not ${input.reason}`)
    }
    expect(different).toEqual([])
  },
)

test('there are at least 500 of them, none was a fault of the server, and none left an object behind', async () => {
  expect(seen.size).toBeGreaterThanOrEqual(500)
  expect(faults).toEqual([])
  expect(await server.store.find('objects', {})).toEqual([])
})
