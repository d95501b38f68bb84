import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  BlockCipherMode,
  CryptographicUsageMask,
  Operation,
  PaddingMethod,
  ResultStatus,
  State,
} from '../../src/kmip/enums.ts'
import { decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import { protocolVersion } from '../../src/kmip/version.ts'
import { executeBatch } from '../../src/operations/execute-batch.ts'
import type { Unit } from '../../src/store/store.ts'
import {
  attribute,
  createPayload,
  custom,
  type Item,
  item,
  named,
  newServer,
  refusalOf,
  type Server,
} from './fixture.ts'
import { committing } from './slow-store.ts'

/** Commits that wait until they are let on. */
let held: (() => void)[] = []
let commits: Unit[] = []
let server: Server
let isHolding = false

beforeEach(async () => {
  held = []
  commits = []
  isHolding = false
  server = await newServer((store) =>
    committing(store, async (unit) => {
      await (isHolding ? new Promise<void>((resolve) => held.push(resolve)) : setImmediate())
      commits.push(unit)
      await store.commit(unit)
    }),
  )
})

afterEach(() => expect(server.faults).toEqual([]))

/** One connection that sends requests without waiting for their answers. */
class Pipeline {
  readonly asker = { isGone: false }
  readonly answers: Promise<readonly ResponseBatchItem[]>[] = []
  /** Of each request, true when it was answered. */
  readonly done: boolean[] = []

  send(...batchItems: Item[]): this {
    const items = batchItems.map((one, i) => ({
      ...one,
      uniqueBatchItemID: batchItems.length > 1 ? Buffer.from([i]) : undefined,
    }))
    const requestHeader = { protocolVersion: protocolVersion(14), batchCount: items.length }
    const request = decodeRequest(encodeRequest({ requestHeader, batchItems: items }))
    const at = this.answers.length
    const answer = Promise.resolve(executeBatch(request, server.client.principal, server.services, this.asker))
    this.done.push(false)
    void answer.then(() => (this.done[at] = true))
    this.answers.push(answer)
    return this
  }

  async all(): Promise<ResponseBatchItem[]> {
    return (await Promise.all(this.answers)).map((items) => items.at(-1)!)
  }

  async successes(): Promise<Record<string, unknown>[]> {
    const answers = await this.all()
    for (const answer of answers) expect(answer.resultMessage).toBe(undefined)
    return answers.map(({ responsePayload }) => responsePayload as Record<string, unknown>)
  }
}

const encrypt = (uniqueIdentifier: string): Item =>
  item(Operation.Encrypt, {
    uniqueIdentifier,
    cryptographicParameters: {
      blockCipherMode: BlockCipherMode.CBC,
      paddingMethod: PaddingMethod.PKCS5,
      randomIV: true,
    },
    data: Buffer.from('data'),
  })
const activate = (uniqueIdentifier: string): Item => item(Operation.Activate, { uniqueIdentifier })
const create = (name?: string): Item => item(Operation.Create, createPayload(name === undefined ? [] : [named(name)]))
const locate = (name: string): Item => item(Operation.Locate, { attributes: [named(name)] })
const revoke = (uniqueIdentifier: string): Item =>
  item(Operation.Revoke, { uniqueIdentifier, revocationReason: { revocationReasonCode: 6 } })
const destroy = (uniqueIdentifier: string): Item => item(Operation.Destroy, { uniqueIdentifier })

describe('requests of one connection that are sent together', () => {
  test('see what those before them have changed', async () => {
    const id = await server.client.create()
    const pipeline = new Pipeline()
      .send(activate(id))
      .send(encrypt(id))
      .send(item(Operation.AddAttribute, { uniqueIdentifier: id, attribute: custom('x-1', 'a') }))
      .send(item(Operation.ModifyAttribute, { uniqueIdentifier: id, attribute: custom('x-1', 'b') }))
      .send(item(Operation.GetAttributes, { uniqueIdentifier: id, attributeNames: ['x-1', 'State'] }))
      .send(revoke(id))
      .send(encrypt(id))
      .send(destroy(id))
    const answers = await pipeline.all()
    const states = answers.map(({ resultStatus }) => resultStatus)
    expect(states.map((status) => status === ResultStatus.Success)).toEqual([
      true,
      true,
      true,
      true,
      true,
      true,
      false,
      true,
    ])
    expect(refusalOf(answers[6]!).message).toContain('Deactivated')
    const { attributes } = answers[4]!.responsePayload as { attributes: { value: unknown }[] }
    expect(attributes.map(({ value }) => value)).toEqual([{ itemType: 0x07, value: 'b' }, State.Active])
  })

  test('find by its Name what one before them makes, and take a Name that one before them lets go of', async () => {
    const pipeline = new Pipeline().send(create('n')).send(locate('n'))
    const [{ uniqueIdentifier }, { uniqueIdentifiers }] = (await pipeline.successes()) as [
      Record<string, unknown>,
      Record<string, unknown>,
    ]
    expect(uniqueIdentifiers).toEqual([uniqueIdentifier])
    const [, again, found] = await new Pipeline()
      .send(destroy(String(uniqueIdentifier)))
      .send(create('n'))
      .send(locate('n'))
      .successes()
    expect(found!['uniqueIdentifiers']).toEqual([again!['uniqueIdentifier']])
  })

  test('wrap by a key that one before them has activated', async () => {
    const { uniqueIdentifier: wrapping } = await server.client.send(
      Operation.Create,
      createPayload([attribute('cryptographicParameters', { blockCipherMode: BlockCipherMode.NISTKeyWrap })], {
        mask: CryptographicUsageMask.WrapKey,
      }),
    )
    const key = await server.client.register(randomBytes(32))
    const answers = await new Pipeline()
      .send(activate(wrapping))
      .send(
        item(Operation.Get, {
          uniqueIdentifier: key,
          keyWrappingSpecification: {
            wrappingMethod: 1,
            encryptionKeyInformation: { uniqueIdentifier: wrapping },
            attributeNames: [],
          },
        }),
      )
      .all()
    expect(answers.map(({ resultMessage }) => resultMessage)).toEqual([undefined, undefined])
  })

  test('do not wait for those that they have nothing to do with', async () => {
    const [one, other] = [await server.client.create(), await server.client.create()]
    await server.client.activate(other)
    isHolding = true
    const pipeline = new Pipeline()
      .send(create('a'))
      .send(create('b'))
      .send(item(Operation.Create, createPayload()), item(Operation.Activate, {}))
      .send(activate(one))
      .send(encrypt(other))
      .send(item(Operation.Query, { queryFunctions: [1] }))
      .send(locate('a'))
      .send(encrypt(one))
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    expect(pipeline.done).toEqual([false, false, false, false, true, true, false, false])
    // All that change are with the store at once.
    expect(held.length).toBe(4)
    isHolding = false
    for (const go of held) go()
    await pipeline.successes()
    expect(commits.length).toBe(7)
  })

  test('go on when one that they wait for is refused', async () => {
    const id = await server.client.create([named('taken')])
    const gone = await server.client.create()
    const answers = await new Pipeline()
      .send(activate(id))
      .send(activate(id))
      .send(destroy(gone))
      .send(activate(gone))
      .send(create('taken'))
      .send(encrypt(id))
      .all()
    expect(answers.map(({ resultStatus }) => resultStatus === ResultStatus.Success)).toEqual([
      true,
      false,
      true,
      false,
      false,
      true,
    ])
  })

  test('of another connection do not wait', async () => {
    const id = await server.client.create()
    isHolding = true
    const waiting = new Pipeline().send(activate(id))
    const other = new Pipeline().send(
      item(Operation.GetAttributes, { uniqueIdentifier: id, attributeNames: ['State'] }),
    )
    await setImmediate()
    expect([...waiting.done, ...other.done]).toEqual([false, true])
    isHolding = false
    for (const go of held) go()
    await waiting.successes()
  })
})
