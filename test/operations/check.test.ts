import { beforeAll, describe, expect, test } from 'vitest'
import { CryptographicUsageMask, Operation } from '../../src/kmip/enums.ts'
import { attribute, createPayload, item, newServer, refusalOf } from './fixture.ts'
import type { Server } from './fixture.ts'

let server: Server
beforeAll(async () => {
  server = await newServer()
})

describe('Check', () => {
  test('gives the identifier when everything that was asked for is allowed', async () => {
    const id = await server.client.create([attribute('usageLimits', { usageLimitsTotal: 10n, usageLimitsUnit: 1 })])
    const asked = { usageLimitsCount: 10n, cryptographicUsageMask: CryptographicUsageMask.Encrypt, leaseTime: 5 }
    expect(await server.client.send(Operation.Check, { uniqueIdentifier: id, ...asked })).toEqual({
      uniqueIdentifier: id,
    })
  })

  test('refuses with what was too much, and empties the ID Placeholder', async () => {
    const limits = attribute('usageLimits', { usageLimitsTotal: 10n, usageLimitsUnit: 1 })
    const answers = await server.client.batch(
      [
        item(Operation.Create, createPayload([limits])),
        item(Operation.Check, { usageLimitsCount: 11n, cryptographicUsageMask: 12 }),
        item(Operation.Get, {}),
      ],
      { header: { batchErrorContinuationOption: 1 } },
    )
    expect(refusalOf(answers[1]!).reason).toBe('Permission Denied')
    expect(answers[1]!.responsePayload).toEqual({ usageLimitsCount: 11n })
    expect(refusalOf(answers[2]!).reason).toBe('Item Not Found')
    const id = await server.client.create()
    const wrap = { uniqueIdentifier: id, cryptographicUsageMask: CryptographicUsageMask.WrapKey, leaseTime: 9 }
    const { responsePayload } = await server.client.item(Operation.Check, wrap)
    expect(responsePayload).toEqual({ cryptographicUsageMask: CryptographicUsageMask.WrapKey })
  })

  test('refuses a lease that is longer than any', async () => {
    const id = await server.client.create()
    expect(await server.client.send(Operation.Check, { uniqueIdentifier: id, leaseTime: 3600 })).toEqual({
      uniqueIdentifier: id,
    })
    const { responsePayload } = await server.client.item(Operation.Check, { uniqueIdentifier: id, leaseTime: 3601 })
    expect(responsePayload).toEqual({ leaseTime: 3601 })
  })

  test('refuses a destroyed object', async () => {
    const id = await server.client.create()
    await server.client.destroy(id)
    expect((await server.client.refusal(Operation.Check, { uniqueIdentifier: id })).reason).toBe('Illegal Operation')
  })
})
