import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { UnitSender } from '../../src/store/sqlite/unit-sender.ts'
import { unitOf } from './rows.ts'

test('more units than may wait are refused at once, and those that wait fail when the writer goes', async () => {
  const { port1, port2 } = new MessageChannel()
  const sender = new UnitSender(port2)
  const waiting = Array.from({ length: limits.storeWaitingMax }, () => sender.send(unitOf([])))
  const outcomes = Promise.allSettled(waiting)
  await expect(sender.send(unitOf([]))).rejects.toMatchObject({ code: 'overloaded' })
  port1.close()
  for (const outcome of await outcomes)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'store-failed' } })
  await expect(sender.send(unitOf([]))).rejects.toMatchObject({ code: 'store-failed' })
})
