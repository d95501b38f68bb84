import { describe, expect, test } from 'vitest'
import { decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import { decodeResponse, encodeResponse } from '../../src/kmip/response-message.ts'
import { absent, mongoSamples, oasisMessages, sharedDirectory } from './shared.ts'

const samples = sharedDirectory === undefined ? [] : mongoSamples(sharedDirectory)
const cases = sharedDirectory === undefined ? [] : await oasisMessages(sharedDirectory)
if (sharedDirectory === undefined) console.warn(`golden messages are not tested: ${absent}`)

describe.skipIf(sharedDirectory === undefined)('golden exchanges of libmongocrypt', () => {
  test.each(samples.map((sample) => [sample.id, sample] as const))('%s is read and written as it was', (_, sample) => {
    const requestFrame = Buffer.from(sample.requestHex, 'hex')
    const request = decodeRequest(requestFrame)
    expect(request.batchItems[0]!.payloadError).toBeUndefined()
    expect(request.version).toBe(Number(sample.protocolVersion.replace('.', '')))
    expect(encodeRequest(request)).toEqual(requestFrame)
    const responseFrame = Buffer.from(sample.responseHex, 'hex')
    expect(encodeResponse(decodeResponse(responseFrame)).bytes).toEqual(responseFrame)
  })
})

describe.skipIf(sharedDirectory === undefined)('the OASIS cases', () => {
  test('every request of a served operation is read, and written as it was', () => {
    let served = 0
    for (const { id, request } of cases) {
      const message = decodeRequest(request)
      const errors = message.batchItems.map(({ payloadError }) => payloadError).filter((error) => error !== undefined)
      expect(
        errors.filter(({ code }) => code !== 'operation-not-supported').map(({ message }) => message),
        id,
      ).toEqual([])
      if (errors.length > 0) continue
      served += 1
      expect(encodeRequest(message).equals(request), id).toBe(true)
    }
    expect(served).toBeGreaterThan(800)
  })

  test('every answer of a served operation is read, and written as it was', () => {
    let served = 0
    for (const { id, response } of cases) {
      try {
        expect(encodeResponse(decodeResponse(response)).bytes.equals(response), id).toBe(true)
        served += 1
      } catch (error) {
        expect(error, id).toMatchObject({ code: 'operation-not-supported' })
      }
    }
    expect(served).toBeGreaterThan(800)
  })
})
