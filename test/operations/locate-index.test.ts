import { describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { ObjectType, Operation, State } from '../../src/kmip/enums.ts'
import { limits } from '../../src/limits.ts'
import type { Row } from '../../src/store/schema.ts'
import { attribute, custom, named, newServer, registerOpaque, registerSecret } from './fixture.ts'
import { changed, committing } from './slow-store.ts'

const key = Buffer.alloc(16, 5)

const filters: Readonly<Record<string, WireAttribute>> = {
  'a Name': named('one'),
  'an Object Group': attribute('objectGroup', 'one'),
  'a custom attribute of a client': custom('x-colour', 'one'),
  'a custom attribute of a server': custom('y-colour', 'one'),
  'an Alternative Name': attribute('alternativeName', { alternativeNameValue: 'one', alternativeNameType: 1 }),
}

describe('Locate over an index that somebody has edited', () => {
  test.each(Object.entries(filters))(
    'returns no object that a row of %s was moved to, and tells the operator',
    async (_, filter) => {
      const written: Row<'object_index'>[] = []
      const { store, client, faults } = await newServer((store) =>
        committing(store, (unit) => {
          for (const change of unit.changes) {
            if (change.table === 'object_index' && change.kind === 'insert') written.push(change.row)
          }
          return store.commit(unit)
        }),
      )
      const wrong = await client.register(key)
      const right = await client.register(key, [filter])
      expect(await client.locate([filter])).toEqual([right])
      const [row] = written
      const { object, sequence } = (await store.get('objects', { ...client.principal.scope, object: idOf(wrong) }))!
      await store.commit({
        section: 'data',
        changes: [
          { table: 'object_index', kind: 'delete', key: row! },
          { table: 'object_index', kind: 'insert', row: { ...row!, object, sequence } },
        ],
        audit: [],
      })
      expect(await client.locate([filter])).toEqual([])
      expect(await client.locate([filter], { maximumItems: 1, offsetItems: 0 })).toEqual([])
      expect(await client.locate([filter, attribute('objectType', ObjectType.SymmetricKey)])).toEqual([])
      expect(faults).toMatchObject([{ code: 'row-mac-mismatch', message: expect.stringContaining(`object ${wrong}`) }])
      expect(faults).toMatchObject([{ message: expect.stringMatching(/index by a value that it does not have/u) }])
    },
  )

  test('tells of an object whose row is gone', async () => {
    const { store, client, faults } = await newServer()
    const id = await client.register(key, [filters['a Name']!])
    const row = (await store.get('objects', { ...client.principal.scope, object: idOf(id) }))!
    await store.commit({
      section: 'data',
      changes: [{ table: 'objects', kind: 'delete', key: row, expectedVersion: row.row_version }],
      audit: [],
    })
    expect(await client.locate([filters['a Name']!])).toEqual([])
    expect(faults).toMatchObject([{ code: 'row-mac-mismatch', message: expect.stringContaining(`object ${id}`) }])
    expect(faults).toMatchObject([{ message: expect.stringMatching(/is gone, and the index has it/u) }])
  })

  test('tells of an object in a long list', async () => {
    const written: Row<'object_index'>[] = []
    const { store, client, faults } = await newServer((store) =>
      committing(store, (unit) => {
        for (const change of unit.changes) {
          if (change.table === 'object_index' && change.kind === 'insert') written.push(change.row)
        }
        return store.commit(unit)
      }),
    )
    const group = filters['an Object Group']!
    const wrong = await client.register(key)
    const right: string[] = []
    for (let n = 0; n <= limits.locateFewMax; n++) right.push(await client.register(key, [group]))
    const { object, sequence } = (await store.get('objects', { ...client.principal.scope, object: idOf(wrong) }))!
    const row = { ...written[0]!, object, sequence }
    await store.commit({ section: 'data', changes: [{ table: 'object_index', kind: 'insert', row }], audit: [] })
    expect(await client.locate([group])).toEqual(right)
    expect(faults).toMatchObject([{ message: expect.stringContaining(`object ${wrong}`) }])
  })

  test('tells nothing of an object that another request has changed between the look into the index and its own row', async () => {
    const server = await newServer()
    const { store, client, faults } = server
    const filter = filters['an Object Group']!
    const id = await client.register(key, [filter])
    let meanwhile: (() => Promise<void>) | undefined
    const other = server.otherThread(
      changed(store, {
        indexed: async (query) => {
          const found = await store.indexed(query)
          const act = meanwhile
          meanwhile = undefined
          await act?.()
          return found
        },
      }),
    )
    meanwhile = async () => {
      await client.send(Operation.DeleteAttribute, {
        uniqueIdentifier: id,
        attributeName: 'Object Group',
        attributeIndex: 0,
      })
    }
    expect(await other.locate([filter])).toEqual([])
    expect(faults).toEqual([])
  })

  test('tells nothing of objects that have the value and are left out for another reason', async () => {
    const { client, faults } = await newServer()
    for (const filter of Object.values(filters)) {
      const id = await client.register(key, [filter])
      expect(await client.locate([filter, attribute('state', State.Active)])).toEqual([])
      await client.destroy(id)
      expect(await client.locate([filter])).toEqual([])
    }
    expect(faults).toEqual([])
  })

  test('returns what the filters ask for, when the store gives it everything there is', async () => {
    const server = await newServer()
    const { store, client, clock } = server
    const group = attribute('objectGroup', 'one')
    const right = await client.register(key, [...Object.values(filters), attribute('activationDate', clock.seconds)])
    await client.register(key, [named('two'), attribute('objectGroup', 'two'), custom('x-colour', 'two')])
    await client.send(Operation.Register, registerSecret(key))
    await client.destroy(await client.register(key, [group, custom('x-colour', 'one')]))
    const misled = server.otherThread(
      changed(store, {
        locate: ({ tenant, system, service, now, after, limit }) =>
          store.locate({ tenant, system, service, now, after, limit }),
        indexed: async ({ tenant, system, service, limit }) =>
          (await store.locate({ tenant, system, service, now: 0, limit })).map(({ object }) => object),
      }),
    )
    const keys = attribute('objectType', ObjectType.SymmetricKey)
    for (const filter of Object.values(filters)) expect(await misled.locate([filter])).toEqual([right])
    expect(await misled.locate([attribute('state', State.Active)])).toEqual([right])
    expect(await misled.locate([keys, group])).toEqual([right])
    expect(await misled.locate([keys])).toHaveLength(2)
    expect(await misled.locate([])).toHaveLength(3)
  })

  test('gives up on a list that has no end', async () => {
    const server = await newServer()
    const { store, client } = server
    await client.register(key)
    const misled = server.otherThread(
      changed(store, {
        locate: (query) => store.locate({ ...query, tokens: [], after: undefined, offset: 0 }),
        indexed: ({ limit }) => Array.from({ length: limit }, () => Buffer.alloc(16)),
      }),
    )
    const { reason, message } = await misled.refusal(Operation.Locate, {
      attributes: [attribute('objectGroup', 'one')],
      maximumItems: 1,
    })
    expect([reason, message]).toEqual(['Invalid Field', expect.stringContaining(`${limits.locatePagesMax} pages`)])
  })

  test('leaves out an object that was changed, in every way to look, and names it to the operator once, not to the client', async () => {
    const { store, client, faults } = await newServer()
    const group = attribute('objectGroup', 'one')
    const id = await client.register(key, [group])
    const others = [await client.register(key, [group]), await client.register(key, [group])]
    const row = (await store.get('objects', { ...client.principal.scope, object: idOf(id) }))!
    const forged = { ...row, length_bits: 8, row_version: row.row_version + 1 }
    await store.commit({
      section: 'data',
      changes: [{ table: 'objects', kind: 'update', row: forged, expectedVersion: row.row_version }],
      audit: [],
    })
    // By the index, by pages, by pages of which the first has nothing else, from an offset.
    expect(await client.locate([group])).toEqual(others)
    expect(await client.locate([])).toEqual(others)
    expect(await client.locate([attribute('objectType', ObjectType.SymmetricKey)], { maximumItems: 1 })).toEqual([
      others[0],
    ])
    expect(await client.locate([attribute('cryptographicLength', 128)], { offsetItems: 1 })).toEqual([others[1]])
    expect(faults).toMatchObject([{ code: 'row-mac-mismatch', message: expect.stringContaining(`object ${id}`) }])
    const { reason, message } = await client.refusal(Operation.Get, { uniqueIdentifier: id })
    expect([reason, message.includes(id)]).toEqual(['General Failure', false])
  })
})

describe('Locate with many filters', () => {
  test('takes as many as may be, different ones or one many times', async () => {
    const { client } = await newServer()
    const colours = Array.from({ length: limits.locateFiltersMax }, (_, n) => custom(`x-${n}`, n, 2))
    const id = await client.register(key, colours)
    await client.register(key, colours.slice(1))
    await client.register(key, colours.slice(0, -1))
    expect(await client.locate(colours)).toEqual([id])
    expect(await client.locate(colours, { maximumItems: 1, offsetItems: 1 })).toEqual([])
    expect(await client.locate(Array.from(colours, () => colours[0]!))).toHaveLength(2)
  })

  test('asks the store for few tokens and few states', async () => {
    const asked: number[] = []
    const { client } = await newServer((store) =>
      changed(store, {
        locate: (query) => {
          asked.push(query.tokens!.length, query.states!.length)
          return store.locate(query)
        },
        indexed: (query) => {
          asked.push(query.tokens.length)
          // Too many to be read one by one.
          return Array.from({ length: query.limit }, () => Buffer.alloc(16))
        },
      }),
    )
    await client.locate(Array.from({ length: 60 }, (_, n) => custom(`x-${n}`, n, 2)))
    await client.locate(Array.from({ length: 60 }, () => custom('x-one', 'same')))
    await client.locate(Array.from({ length: 60 }, () => attribute('state', State.Active)))
    expect(asked).toEqual([limits.locateTokensMax, limits.locateTokensMax, 4, 1, 1, 4, 0, 1])
  })

  test('refuses more', async () => {
    const { client } = await newServer()
    const attributes = Array.from({ length: limits.locateFiltersMax + 1 }, () => custom('x-one', 'same'))
    const { reason, message } = await client.refusal(Operation.Locate, { attributes })
    expect([reason, message]).toEqual(['Invalid Field', expect.stringContaining(`${limits.locateFiltersMax}`)])
  })
})

test('Locate by Unique Identifier counts its one object like any other', async () => {
  const { client } = await newServer()
  const filter = [attribute('uniqueIdentifier', await client.register(key))]
  expect(await client.locate(filter, { maximumItems: 0 })).toEqual([])
  expect(await client.locate(filter, { offsetItems: 1 })).toEqual([])
  expect(await client.locate(filter, { maximumItems: 1, offsetItems: 0 })).toHaveLength(1)
})

test('Locate reads no row of few objects that it knows, and finds what the request itself changed among them', async () => {
  let reads = 0
  const { client } = await newServer((store) =>
    changed(store, {
      get: (table, key) => {
        if (table === 'objects') reads++
        return store.get(table, key)
      },
      locate: (query) => {
        reads++
        return store.locate(query)
      },
    }),
  )
  const group = attribute('objectGroup', 'few')
  const ids: string[] = []
  for (let i = 0; i < limits.locateFewMax; i++) {
    ids.push(await client.register(key, [group]))
  }
  expect(await client.locate([group])).toEqual(ids)
  reads = 0
  expect(await client.locate([group])).toEqual(ids)
  expect(await client.locate([group], { maximumItems: 3, offsetItems: 2 })).toEqual(ids.slice(2, 5))
  expect(await client.locate([group, attribute('state', State.PreActive)], { maximumItems: 1 })).toEqual(
    ids.slice(0, 1),
  )
  expect(await client.locate([group, attribute('state', State.Active)])).toEqual([])
  expect(reads).toBe(0)
  await client.destroy(ids[4]!)
  expect(await client.locate([group])).toEqual(ids.toSpliced(4, 1))
})

test('Locate reads objects of more bytes than a page has, whatever the filter', async () => {
  const pages: number[] = []
  const { client, clock } = await newServer((store) =>
    changed(store, {
      locate: async (query) => {
        const rows = await store.locate(query)
        pages.push(rows.length)
        return rows
      },
    }),
  )
  const large = Buffer.alloc(limits.storeLocateBytesMax / 4)
  const group = attribute('objectGroup', 'large')
  const ids: string[] = []
  for (let i = 0; i <= limits.locateFewMax; i++) {
    ids.push((await client.send(Operation.Register, registerOpaque(large, [group]))).uniqueIdentifier)
  }
  for (const filter of [group, attribute('initialDate', clock.seconds)]) {
    pages.length = 0
    expect(await client.locate([filter])).toEqual(ids)
    expect(pages).toEqual([4, 4, 4, 4, 1])
    expect(await client.locate([filter], { offsetItems: 3, maximumItems: 5 })).toEqual(ids.slice(3, 8))
  }
})

function idOf(uniqueIdentifier: string): Buffer {
  return Buffer.from(uniqueIdentifier.replaceAll('-', ''), 'hex')
}
