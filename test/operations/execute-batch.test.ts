import { setImmediate } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { KryptonError } from '../../src/errors.ts'
import { BatchErrorContinuationOption, Operation, ResultStatus, State } from '../../src/kmip/enums.ts'
import { limits } from '../../src/limits.ts'
import { attribute, createPayload, custom, item, named, newServer, refusalOf, registerKey } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { committing, slowStore } from './slow-store.ts'

let server: Server
let client: Client
beforeEach(async () => {
  server = await newServer()
  client = server.client
})

const key = Buffer.alloc(16, 9)
const bad = item(Operation.Get, { uniqueIdentifier: 'no-such-key' })
const proceed = { header: { batchErrorContinuationOption: BatchErrorContinuationOption.Continue } }

describe('a batch', () => {
  test('stops at the first failure, and what was done before stays done', async () => {
    const answers = await client.batch([
      item(Operation.Create, createPayload([named('kept')])),
      bad,
      item(Operation.Create, createPayload()),
    ])
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual([
      ResultStatus.Success,
      ResultStatus.OperationFailed,
    ])
    expect(await client.locate([named('kept')])).toHaveLength(1)
    expect(await client.locate([])).toHaveLength(1)
  })

  test('goes on after a failure when it is to continue', async () => {
    const answers = await client.batch([bad, item(Operation.Create, createPayload())], proceed)
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual([1, 0])
    expect(answers.map(({ uniqueBatchItemID }) => [...uniqueBatchItemID!])).toEqual([[0], [1]])
    expect(answers.map(({ operation }) => operation)).toEqual([Operation.Get, Operation.Create])
  })

  test('gives the identifier of one item to those that follow, whatever its options', async () => {
    const header = [{}, { batchOrderOption: true }, proceed.header]
    for (const options of header) {
      const answers = await client.batch(
        [
          item(Operation.Register, registerKey(key)),
          item(Operation.AddAttribute, { attribute: custom('x-1', 'v') }),
          item(Operation.ModifyAttribute, { attribute: custom('x-1', 'w') }),
          item(Operation.GetAttributes, { attributeNames: ['x-1'] }),
          item(Operation.GetAttributeList, {}),
          item(Operation.DeleteAttribute, { attributeName: 'x-1' }),
          item(Operation.Check, {}),
          item(Operation.Activate, {}),
          item(Operation.Encrypt, { data: key }),
          item(Operation.Get, {}),
          item(Operation.Revoke, { revocationReason: { revocationReasonCode: 1 } }),
          item(Operation.Destroy, {}),
        ],
        { header: options },
      )
      expect(answers.map(({ resultStatus }) => resultStatus)).toEqual(Array.from({ length: 12 }, () => 0))
      const { uniqueIdentifier } = answers[0]!.responsePayload as { uniqueIdentifier: string }
      for (const { responsePayload } of answers) expect(responsePayload).toMatchObject({ uniqueIdentifier })
      expect(await client.attribute(uniqueIdentifier, 'State')).toBe(State.Destroyed)
    }
  })

  test('takes the identifier from Locate when it found one, and from nothing when it found several', async () => {
    const group = [attribute('objectGroup', 'several')]
    const one = await client.register(key, [named('single'), ...group])
    await client.register(key, group)
    const found = await client.batch([
      item(Operation.Locate, { attributes: [named('single')] }),
      item(Operation.Get, {}),
    ])
    expect(found[1]!.responsePayload).toMatchObject({ uniqueIdentifier: one })
    const first = await client.batch([
      item(Operation.Locate, { attributes: group, maximumItems: 1 }),
      item(Operation.Get, {}),
    ])
    expect(first[1]!.responsePayload).toMatchObject({ uniqueIdentifier: one })
    for (const attributes of [group, [named('none')]]) {
      const answers = await client.batch([
        item(Operation.Create, createPayload()),
        item(Operation.Locate, { attributes }),
        item(Operation.Get, {}),
      ])
      expect(refusalOf(answers[2]!).reason).toBe('Item Not Found')
    }
    const last = await client.batch([
      item(Operation.Locate, { attributes: group, offsetItems: 1 }),
      item(Operation.Get, {}),
    ])
    expect(refusalOf(last[1]!).reason).toBe('Item Not Found')
  })

  test('does not let an item act on the object of another when its own was not made', async () => {
    const answers = await client.batch(
      [
        item(Operation.Create, createPayload([named('innocent')])),
        item(Operation.Create, createPayload([named('innocent')])),
        item(Operation.Destroy, {}),
      ],
      proceed,
    )
    expect(refusalOf(answers[2]!).reason).toBe('Item Not Found')
    expect(await client.locate([named('innocent')])).toHaveLength(1)
  })

  test('starts each request without an identifier', async () => {
    await client.create()
    expect((await client.refusal(Operation.Get, {})).reason).toBe('Item Not Found')
  })

  test('takes back the changes of the item that failed, and no others', async () => {
    const id = await client.register(key)
    const limited = await client.register(key, [
      attribute('activationDate', 0),
      attribute('usageLimits', { usageLimitsTotal: 5n, usageLimitsUnit: 1 }),
    ])
    const answers = await client.batch(
      [
        item(Operation.Encrypt, { uniqueIdentifier: limited, data: key.subarray(0, 5) }),
        item(Operation.Encrypt, { uniqueIdentifier: limited, data: key.subarray(0, 5) }),
        item(Operation.Activate, { uniqueIdentifier: id }),
        item(Operation.Activate, { uniqueIdentifier: id }),
      ],
      proceed,
    )
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual([0, 1, 0, 1])
    expect(await client.attribute(id, 'State')).toBe(State.Active)
    expect(await client.attribute(limited, 'Usage Limits')).toMatchObject({ usageLimitsCount: 0n })
  })

  test('reads what it has written, before it is written', async () => {
    const answers = await client.batch([
      item(Operation.Register, registerKey(key)),
      item(Operation.Get, {}),
      item(Operation.GetAttributes, { attributeNames: ['Fresh'] }),
    ])
    expect(answers[1]!.responsePayload).toMatchObject({
      symmetricKey: { keyBlock: { keyValue: { keyMaterial: key } } },
    })
    expect(answers[2]!.responsePayload).toMatchObject({ attributes: [{ value: false }] })
  })

  test('fails an item whose payload cannot be read, and no other', async () => {
    const answers = await client.batch(
      [item(Operation.Create, {} as never), item(Operation.Create, createPayload())],
      proceed,
    )
    expect(refusalOf(answers[0]!).reason).toBe('Missing Data')
    expect(answers[1]!.resultStatus).toBe(0)
  })

  test('rejects the whole message for a critical extension in it (6.16), and passes over one that is not', async () => {
    const extended = (criticalityIndicator: boolean) => ({
      ...item(Operation.Create, createPayload()),
      messageExtension: { vendorIdentification: 'Acme', criticalityIndicator, vendorExtension: Buffer.alloc(0) },
    })
    for (const items of [
      [extended(true)],
      [item(Operation.Locate, { attributes: [] }), extended(false), extended(true)],
    ]) {
      const answers = await client.batch(items, proceed)
      // That of the item with the extension: it names what is at fault.
      expect(answers.map(({ operation }) => operation)).toEqual([Operation.Create])
      expect(refusalOf(answers[0]!).reason).toBe('Feature Not Supported')
    }
    expect(await client.locate([])).toEqual([])
    expect(
      (await client.batch([extended(false), extended(false)], proceed)).map(({ resultStatus }) => resultStatus),
    ).toEqual([0, 0])
  })
})

describe('Batch Error Continuation Option Undo', () => {
  const undo = { header: { batchErrorContinuationOption: BatchErrorContinuationOption.Undo } }

  test('keeps all when all succeed', async () => {
    const answers = await client.batch(
      [item(Operation.Create, createPayload([named('kept')])), item(Operation.Activate, {})],
      undo,
    )
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual([ResultStatus.Success, ResultStatus.Success])
    expect(await client.locate([named('kept')])).toHaveLength(1)
  })

  test('takes back what was done before a failure, says so of each, and goes no further', async () => {
    const stored = await client.register(key, [named('stored')])
    const before = (await server.store.audit('data', 0, 1000)).length
    const answers = await client.batch(
      [
        item(Operation.Create, createPayload([named('never')])),
        item(Operation.Activate, { uniqueIdentifier: stored }),
        item(Operation.Get, { uniqueIdentifier: stored }),
        item(Operation.Destroy, { uniqueIdentifier: '00000000-0000-0000-0000-000000000000' }),
        item(Operation.Create, createPayload([named('not even tried')])),
      ],
      undo,
    )
    const undone = ResultStatus.OperationUndone
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual([
      undone,
      undone,
      undone,
      ResultStatus.OperationFailed,
    ])
    for (const answer of answers.slice(0, 3)) {
      expect(answer.responsePayload).toBeUndefined()
      expect(answer.resultMessage).toContain('Undone')
    }
    expect(refusalOf(answers[3]!).reason).toBe('Item Not Found')
    for (const name of ['never', 'not even tried']) expect(await client.locate([named(name)])).toEqual([])
    expect(await client.attributes(stored, ['State', 'Fresh'])).toEqual({ State: [State.PreActive], Fresh: [true] })
    expect(await server.store.audit('data', 0, 1000)).toHaveLength(before)
  })

  test('lets a name go that an undone item had taken', async () => {
    await client.batch([item(Operation.Create, createPayload([named('free')])), bad], undo)
    await client.register(key, [named('free')])
    expect(await client.locate([named('free')])).toHaveLength(1)
  })
})

describe('Maximum Response Size', () => {
  test('refuses an answer that is larger, of any operation, and does nothing', async () => {
    const id = await client.register(key)
    const requests = [
      item(Operation.Create, createPayload()),
      item(Operation.Register, registerKey(key)),
      item(Operation.Get, { uniqueIdentifier: id }),
      item(Operation.GetAttributes, { uniqueIdentifier: id, attributeNames: [] }),
      item(Operation.GetAttributeList, { uniqueIdentifier: id }),
      item(Operation.AddAttribute, { uniqueIdentifier: id, attribute: named('large') }),
      item(Operation.Locate, { attributes: [] }),
      item(Operation.Activate, { uniqueIdentifier: id }),
      item(Operation.Destroy, { uniqueIdentifier: id }),
      item(Operation.Query, { queryFunctions: [1] }),
      item(Operation.DiscoverVersions, { protocolVersions: [] }),
      item(Operation.RNGRetrieve, { dataLength: 8 }),
    ]
    for (const request of requests) {
      const [answer] = await client.batch([request], { header: { maximumResponseSize: 128 } })
      expect(refusalOf(answer!).reason).toBe('Response Too Large')
      expect(answer!.operation).toBe(request.operation)
    }
    expect(await client.locate([])).toEqual([id])
    expect(await client.attributes(id, ['State', 'Name', 'Fresh'])).toEqual({ State: [State.PreActive], Fresh: [true] })
  })

  test('counts the whole answer to a batch', async () => {
    const id = await client.register(key)
    const request = item(Operation.Get, { uniqueIdentifier: id })
    const sizeOf = async (items: Parameters<Client['bytes']>[0]) => (await client.bytes(items)).byteLength
    const two = await sizeOf([request, request])
    const fits = await client.batch([request, request], { header: { maximumResponseSize: two } })
    expect(fits.map(({ resultStatus }) => resultStatus)).toEqual([0, 0])
    const refused = await client.batch([request, request], { header: { maximumResponseSize: two - 1 } })
    expect(refused).toHaveLength(1)
    expect(refusalOf(refused[0]!).reason).toBe('Response Too Large')
  })

  test('lets a failure through: there is nothing smaller to say', async () => {
    const [answer] = await client.batch([bad], { header: { maximumResponseSize: 8 } })
    expect(refusalOf(answer!).reason).toBe('Item Not Found')
  })
})

describe('audit', () => {
  test('has a record of every change, with who made it, and none of reading or of what was taken back', async () => {
    const { store } = server
    const before = (await store.audit('data', 0, 1000)).length
    const id = await client.register(key, [named('audited')], { version: 10 })
    await server.colleague.activate(id)
    await client.material(id)
    await client.refusal(Operation.Activate, { uniqueIdentifier: id })
    await client.batch([item(Operation.Create, createPayload()), bad], proceed)
    const rows = (await store.audit('data', 0, 1000)).slice(before)
    expect(rows.map(({ operation, actor, result }) => [operation, actor, result])).toEqual([
      ['Register', 'client:client', 'success'],
      ['Activate', 'client:colleague', 'success'],
      ['Create', 'client:client', 'success'],
    ])
    expect(rows[0]!.object?.toString('hex')).toBe(id.replaceAll('-', ''))
    expect(rows.every(({ tenant }) => tenant.equals(client.principal.tenant))).toBe(true)
  })
})

describe('two threads', () => {
  test('see each other’s changes at once', async () => {
    const thread = server.otherThread()
    const id = await client.register(key)
    expect(await thread.attribute(id, 'State')).toBe(State.PreActive)
    expect(await client.attribute(id, 'State')).toBe(State.PreActive)
    await thread.activate(id)
    expect(await client.attribute(id, 'State')).toBe(State.Active)
    await client.revoke(id)
    expect((await thread.refusal(Operation.Encrypt, { uniqueIdentifier: id, data: key })).reason).toBe(
      'Permission Denied',
    )
  })

  test('that change one object at the same time both succeed, one after the other', async () => {
    const thread = server.otherThread()
    const id = await client.register(key)
    const add = (of: Client, i: number) =>
      of.send(Operation.AddAttribute, { uniqueIdentifier: id, attribute: custom('x-race', i, 2) })
    await Promise.all(Array.from({ length: 6 }, (_, i) => add(i % 2 === 0 ? client : thread, i)))
    expect((await client.attributes(id))['x-race']).toHaveLength(6)
  })

  test('that take one Name at the same time: one gets it, the other is told that it is taken', async () => {
    const thread = server.otherThread()
    const payload = createPayload([named('contested')])
    const answers = await Promise.all([client, thread].map((of) => of.item(Operation.Create, payload)))
    expect(answers.map(({ resultStatus }) => resultStatus).sort((a, b) => a - b)).toEqual([0, 1])
    expect(refusalOf(answers.find(({ resultStatus }) => resultStatus === 1)!).reason).toBe('Invalid Field')
  })
})

describe('a store', () => {
  test('that keeps refusing makes the client come again, after so many attempts', async () => {
    let commits = 0
    const thread = server.otherThread(
      committing(server.store, () => {
        commits++
        return Promise.reject(new KryptonError('store-conflict', 'changed'))
      }),
    )
    const refusal = await thread.refusal(Operation.Create, createPayload())
    expect(refusal.reason).toBe('General Failure')
    expect(refusal.message).toMatch(/again/)
    expect(commits).toBe(limits.conflictRetriesMax + 1)
  })

  test('that fails is told to the operator, and to the client', async () => {
    const failure = new KryptonError('store-failed', 'the disk is full')
    const thread = server.otherThread(committing(server.store, () => Promise.reject(failure)))
    const refusal = await thread.refusal(Operation.Create, createPayload())
    expect(refusal).toEqual({
      reason: 'General Failure',
      message: 'Ask the operator of this server to act, its store cannot write: the disk is full',
    })
    expect(server.faults).toEqual([failure])
  })

  test('is written before the answer is given', async () => {
    let written = false
    const thread = server.otherThread(
      committing(server.store, async (unit) => {
        await setImmediate()
        await server.store.commit(unit)
        written = true
      }),
    )
    await thread.create()
    expect(written).toBe(true)
  })

  test('that answers by promises is served in the same way', async () => {
    const slow = server.otherThread(slowStore(server.store))
    const id = await slow.create([named('slow')])
    const answers = await slow.batch([
      item(Operation.Locate, { attributes: [named('slow')] }),
      item(Operation.Activate, {}),
      item(Operation.Encrypt, { data: key }),
      item(Operation.Get, {}),
      bad,
      item(Operation.Create, createPayload()),
    ])
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual([0, 0, 0, 0, 1])
    expect((await slow.refusal(Operation.Create, createPayload([named('slow')]))).reason).toBe('Invalid Field')
    expect(await slow.locate([attribute('initialDate', server.clock.seconds)])).toEqual([id])
    expect(await client.attribute(id, 'State')).toBe(State.Active)
  })

  test('that was changed from outside is not believed', async () => {
    const id = await client.register(key)
    const { tenant, system, service } = client.principal.scope
    const object = Buffer.from(id.replaceAll('-', ''), 'hex')
    const row = (await server.store.get('objects', { tenant, system, service, object }))!
    const forged = { ...row, state: State.Active, row_version: row.row_version + 1 }
    await server.store.commit({
      section: 'data',
      changes: [{ table: 'objects', kind: 'update', row: forged, expectedVersion: row.row_version }],
      audit: [],
    })
    const refusal = await client.refusal(Operation.Get, { uniqueIdentifier: id })
    expect(refusal.reason).toBe('General Failure')
    expect(server.faults).toMatchObject([{ code: 'row-mac-mismatch' }])
  })
})
