import * as fc from 'fast-check'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { NameType, ObjectGroupMember, ObjectType, Operation, State, StorageStatusMask } from '../../src/kmip/enums.ts'
import { limits } from '../../src/limits.ts'
import {
  attribute,
  createPayload,
  custom,
  item,
  named,
  newServer,
  registerKey,
  registerOpaque,
  registerSecret,
} from './fixture.ts'
import type { Client, Server } from './fixture.ts'

const key = Buffer.alloc(16, 5)

describe('Locate', () => {
  let server: Server
  let client: Client
  beforeEach(async () => {
    server = await newServer()
    client = server.client
  })

  test('without filters finds every object of the service that is not destroyed, the oldest first', async () => {
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.push(await client.register(key))
    await client.destroy(ids[2]!)
    ids.splice(2, 1)
    expect(await client.locate([])).toEqual(ids)
    expect(await server.colleague.locate([])).toEqual(ids)
    expect(await server.otherService.locate([])).toEqual([])
    expect(await server.otherSystem.locate([])).toEqual([])
    expect(await server.otherTenant.locate([])).toEqual([])
  })

  test('finds destroyed objects when it is asked for their state or date, and for nothing else', async () => {
    const id = await client.register(key, [named('gone')])
    await client.destroy(id)
    expect(await client.locate([named('gone')])).toEqual([])
    expect(await client.locate([attribute('state', State.Destroyed)])).toEqual([id])
    expect(await client.locate([attribute('state', State.Destroyed), named('gone')])).toEqual([id])
    expect(await client.locate([attribute('destroyDate', server.clock.seconds)])).toEqual([id])
    expect(await client.locate([attribute('uniqueIdentifier', id)])).toEqual([])
    expect(await client.locate([attribute('uniqueIdentifier', id), attribute('state', State.Destroyed)])).toEqual([id])
  })

  test('finds by identifier what is there, of this service, and fits the other filters', async () => {
    const id = await client.register(key, [named('one')])
    expect(await client.locate([attribute('uniqueIdentifier', id), named('one')])).toEqual([id])
    expect(await client.locate([attribute('uniqueIdentifier', id), named('two')])).toEqual([])
    expect(await client.locate([attribute('uniqueIdentifier', 'no-such-key')])).toEqual([])
    expect(await server.otherTenant.locate([attribute('uniqueIdentifier', id)])).toEqual([])
  })

  test('looks at states as dates have made them by now', async () => {
    const { clock } = server
    const id = await client.register(key, [
      attribute('activationDate', clock.seconds + 1),
      attribute('deactivationDate', clock.seconds + 2),
    ])
    const state = async () => {
      const found = []
      for (const one of Object.values(State)) {
        if ((await client.locate([attribute('state', one)])).includes(id)) found.push(one)
      }
      return found
    }
    expect(await state()).toEqual([State.PreActive])
    clock.seconds += 1
    expect(await state()).toEqual([State.Active])
    clock.seconds += 1
    expect(await state()).toEqual([State.Deactivated])
  })

  test('matches nothing for two values of what an object has once', async () => {
    await client.register(key)
    const types = [ObjectType.SymmetricKey, ObjectType.SecretData]
    expect(await client.locate(types.map((type) => attribute('objectType', type)))).toEqual([])
    expect(await client.locate([State.PreActive, State.Active].map((state) => attribute('state', state)))).toEqual([])
  })

  test('pages through everything once, in order, whatever the size of the page and whatever the filter', async () => {
    const ids: string[] = []
    for (let i = 0; i < 23; i++) ids.push(await client.register(key, [attribute('objectGroup', 'page')]))
    const filters = [[attribute('objectGroup', 'page')], [attribute('initialDate', server.clock.seconds)], []]
    for (const filter of filters) {
      for (const maximumItems of [1, 4, 23, 30]) {
        const paged: string[] = []
        for (let offsetItems = 0; ; offsetItems += maximumItems) {
          const page = await client.locate(filter, { maximumItems, offsetItems })
          if (page.length === 0) break
          paged.push(...page)
        }
        expect(paged).toEqual(ids)
      }
    }
  })

  test('keeps the order while objects come and go, change their names and are moved', async () => {
    const group = [attribute('objectGroup', 'changing')]
    const made: string[] = []
    for (let i = 0; i < 12; i++) made.push(await client.register(key, [...group, named(`old ${i}`)]))
    const expected = [...made]
    for (const [i, uniqueIdentifier] of made.entries()) {
      if (i % 4 === 0) await client.destroy(uniqueIdentifier)
      if (i % 4 === 1) await client.send(Operation.ModifyAttribute, { uniqueIdentifier, attribute: named(`new ${i}`) })
      if (i % 4 === 2) {
        await client.send(Operation.Archive, { uniqueIdentifier })
        await client.send(Operation.Recover, { uniqueIdentifier })
      }
      if (i % 4 === 0) expected.splice(expected.indexOf(uniqueIdentifier), 1)
      expected.push(await client.register(key, group))
      expect(await client.locate(group)).toEqual(expected)
      const half = Math.floor(expected.length / 2)
      expect(await client.locate(group, { offsetItems: half, maximumItems: 3 })).toEqual(expected.slice(half, half + 3))
    }
  })

  test('counts what matches when it is asked for an offset, from 1.3 on', async () => {
    for (let i = 0; i < 5; i++) await client.register(key, [attribute('objectGroup', 'counted')])
    const ask = async (offsetItems: number | undefined, version: 12 | 13) =>
      (
        await client.send(
          Operation.Locate,
          { attributes: [attribute('objectGroup', 'counted')], maximumItems: 2, offsetItems },
          { version },
        )
      ).locatedItems
    expect([await ask(0, 13), await ask(2, 13), await ask(4, 13)]).toEqual([5, 5, 5])
    expect([await ask(undefined, 13), await ask(0, 12)]).toEqual([undefined, undefined])
  })

  test('finds objects through many pages of rows', async () => {
    const wanted: string[] = []
    for (let i = 0; i < 5 * limits.locatePageRows; i += 64) {
      const items = Array.from({ length: 64 }, (_, j) =>
        item(Operation.Register, registerKey(key, (i + j) % 200 === 0 ? [attribute('contactInformation', 'x')] : [])),
      )
      const answers = await client.batch(items)
      for (const [j, { responsePayload }] of answers.entries()) {
        if ((i + j) % 200 === 0) wanted.push((responsePayload as { uniqueIdentifier: string }).uniqueIdentifier)
      }
    }
    const filter = [attribute('contactInformation', 'x')]
    expect(await client.locate(filter)).toEqual(wanted)
    expect(await client.locate(filter, { maximumItems: 2, offsetItems: 3 })).toEqual(wanted.slice(3, 5))
    const { locatedItems } = await client.send(Operation.Locate, {
      attributes: filter,
      offsetItems: 0,
      maximumItems: 1,
    })
    expect(locatedItems).toBeUndefined()
    expect((await client.locate([])).length).toBe(limits.locateItemsMax)
  }, 30_000)

  test('sees what its own request has changed', async () => {
    const old = await client.register(key, [named('old'), attribute('objectGroup', 'batch')])
    const gone = await client.register(key, [attribute('objectGroup', 'batch')])
    const group = [attribute('objectGroup', 'batch')]
    const answers = await client.batch([
      item(Operation.Create, createPayload([named('new'), attribute('objectGroup', 'batch')])),
      item(Operation.ModifyAttribute, { uniqueIdentifier: old, attribute: named('renamed') }),
      item(Operation.Destroy, { uniqueIdentifier: gone }),
      item(Operation.Locate, { attributes: group }),
      item(Operation.Locate, { attributes: [named('renamed')] }),
      item(Operation.Locate, { attributes: [named('old')] }),
      item(Operation.Locate, { attributes: [attribute('uniqueIdentifier', old), named('renamed')] }),
    ])
    const [created, , , ...located] = answers.map(
      ({ responsePayload }) => responsePayload as { uniqueIdentifier?: string; uniqueIdentifiers?: string[] },
    )
    expect(located.map(({ uniqueIdentifiers }) => uniqueIdentifiers)).toEqual([
      [old, created!.uniqueIdentifier],
      [old],
      undefined,
      [old],
    ])
  })

  test('finds fresh members of a group, the oldest first, and its default member', async () => {
    const group = [attribute('objectGroup', 'fresh')]
    const [a, b] = [await client.register(key, group), await client.register(key, group)]
    const fresh = { objectGroupMember: ObjectGroupMember.GroupMemberFresh, maximumItems: 1 }
    expect(await client.locate(group, fresh)).toEqual([a])
    await client.material(a)
    expect(await client.locate(group, fresh)).toEqual([b])
    await client.material(b)
    expect(await client.locate(group, fresh)).toEqual([])
    expect(await client.locate(group, { objectGroupMember: ObjectGroupMember.GroupMemberDefault })).toEqual([a])
  })

  test('refuses an Object Group Member that there is not, rather than finding every member', async () => {
    const group = [attribute('objectGroup', 'whole')]
    await client.register(key, group)
    for (const objectGroupMember of [0, 3, 0x8000_0001]) {
      const request = { attributes: group, objectGroupMember }
      expect((await client.refusal(Operation.Locate, request)).reason).toBe('Invalid Field')
    }
  })

  test('looks into storage that is on line, where everything is', async () => {
    const id = await client.register(key)
    expect(await client.locate([], { storageStatusMask: 1 })).toEqual([id])
    expect(await client.locate([], { storageStatusMask: 3 })).toEqual([id])
    expect(await client.locate([], { storageStatusMask: 2 })).toEqual([])
  })

  test('gives nothing when asked for no items, and refuses less', async () => {
    await client.register(key)
    expect(await client.locate([], { maximumItems: 0 })).toEqual([])
    for (const wrong of [{ maximumItems: -1 }, { offsetItems: -1 }]) {
      expect((await client.refusal(Operation.Locate, { attributes: [], ...wrong })).reason).toBe('Invalid Field')
    }
  })

  test('refuses a date that is given three times', async () => {
    const dates = [1, 2, 3].map((date) => attribute('initialDate', date))
    expect((await client.refusal(Operation.Locate, { attributes: dates })).reason).toBe('Invalid Field')
  })
})

describe('Locate and the naive search', () => {
  interface Model {
    readonly id: string
    readonly objectType: number
    readonly state: number
    readonly names: readonly string[]
    readonly groups: readonly string[]
    readonly color: string | undefined
    readonly mask: number | undefined
    readonly date: number
    readonly archived: boolean
  }
  const models: Model[] = []
  let client: Client

  beforeAll(async () => {
    const server = await newServer()
    client = server.client
    // Others have the same, and none of it may be found.
    for (const other of [server.otherService, server.otherTenant]) {
      await other.register(key, [named('n0'), attribute('objectGroup', 'g0'), custom('x-color', 'red')])
    }
    for (let i = 0; i < 40; i++) {
      server.clock.seconds = 1_790_000_000 + Math.floor(i / 4)
      const groups = ['g0', 'g1', 'g2'].filter((_, j) => (i >> j) % 2 === 0)
      const color = ['red', 'blue', undefined][i % 3]
      const attributes: WireAttribute[] = [
        named(`n${i}`),
        ...groups.map((group) => attribute('objectGroup', group)),
        ...(color === undefined ? [] : [custom('x-color', color)]),
      ]
      const objectType = [ObjectType.SymmetricKey, ObjectType.SecretData, ObjectType.OpaqueObject][
        i % 5 > 2 ? 0 : i % 3
      ]!
      const mask = i % 16
      const masked = [...attributes, attribute('cryptographicUsageMask', mask)]
      const payload =
        objectType === ObjectType.SymmetricKey
          ? registerKey(key, attributes, { mask })
          : objectType === ObjectType.SecretData
            ? registerSecret(key, masked)
            : registerOpaque(key, attributes)
      const { uniqueIdentifier: id } = await client.send(Operation.Register, payload)
      const isKey = objectType !== ObjectType.OpaqueObject
      const steps = isKey ? i % 4 : 0
      if (steps > 0) await client.activate(id)
      if (steps > 1) await client.revoke(id)
      if (steps > 2) await client.destroy(id)
      const state = isKey ? [State.PreActive, State.Active, State.Deactivated, State.Destroyed][steps]! : 0
      const archived = i % 7 === 3 && state !== State.Destroyed
      if (archived) await client.send(Operation.Archive, { uniqueIdentifier: id })
      models.push({
        id,
        objectType,
        state,
        names: [`n${i}`],
        groups,
        color,
        mask: isKey ? mask : undefined,
        date: server.clock.seconds,
        archived,
      })
    }
  })

  const filters: fc.Arbitrary<{ wire: WireAttribute[]; holds: (model: Model) => boolean; wantsState: boolean }> =
    fc.oneof(
      fc.constantFrom('g0', 'g1', 'g2', 'none').map((group) => ({
        wire: [attribute('objectGroup', group)],
        holds: (model: Model) => model.groups.includes(group),
        wantsState: false,
      })),
      fc.constantFrom('red', 'blue', 'green').map((color) => ({
        wire: [custom('x-color', color)],
        holds: (model: Model) => model.color === color,
        wantsState: false,
      })),
      fc.integer({ min: 0, max: 15 }).map((mask) => ({
        wire: [attribute('cryptographicUsageMask', mask)],
        holds: (model: Model) => model.mask !== undefined && (model.mask & mask) === mask,
        wantsState: false,
      })),
      fc.constantFrom(...Object.values(State)).map((state) => ({
        wire: [attribute('state', state)],
        holds: (model: Model) => model.state === state,
        wantsState: true,
      })),
      fc.constantFrom(...Object.values(ObjectType)).map((objectType) => ({
        wire: [attribute('objectType', objectType)],
        holds: (model: Model) => model.objectType === objectType,
        wantsState: false,
      })),
      fc.integer({ min: 0, max: 50 }).map((i) => ({
        wire: [named(`n${i}`)],
        holds: (model: Model) => model.names.includes(`n${i}`),
        wantsState: false,
      })),
      fc.tuple(fc.integer({ min: -1, max: 11 }), fc.integer({ min: -1, max: 11 })).map(([a, b]) => ({
        wire: [attribute('initialDate', 1_790_000_000 + a), attribute('initialDate', 1_790_000_000 + b)],
        holds: (model: Model) =>
          model.date >= 1_790_000_000 + Math.min(a, b) && model.date <= 1_790_000_000 + Math.max(a, b),
        wantsState: false,
      })),
    )

  const { OnLineStorage: onLine, ArchivalStorage: archival } = StorageStatusMask

  test('find the same, in the same order, page by page, wherever it is kept', async () => {
    const page = fc.option(fc.integer({ min: 1, max: 45 }), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(
        fc.array(filters, { maxLength: 3 }),
        page,
        fc.integer({ min: 0, max: 10 }),
        fc.constantFrom(undefined, onLine, archival, onLine | archival),
        async (asked, maximumItems, offsetItems, storageStatusMask) => {
          const dates = asked.filter(({ wire }) => wire.length > 1)
          fc.pre(dates.length <= 1)
          const wantsState = asked.some((one) => one.wantsState)
          const expected = models
            .filter(
              (model) =>
                (wantsState || model.state !== State.Destroyed) &&
                ((storageStatusMask ?? onLine) & (model.archived ? archival : onLine)) !== 0 &&
                asked.every(({ holds }) => holds(model)),
            )
            .map(({ id }) => id)
          const found = await client.locate(
            asked.flatMap(({ wire }) => wire),
            { maximumItems, offsetItems, storageStatusMask },
          )
          expect(found).toEqual(expected.slice(offsetItems, offsetItems + (maximumItems ?? expected.length)))
        },
      ),
      { numRuns: 400 },
    )
  })
})

test('a Name is found by its value alone whatever its type, and with another type not at all; it is taken all the same', async () => {
  const { client } = await newServer()
  const id = await client.create([named('typed')])
  const uri = attribute('name', { nameValue: 'typed', nameType: NameType.URI })
  expect(await client.locate([attribute('name', { nameValue: 'typed' } as never)])).toEqual([id])
  expect(await client.locate([uri])).toEqual([])
  expect((await client.refusal(Operation.Create, createPayload([uri]))).reason).toBe('Invalid Field')
})
