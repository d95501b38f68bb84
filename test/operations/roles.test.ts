import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ObjectType, Operation, ResultStatus } from '../../src/kmip/enums.ts'
import type { RoleRule } from '../../src/tenants/role.ts'
import { rulesOfBuiltIn } from '../../src/auth/roles.ts'
import {
  attribute,
  Client,
  createPayload,
  custom,
  item,
  named,
  newServer,
  principalOf,
  refusalOf,
  registerSecret,
  type Server,
} from './fixture.ts'

let server: Server
let cards: string
let loose: string
let secret: string

const group = (name: string) => attribute('objectGroup', name)
const everything = rulesOfBuiltIn('officer')![0]!

beforeAll(async () => {
  server = await newServer()
  cards = await server.client.create([group('cards'), named('a card')])
  loose = await server.client.create([named('loose')])
  const registered = await server.client.send(
    Operation.Register,
    registerSecret(Buffer.from('secret'), [group('cards')]),
  )
  secret = registered.uniqueIdentifier
})
afterAll(() => server.services.cryptoWork.close(0))

/** A client of the same service whose role names objects. */
function clientWith(...rules: Partial<RoleRule>[]): Client {
  const whole = rules.map((rule) => ({ ...everything, ...rule }))
  const principal = principalOf(server.client.principal.scope, 'limited')
  const operations = new Set(whole.flatMap((rule) => [...rule.operations]))
  return new Client(
    { ...principal, objectRules: whole, allows: (operation) => operations.has(operation) },
    server.services,
  )
}

const keysOfCards = { objectTypes: new Set([ObjectType.SymmetricKey]), objectGroups: new Set(['cards', 'wallets']) }

describe('a role that names objects', () => {
  test('an object that it does not allow is one that does not exist, in the same bytes', async () => {
    const client = clientWith(keysOfCards)
    expect((await client.item(Operation.Get, { uniqueIdentifier: cards })).resultStatus).toBe(ResultStatus.Success)
    const missing = '00000000-0000-4000-8000-000000000000'
    for (const operation of [
      Operation.Get,
      Operation.GetAttributeList,
      Operation.Activate,
      Operation.Destroy,
    ] as const) {
      const none = await client.bytes([item(operation, { uniqueIdentifier: missing })])
      for (const uniqueIdentifier of [loose, secret]) {
        expect(await client.bytes([item(operation, { uniqueIdentifier })])).toEqual(none)
      }
    }
  })

  test('Locate finds and counts what is allowed, by page, by filter and by identifier', async () => {
    const client = clientWith(keysOfCards)
    expect(await client.locate([])).toEqual([cards])
    expect(await client.locate([group('cards')])).toEqual([cards])
    expect(await client.locate([named('loose')])).toEqual([])
    expect(await client.locate([attribute('uniqueIdentifier', loose)])).toEqual([])
    const answer = await client.send(Operation.Locate, { attributes: [group('cards')], offsetItems: 0 })
    expect(answer.locatedItems).toBe(1)
    expect(await client.locate([], { offsetItems: 1 })).toEqual([])
  })

  test('nothing is made, or moved, where it does not allow it', async () => {
    const client = clientWith(keysOfCards)
    const reason = async (...sent: Parameters<Client['refusal']>) => (await client.refusal(...sent)).reason
    expect(await reason(Operation.Create, createPayload())).toBe('Permission Denied')
    expect(await reason(Operation.Create, createPayload([group('others')]))).toBe('Permission Denied')
    expect(await reason(Operation.Register, registerSecret(Buffer.from('x'), [group('cards')]))).toBe(
      'Permission Denied',
    )
    const uniqueIdentifier = await client.create([group('wallets')])
    const moved = { uniqueIdentifier, attribute: group('others') }
    expect(await reason(Operation.ModifyAttribute, moved)).toBe('Permission Denied')
    expect(await client.locate([group('wallets')])).toEqual([uniqueIdentifier])
    // A group of its own beside it does not let an object into another's.
    const both = [group('cards'), group('others')]
    expect(await reason(Operation.Create, createPayload(both))).toBe('Permission Denied')
    const added = { uniqueIdentifier, attribute: group('others') }
    expect(await reason(Operation.AddAttribute, added)).toBe('Permission Denied')
    const shared = await server.client.create(both)
    await client.send(Operation.AddAttribute, { uniqueIdentifier: shared, attribute: custom('x-2', 'y') })
    await server.client.destroy(shared)
    await client.send(Operation.AddAttribute, { uniqueIdentifier, attribute: custom('x-1', 'y') })
  })

  test('each rule is for its own operations, in a batch too', async () => {
    const read = new Set([Operation.GetAttributes, Operation.Locate])
    const client = clientWith({ operations: read }, { ...keysOfCards, operations: new Set([Operation.Get]) })
    const items = await client.batch(
      [loose, cards].flatMap((uniqueIdentifier) => [
        item(Operation.GetAttributes, { uniqueIdentifier, attributeNames: ['State'] }),
        item(Operation.Get, { uniqueIdentifier }),
      ]),
      { header: { batchErrorContinuationOption: 1 } },
    )
    const { Success, OperationFailed } = ResultStatus
    expect(items.map(({ resultStatus }) => resultStatus)).toEqual([Success, OperationFailed, Success, Success])
    expect(await client.locate([])).toEqual(expect.arrayContaining([loose, cards, secret]))
  })

  test('what one item may change the next may still not get', async () => {
    const change = new Set([Operation.AddAttribute])
    const client = clientWith({ operations: change }, { ...keysOfCards, operations: new Set([Operation.Get]) })
    const [changed, served] = await client.batch([
      item(Operation.AddAttribute, { uniqueIdentifier: loose, attribute: custom('x-opened', 'y') }),
      item(Operation.Get, { uniqueIdentifier: loose }),
    ])
    expect(changed!.resultStatus).toBe(ResultStatus.Success)
    expect(refusalOf(served!).reason).toBe('Item Not Found')
  })
})
