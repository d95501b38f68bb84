import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { TenantKeys } from '../../src/hierarchy/key-chain.ts'
import { IndexAnswers } from '../../src/keystore/index-answers.ts'
import { limits } from '../../src/limits.ts'
import { Operation } from '../../src/kmip/enums.ts'
import { named, newServer, type Server } from '../operations/fixture.ts'
import { changed, slowStore } from '../operations/slow-store.ts'

let server: Server
let asked = 0
beforeEach(async () => {
  asked = 0
  server = await newServer((store) =>
    changed(store, {
      indexed: (query) => {
        asked++
        return store.indexed(query)
      },
    }),
  )
})

const key = Buffer.alloc(16, 1)

/** Waits until the garbage collector has taken it; fails when it does not. */
async function collected(reference: WeakRef<object>): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void // the flag has just made it
  await vi.waitFor(() => {
    collect()
    expect(reference.deref() === undefined).toBe(true)
  })
}

describe('what the index answers for a name', () => {
  test('is asked once, whoever of the service asks, also when there is nothing of that name', async () => {
    const { client, colleague } = server
    const id = await client.register(key, [named('one')])
    for (const of of [client, colleague, client]) {
      expect(await of.locate([named('one')])).toEqual([id])
      expect(await of.locate([named('none')])).toEqual([])
    }
    expect(asked).toBe(2)
  })

  test("is one service's own", async () => {
    const { client, otherService, otherSystem, otherTenant } = server
    const id = await client.register(key, [named('one')])
    expect(await client.locate([named('one')])).toEqual([id])
    for (const other of [otherService, otherSystem, otherTenant]) expect(await other.locate([named('one')])).toEqual([])
  })

  test('is asked again when any thread has given the name to an object or taken it away', async () => {
    const { client } = server
    const other = server.otherThread()
    const find = () => client.locate([named('one')])
    expect(await find()).toEqual([])
    const first = await other.register(key, [named('one')])
    expect(await find()).toEqual([first])
    const attribute = { ...named('two'), index: 0 }
    await other.send(Operation.ModifyAttribute, { uniqueIdentifier: first, attribute })
    expect(await find()).toEqual([])
    expect(await client.locate([named('two')])).toEqual([first])
    const second = await client.register(key, [named('one')])
    expect(await find()).toEqual([second])
    await other.destroy(second)
    expect(await find()).toEqual([])
  })

  test('is never older than the question: what another thread changes while it is on its way is asked for again', async () => {
    const { client } = server
    let meanwhile: (() => Promise<unknown>) | undefined
    const slow = server.otherThread(
      changed(slowStore(server.store), {
        indexed: async (query) => {
          const found = await server.store.indexed(query)
          await meanwhile?.()
          meanwhile = undefined
          return found
        },
      }),
    )
    let id: string | undefined
    meanwhile = async () => (id = await client.register(key, [named('one')]))
    expect(await slow.locate([named('one')])).toEqual([])
    expect(await slow.locate([named('one')])).toEqual([id])
  })

  test('belongs to the keys with which it was asked, and lets go of them', async () => {
    const { versions } = server.store
    const answers = new IndexAnswers(versions)
    const keys = () => ({}) as TenantKeys // only its identity counts here
    const value = { attribute: 'name', bytes: Buffer.from('one') }
    const own = keys()
    answers.set(1, value, own, { identifiers: ['id'], ...answers.versionOf(Buffer.alloc(20)) })
    expect(answers.get(1, value, own)).toEqual(['id'])
    expect(answers.get(1, value, keys())).toBeUndefined()
    const dropped = new WeakRef(keys())
    answers.set(2, value, dropped.deref()!, { identifiers: [], ...answers.versionOf(Buffer.alloc(20)) })
    await collected(dropped)
  })

  test('is not kept for a text that is longer than names are', async () => {
    const { client } = server
    const long = 'n'.repeat(limits.indexAnswerValueBytesMax + 1)
    const id = await client.register(key, [named(long)])
    expect(await client.locate([named(long)])).toEqual([id])
    expect(await client.locate([named(long)])).toEqual([id])
    expect(asked).toBe(2)
  })
})
