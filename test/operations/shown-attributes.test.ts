import { expect, test } from 'vitest'
import { Operation, State } from '../../src/kmip/enums.ts'
import type { KmipVersion } from '../../src/kmip/version.ts'
import { limits } from '../../src/limits.ts'
import { attribute, type Client, custom, named, newServer } from './fixture.ts'

const key = Buffer.alloc(16, 1)

/** Often enough for an answer to be remembered and given again. */
async function thrice(client: Client, id: string, names: string[], version: KmipVersion = 14) {
  const answers = []
  for (let i = 0; i < 3; i++) answers.push(await client.attributes(id, names, { version }))
  expect(answers[1]).toEqual(answers[0])
  expect(answers[2]).toEqual(answers[0])
  return answers[0]!
}

test('who asks again for the same names is answered as the object is then, by every way in which it changes', async () => {
  const server = await newServer()
  const { client, clock } = server
  const id = await client.register(key, [attribute('activationDate', clock.seconds + 100)])
  const state = async () => (await thrice(client, id, ['State', 'Object Type']))['State']
  expect(await state()).toEqual([State.PreActive])
  clock.seconds += 100
  expect(await state()).toEqual([State.Active])
  await server.otherThread().revoke(id, 1)
  expect(await state()).toEqual([State.Deactivated])
  await client.destroy(id)
  expect(await state()).toEqual([State.Destroyed])
  await expect(client.attributes(await client.create(), ['State', 'Object Type'])).resolves.toMatchObject({
    State: [State.PreActive],
  })
})

test('names are told from others of the same length, and objects from each other', async () => {
  const { client, otherTenant } = await newServer()
  const [one, two] = [await client.register(key, [named('one')]), await client.register(key, [named('two')])]
  const values = [custom('x-a', 'a'), custom('x-b', 'b')]
  for (const value of values) await client.send(Operation.AddAttribute, { uniqueIdentifier: one, attribute: value })
  for (let round = 0; round < 3; round++) {
    expect(Object.keys(await client.attributes(one, ['x-a']))).toEqual(['x-a'])
    expect(Object.keys(await client.attributes(one, ['x-b']))).toEqual(['x-b'])
    expect(Object.keys(await client.attributes(one, ['x-b', 'x-a']))).toEqual(['x-b', 'x-a'])
    expect(Object.keys(await client.attributes(two, ['x-a']))).toEqual([])
    for (const [id, nameValue] of [
      [one, 'one'],
      [two, 'two'],
    ] as const) {
      expect(await client.attributes(id, ['Name'])).toMatchObject({ Name: [{ nameValue }] })
    }
    const { reason } = await otherTenant.refusal(Operation.GetAttributes, {
      uniqueIdentifier: one,
      attributeNames: ['Name'],
    })
    expect(reason).toBe('Item Not Found')
  }
})

test('each version is shown what it knows, whoever asked before', async () => {
  const { client } = await newServer()
  const id = await client.register(key)
  const names = ['State', 'Sensitive', 'Fresh']
  const shown: Record<number, string[]> = {}
  for (const version of [14, 10, 13, 11, 14, 12] as const)
    shown[version] = Object.keys(await thrice(client, id, names, version))
  expect(shown).toEqual({
    10: ['State'],
    11: ['State', 'Fresh'],
    12: ['State', 'Fresh'],
    13: ['State', 'Fresh'],
    14: ['State', 'Sensitive', 'Fresh'],
  })
})

test('a name twice is refused, also after it was asked for once, and a long answer is the same when it is not remembered', async () => {
  const { client } = await newServer()
  const id = await client.register(key, [custom('x-long', 'l'.repeat(limits.shownAttributesBytesEach))])
  await thrice(client, id, ['State'])
  const attributeNames = ['State', 'State']
  for (let i = 0; i < 2; i++) {
    const { reason } = await client.refusal(Operation.GetAttributes, { uniqueIdentifier: id, attributeNames })
    expect(reason).toBe('Invalid Message')
  }
  const long = await thrice(client, id, ['x-long', 'State'])
  expect((long['x-long'] as { value: string }[])[0]).toMatchObject({
    value: 'l'.repeat(limits.shownAttributesBytesEach),
  })
})
