import { CredentialCheck } from '../../src/auth/credential-check.ts'
import { beforeEach, describe, expect, test } from 'vitest'
import { peerOf, type Peer } from '../../src/auth/authenticate.ts'
import { dateTime, systemClock } from '../../src/clock.ts'
import { KryptonError } from '../../src/errors.ts'
import { Operation, ResultReason, ResultStatus } from '../../src/kmip/enums.ts'
import { encodeRequest } from '../../src/kmip/request-message.ts'
import { decodeResponse, type ResponseBatchItem } from '../../src/kmip/response-message.ts'
import type { Answer } from '../../src/server/answer.ts'
import { KmipResponder } from '../../src/server/kmip-responder.ts'
import { respond, type RespondParts } from '../../src/server/respond.ts'
import { Counters } from '../../src/telemetry/counters.ts'
import { openLog } from '../../src/telemetry/log.ts'
import { newRealm, testFailure } from '../support/start-server.ts'

let parts: RespondParts
let peer: Peer
let logLines: string[]
let executed: number

const realm = await newRealm()
const { der } = await realm.addClient({ tenant: 'demo', name: 'demo' })

const done: ResponseBatchItem = {
  operation: Operation.DiscoverVersions,
  resultStatus: ResultStatus.Success,
  responsePayload: { protocolVersions: [] },
}

beforeEach(async () => {
  logLines = []
  executed = 0
  parts = {
    authenticator: realm.authenticator,
    credentials: new CredentialCheck(() => undefined),
    executeBatch: () => {
      executed += 1
      return [done]
    },
    failureOf: testFailure,
    clock: systemClock,
    counters: new Counters(),
    log: openLog('debug', (line) => logLines.push(line)),
  }
  peer = peerOf(der)
  await realm.authenticator.authenticate(peer)
})

const request = (minor = 4): Buffer =>
  encodeRequest({
    requestHeader: {
      protocolVersion: { protocolVersionMajor: 1, protocolVersionMinor: minor },
      clientCorrelationValue: minor === 4 ? 'mine' : undefined,
      batchCount: 1,
    },
    batchItems: [{ operation: Operation.DiscoverVersions, requestPayload: { protocolVersions: [] } }],
  })

const now = (answer: Answer | Promise<Answer>): Answer => {
  if (answer instanceof Promise) throw new Error('an answer that was there was promised')
  return answer
}

describe('a request', () => {
  test('is answered at once in its own version when all is at hand, and counted', () => {
    for (const minor of [0, 1, 2, 3, 4]) {
      const answer = now(respond(request(minor), peer, parts))
      const response = decodeResponse(answer.bytes)
      expect(response.version).toBe(10 + minor)
      expect(response.clientCorrelationValue).toBe(minor === 4 ? 'mine' : undefined)
      expect(response.serverCorrelationValue).toEqual(
        minor === 4 ? expect.stringMatching(/^[0-9a-f]{32}$/u) : undefined,
      )
      expect(logLines.some((line) => line.includes(response.serverCorrelationValue ?? 'none'))).toBe(minor === 4)
      expect(Math.abs(response.timeStamp - dateTime(systemClock))).toBeLessThanOrEqual(1)
      expect(response.batchItems[0]!.resultStatus).toBe(ResultStatus.Success)
    }
    expect(parts.counters.readOperation(Operation.DiscoverVersions, true)).toBe(5)
  })

  test('is answered later when something has to be waited for', async () => {
    const later = { ...parts, executeBatch: async () => [done] }
    const { bytes } = await respond(request(), peer, later)
    expect(decodeResponse(bytes).batchItems[0]!.resultStatus).toBe(ResultStatus.Success)
  })

  test('fails as a whole by what is thrown, at once or later', async () => {
    const error = new KryptonError('feature-not-supported', 'leave it out')
    const throwing: RespondParts['executeBatch'][] = [
      () => {
        throw error
      },
      () => Promise.reject(error),
    ]
    for (const executeBatch of throwing) {
      const answer = await respond(request(), peer, { ...parts, executeBatch })
      expect(answer.close).toBeUndefined()
      const { batchItems } = decodeResponse(answer.bytes)
      expect(batchItems).toMatchObject([{ resultStatus: ResultStatus.OperationFailed, resultMessage: 'leave it out' }])
    }
  })

  test('whose answer cannot be written fails, and the log says why', () => {
    const broken: RespondParts = { ...parts, executeBatch: () => [{ ...done, operation: 0x7ffffff }] }
    const { batchItems } = decodeResponse(now(respond(request(), peer, broken)).bytes)
    expect(batchItems[0]!.resultReason).toBe(ResultReason.GeneralFailure)
    expect(logLines.join('')).toContain('an answer could not be written')
  })

  test('that cannot be read is answered in its version and the stream goes on; a broken frame ends it', () => {
    const wrongCount = request(2)
    wrongCount.writeInt32BE(2, wrongCount.indexOf(Buffer.from([0x42, 0, 0x0d, 2])) + 8)
    const answer = now(respond(wrongCount, peer, parts))
    expect(answer.close).toBe(false)
    expect(decodeResponse(answer.bytes)).toMatchObject({
      version: 12,
      batchItems: [{ resultReason: ResultReason.InvalidMessage }],
    })
    const broken = request(2)
    broken.writeUInt32BE(0x7ffffff8, 12)
    expect(now(respond(broken, peer, parts)).close).toBe(true)
    expect(executed).toBe(0)
  })
})

describe('who is unknown', () => {
  test('is refused before a byte of the frame is parsed', async () => {
    const frame = new Proxy(Buffer.from('not even TTLV'), {
      get: () => {
        throw new Error('somebody looked')
      },
    })
    await expect((async () => respond(frame, peerOf(undefined), parts))()).rejects.toMatchObject({
      code: 'client-unknown',
    })
    expect(executed).toBe(0)
  })

  test('gets a fixed answer with a header of KMIP 1.0 that says what to do', () => {
    const refused: unknown[] = []
    const failureOf = (error: unknown): ResponseBatchItem => {
      refused.push(error)
      return testFailure(error)
    }
    const response = decodeResponse(new KmipResponder({ ...parts, failureOf }).refuseUnknown())
    expect(refused).toMatchObject([{ code: 'authentication-not-successful' }])
    expect(response.version).toBe(10)
    expect(response.batchItems[0]!.resultMessage).toContain('krypton client add')
  })
})

test('a frame whose header is wrong is answered, bytes that are no KMIP are not', () => {
  const responder = new KmipResponder(parts)
  for (const code of ['frame-too-large', 'frame-invalid'] as const) {
    const bytes = responder.refuseFrame(new KryptonError(code, 'send less'))
    expect(decodeResponse(bytes!).batchItems[0]!.resultMessage).toBe('send less')
  }
  expect(responder.refuseFrame(new KryptonError('no-frame', 'send KMIP'))).toBeUndefined()
})
