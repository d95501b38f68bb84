import { beforeEach, describe, expect, test } from 'vitest'
import { KryptonError } from '../../src/errors.ts'
import { Operation } from '../../src/kmip/enums.ts'
import { createPayload, item, newServer, refusalOf } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { committing } from './slow-store.ts'

const full = new KryptonError('store-failed', 'the disk is full: free space and repeat the request')
const key = Buffer.alloc(16, 9)
let server: Server
let thread: Client
beforeEach(async () => {
  server = await newServer()
  thread = server.otherThread(committing(server.store, () => Promise.reject(full)))
})

describe('a store that cannot write', () => {
  test('tells client and operator what has to be done', async () => {
    expect(await thread.refusal(Operation.Create, createPayload())).toEqual({
      reason: 'General Failure',
      message: expect.stringContaining('the disk is full: free space'),
    })
    expect(server.faults).toEqual([full])
  })

  test('serves no key for the first time, which nobody could be told later, and every other', async () => {
    const id = await server.client.register(key)
    for (const asked of [Operation.Get, Operation.Export] as const) {
      expect(await thread.refusal(asked, { uniqueIdentifier: id })).toEqual({
        reason: 'General Failure',
        message: expect.stringContaining('the disk is full: free space'),
      })
    }
    expect(server.faults).toEqual([full, full])
    expect(await server.client.attribute(id, 'Fresh')).toBe(true)
    expect(await server.client.material(id)).toEqual(key)
    expect(await thread.material(id)).toEqual(key)
  })

  test('refuses a Get that comes with another change, in either order', async () => {
    const id = await server.client.register(key)
    const get = item(Operation.Get, { uniqueIdentifier: id })
    const activate = item(Operation.Activate, { uniqueIdentifier: id })
    for (const items of [
      [get, activate],
      [activate, get],
    ]) {
      const [answer] = await thread.batch(items)
      expect(refusalOf(answer!).reason).toBe('General Failure')
    }
  })
})
