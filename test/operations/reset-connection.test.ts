import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { KryptonError } from '../../src/errors.ts'
import { Operation } from '../../src/kmip/enums.ts'
import { decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import { encodeResponse } from '../../src/kmip/response-message.ts'
import { protocolVersion } from '../../src/kmip/version.ts'
import { executeBatch } from '../../src/operations/execute-batch.ts'
import { startServer } from '../support/start-server.ts'
import type { TestServer } from '../support/start-server.ts'
import { named, newServer, registerKey } from './fixture.ts'
import { committing } from './slow-store.ts'

let listening: TestServer | undefined
afterEach(async () => {
  await listening?.stop()
})

test('a key whose connection is reset while its commit is tried again is stored as it was sent', async () => {
  const server = await newServer()
  const key = Buffer.from('a key that is not made of zeros!')
  let attempts = 0
  let arrived: () => void = () => undefined
  const inCommit = new Promise<void>((resolve) => (arrived = resolve))
  let go: () => void = () => undefined
  const reset = new Promise<void>((resolve) => (go = resolve))
  const thread = server.otherThread(
    committing(server.store, async (unit) => {
      attempts++
      if (attempts > 1) return server.store.commit(unit)
      arrived()
      await reset
      throw new KryptonError('store-conflict', 'another was faster')
    }),
  )
  let done: Promise<unknown> | undefined
  let frame: Buffer | undefined
  listening = await startServer({
    answer: (request) => {
      frame = request
      const items = Promise.resolve(executeBatch(decodeRequest(request), thread.principal, thread.services))
      done = items
      return items.then((batchItems) => encodeResponse({ version: 14, timeStamp: 0, batchItems }))
    },
  })
  const client = await listening.connect()
  client.socket.on('error', () => undefined)
  client.socket.write(
    encodeRequest({
      requestHeader: { protocolVersion: protocolVersion(14), batchCount: 1 },
      batchItems: [{ operation: Operation.Register, requestPayload: registerKey(key, [named('reset')]) }],
    }),
  )
  await inCommit
  const closed = once(client.socket, 'close')
  client.socket.destroy()
  await closed
  await setTimeout(50) // the server hears of it
  expect(frame!.includes(key)).toBe(true)
  go()
  await done
  expect(attempts).toBe(2)
  const [id] = await server.client.locate([named('reset')])
  expect(await server.client.material(id!)).toEqual(key)
  await setTimeout(0)
  expect(frame!.every((byte) => byte === 0)).toBe(true)
})
