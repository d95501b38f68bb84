import { beforeEach, describe, expect, test } from 'vitest'
import { Suite } from '../../src/crypto/aead.ts'
import { BreakGlass } from '../../src/hierarchy/break-glass.ts'
import { changeKey } from '../../src/hierarchy/key-change.ts'
import type { KeyChange } from '../../src/hierarchy/key-life.ts'
import type { KeyWork } from '../../src/hierarchy/key-versions.ts'
import { type KeyAddress, rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { Operation, State } from '../../src/kmip/enums.ts'
import { uniqueIdentifierOf } from '../../src/objects/unique-identifier.ts'
import { RotationBench } from '../hierarchy/rotation-fixture.ts'
import { attribute, createPayload, named, newServer, type Server } from './fixture.ts'

let server: Server
let bench: RotationBench
let work: KeyWork
let address: KeyAddress
let uniqueIdentifier: string

beforeEach(async () => {
  server = await newServer()
  const { chain, scopes } = server.hierarchy
  address = { table: 'service_keys', ...scopes.own }
  bench = new RotationBench(server.hierarchy)
  const users: KeyWork['users'] = {
    refresh: async (meant) => {
      await chain.refresh(meant)
      if (meant?.forget === true) server.services.keystore.forget()
    },
    takeRoot: async () => undefined,
  }
  work = { ...bench.work, users }
  uniqueIdentifier = await server.client.register(Buffer.alloc(32, 7), [attribute('activationDate', 0), named('a key')])
  await server.client.send(Operation.Get, { uniqueIdentifier })
})

const change = (act: KeyChange) => changeKey(work, Suite.Xaes256Gcm, address, { act, actor: 'system' })
/** What a client sees: the Result Reason of each operation that is refused, nothing for one that succeeds. */
const seen = async (): Promise<Record<string, string | undefined>> => {
  const answers = {
    Create: await server.client.item(Operation.Create, createPayload()),
    Get: await server.client.item(Operation.Get, { uniqueIdentifier }),
    'Get Attributes': await server.client.item(Operation.GetAttributes, { uniqueIdentifier, attributeNames: [] }),
    Locate: await server.client.item(Operation.Locate, { attributes: [named('a key')] }),
  }
  return Object.fromEntries(
    Object.entries(answers).map(([name, { resultReason, resultMessage }]) => [
      name,
      resultReason === undefined ? undefined : resultMessage,
    ]),
  )
}
const state = () => server.client.attribute(uniqueIdentifier, 'State')

describe('what KMIP shows of', () => {
  test('a suspended or deactivated Service Key: what there is stays as it is, nothing is made', async () => {
    for (const act of ['suspend', 'deactivate'] as const) {
      await change(act)
      expect(await seen()).toEqual({ Create: expect.stringMatching(/resume the keys of this service/) })
      expect(await state()).toBe(State.Active)
    }
  })

  test('a compromised one: its objects are known and do not open, until a grant or its successor opens them', async () => {
    bench.onPoint = (point) => {
      if (point === 'in use') throw new Error('planted')
    }
    const job = rotationJob(address, { from: 1, reason: 'compromise', actor: 'system', subject: 'x' })
    Object.assign(bench.work, { users: work.users })
    await expect(bench.run(job)).rejects.toThrow('planted')
    expect(await seen()).toEqual({ Get: expect.stringMatching(/may be known to somebody else/) })
    expect(await state()).toBe(State.Active)
    const glass = new BreakGlass(work)
    const { grant } = await glass.grant(server.hierarchy.scopes.own, { minutes: 5, reason: 'x', actor: 'system' })
    expect(await seen()).toEqual({})
    await glass.end(grant.toString('hex'), 'system')
    expect(await seen()).toEqual({ Get: expect.stringMatching(/may be known to somebody else/) })
    bench.onPoint = () => undefined
    await bench.run(job)
    expect(await seen()).toEqual({})
  })

  test('keys above objects: they are no objects, whoever asks for them by their identifiers', async () => {
    const { store } = server
    const rows = [
      ...(await store.find('ivks', {})),
      ...(await store.find('tenant_keys', {})),
      ...(await store.find('service_keys', {})),
    ]
    for (const { key_id } of rows)
      for (const operation of [Operation.Get, Operation.Export] as const) {
        const refused = await server.client.refusal(operation, { uniqueIdentifier: uniqueIdentifierOf(key_id) })
        expect(refused).toMatchObject({ reason: 'Item Not Found' })
      }
  })
})
