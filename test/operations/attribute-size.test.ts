import { beforeAll, describe, expect, test } from 'vitest'
import { Operation } from '../../src/kmip/enums.ts'
import { limits } from '../../src/limits.ts'
import { createPayload, custom, newServer, registerKey } from './fixture.ts'
import type { Client } from './fixture.ts'

let client: Client
beforeAll(async () => {
  client = (await newServer()).client
})

const text = 'v'.repeat(limits.textBytesMax)
const tooMany = Math.ceil(limits.attributesBytesMax / limits.textBytesMax)
const heavy = (count: number) => Array.from({ length: count }, (_, i) => custom(`x-heavy-${i}`, text))
const refused = { reason: 'Invalid Field', message: expect.stringMatching(/fewer or shorter attributes/) }

describe('the attributes of an object', () => {
  test('are as many and as long as the profiles of tape libraries and disks ask for', async () => {
    const value = 'w'.repeat(1024)
    const attributes = Array.from({ length: 40 }, (_, i) => custom(`x-${'n'.repeat(80)}-${i}`, value))
    const id = await client.create(attributes)
    expect(Object.keys(await client.attributes(id)).filter((name) => name.startsWith('x-'))).toHaveLength(40)
  })

  test('are refused by Create and Register when they are too long together', async () => {
    expect(await client.refusal(Operation.Create, createPayload(heavy(tooMany)))).toEqual(refused)
    expect(await client.refusal(Operation.Register, registerKey(Buffer.alloc(16), heavy(tooMany)))).toEqual(refused)
    expect(await client.locate([])).toHaveLength(1)
  })

  test('are refused by Add and Modify Attribute too, and the object stays as it was', async () => {
    const uniqueIdentifier = await client.create([...heavy(tooMany - 1), custom('x-short', 's')])
    const added = { uniqueIdentifier, attribute: custom('x-more', text) }
    expect(await client.refusal(Operation.AddAttribute, added)).toEqual(refused)
    const modified = { uniqueIdentifier, attribute: custom('x-short', text) }
    expect(await client.refusal(Operation.ModifyAttribute, modified)).toEqual(refused)
    expect(await client.attribute(uniqueIdentifier, 'x-short')).toMatchObject({ value: 's' })
    await client.send(Operation.DeleteAttribute, { uniqueIdentifier, attributeName: 'x-heavy-0' })
    await client.send(Operation.ModifyAttribute, modified)
  })
})
