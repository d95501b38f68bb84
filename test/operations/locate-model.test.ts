import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attributeNames, attributeTable } from '../../src/kmip/attribute.ts'
import type { AttributeName } from '../../src/kmip/attribute.ts'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { dateTime } from '../../src/kmip/kinds.ts'
import { ObjectType, Operation, State, StorageStatusMask } from '../../src/kmip/enums.ts'
import { newSigner } from '../support/certificates.ts'
import { attributeSamples } from './attribute-samples.ts'
import { registers } from './every-object.ts'
import { custom, named, newServer } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

/** Locate by every attribute (KMIP 1.4 section 4.9) beside a search that reads all attributes of all objects. */

/** An object as Get Attributes shows it, by the names on the wire. */
interface Model {
  readonly uniqueIdentifier: string
  readonly attributes: Readonly<Record<string, unknown[]>>
}

let server: Server
let client: Client
const models: Model[] = []

const customName = 'x-colour'
const isDate = (name: string) => attributeTable[name as AttributeName]?.kind === dateTime

/** What the objects are given beside what they have by themselves: something else for each. */
function given(i: number, objectType: ObjectType): WireAttribute[] {
  const chosen = attributeNames.filter((name, place) => {
    const { setBy, appliesTo } = attributeTable[name]
    return setBy !== 'server' && appliesTo.includes(objectType) && (i + place) % 3 > 0 && !ownValues.has(name)
  })
  return [
    named(`n${i}`),
    ...(i % 4 === 0 ? [named(`also n${i}`)] : []),
    ...(i % 5 === 0 ? [] : [custom(customName, ['red', 'blue'][i % 2]!), custom(customName, `${i % 3}`)]),
    ...chosen.map((name): WireAttribute => {
      const { attributeName } = attributeTable[name]
      return { name, attributeName, value: attributeSamples[name][isDate(name) ? 1 : (i >> 1) % 2] }
    }),
  ]
}
/** Given above, or of its own kind below; an Opaque Object of these cannot be got. */
const ownValues: ReadonlySet<AttributeName> = new Set(['name', 'cryptographicUsageMask', 'extractable', 'sensitive'])

beforeAll(async () => {
  server = await newServer()
  client = server.client
  const types = Object.entries(registers((await newSigner()).der)).filter(([type]) => type !== 'Template')
  const made: string[] = []
  for (let i = 0; i < 4 * types.length; i++) {
    server.clock.seconds += i % 3
    const [, register] = types[i % types.length]!
    const { objectType } = register([])
    const payload = register(given(i, objectType as ObjectType))
    const { uniqueIdentifier } = await client.send(Operation.Register, payload)
    made.push(uniqueIdentifier)
    const isActive = (await client.attribute(uniqueIdentifier, 'State')) === State.Active
    if (i % 7 === 2) await client.revoke(uniqueIdentifier, 2)
    if (i % 9 === 3 && !isActive) await client.destroy(uniqueIdentifier)
    else if (i % 5 === 4) await client.send(Operation.Archive, { uniqueIdentifier })
    if (i % 4 === 1 && i % 9 !== 3 && i % 5 !== 4) await client.send(Operation.Get, { uniqueIdentifier })
  }
  for (const uniqueIdentifier of made) {
    models.push({ uniqueIdentifier, attributes: await client.attributes(uniqueIdentifier) })
  }
})
afterAll(() => server.services.cryptoWork.close(0))

/** True if `own` has what `wanted` says. */
function has(own: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null || wanted instanceof Uint8Array) {
    return isDeepStrictEqual(plain(own), plain(wanted))
  }
  return Object.entries(wanted).every(
    ([field, value]) => value === undefined || has((own as Readonly<Record<string, unknown>>)[field], value),
  )
}

/** Byte strings are compared, not the views that hold them. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}

/** The rules of 4.9, one attribute at a time. */
function matches({ attributes }: Model, name: string, wanted: readonly unknown[]): boolean {
  const attributeName = attributeTable[name as AttributeName]?.attributeName ?? name
  const own = attributes[attributeName] ?? []
  if (isDate(name)) {
    const [from, to] = [Math.min(...(wanted as number[])), Math.max(...(wanted as number[]))]
    return own.some((date) => (date as number) >= from && (date as number) <= to)
  }
  return wanted.every((value) => {
    if (name === 'cryptographicUsageMask') return own.some((mask) => ((mask as number) & (value as number)) === value)
    if (name !== 'usageLimits') return own.some((one) => has(one, value))
    const { usageLimitsTotal = 0n, usageLimitsUnit } = value as { usageLimitsTotal?: bigint; usageLimitsUnit?: number }
    return own.some((one) => {
      const limits = one as { usageLimitsTotal: bigint; usageLimitsUnit: number }
      return (
        limits.usageLimitsTotal >= usageLimitsTotal &&
        (usageLimitsUnit ?? limits.usageLimitsUnit) === limits.usageLimitsUnit
      )
    })
  })
}

/** A value that some object has, or one that perhaps none has; of structures sometimes a part. */
function filterOf(name: string, seed: number): WireAttribute {
  const attributeName = attributeTable[name as AttributeName]?.attributeName ?? name
  const owned = models.flatMap(({ attributes }) => attributes[attributeName] ?? [])
  const samples: readonly unknown[] =
    name === customName ? [{ itemType: 7, value: 'green' }] : attributeSamples[name as AttributeName]
  const candidates = [...owned, ...samples]
  const value = candidates[seed % candidates.length]
  return { name, attributeName, value: seed % 3 === 0 ? partOf(value, seed) : value }
}

function partOf(value: unknown, seed: number): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || 'itemType' in value) return value
  const fields = Object.entries(value).filter(
    ([, content]) => content !== undefined && !(Array.isArray(content) && content.length === 0),
  )
  return Object.fromEntries([fields[seed % fields.length]!])
}

const filters = fc.array(
  fc.record({ name: fc.constantFrom(...attributeNames, customName), seed: fc.nat(10_000), again: fc.boolean() }),
  { maxLength: 3 },
)

describe('Locate by every attribute', () => {
  test('finds what a search through all objects finds', async () => {
    const unasked = new Set<string>([...attributeNames, customName])
    let found = 0
    await fc.assert(
      fc.asyncProperty(
        filters,
        fc.constantFrom(undefined, 1, 2, 3),
        fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
        fc.integer({ min: 0, max: 4 }),
        async (chosen, storageStatusMask, maximumItems, offsetItems) => {
          const asked = new Map<string, WireAttribute[]>()
          for (const { name, seed, again } of chosen) {
            const several = isDate(name) ? [0, 1] : [0, 5]
            asked.set(
              name,
              (again ? several : [0]).map((step) => filterOf(name, seed + step)),
            )
          }
          const wire = [...asked.values()].flat()
          const wantsDestroyed = asked.has('state') || asked.has('destroyDate')
          const expected = models.filter((model) => {
            const state = model.attributes['State']?.[0]
            const isGone = model.attributes['Destroy Date'] !== undefined
            const isArchived = model.attributes['Archive Date'] !== undefined
            const storage = isArchived ? StorageStatusMask.ArchivalStorage : StorageStatusMask.OnLineStorage
            return (
              (wantsDestroyed || !(isGone || state === State.Destroyed)) &&
              ((storageStatusMask ?? 1) & storage) !== 0 &&
              [...asked].every(([name, values]) =>
                matches(
                  model,
                  name,
                  values.map(({ value }) => value),
                ),
              )
            )
          })
          const located = await client.locate(wire, { storageStatusMask, maximumItems, offsetItems })
          const page = expected.slice(offsetItems, offsetItems + (maximumItems ?? expected.length))
          expect([wire, located]).toEqual([wire, page.map(({ uniqueIdentifier }) => uniqueIdentifier)])
          found += located.length
          for (const name of asked.keys()) unasked.delete(name)
        },
      ),
      { numRuns: 1_500 },
    )
    expect([...unasked]).toEqual([])
    expect(found).toBeGreaterThan(500)
  }, 60_000)
})
