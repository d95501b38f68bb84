import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attributeNames, attributeTable } from '../../src/kmip/attribute.ts'
import type { AttributeName } from '../../src/kmip/attribute.ts'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { enumTables, ObjectType, Operation, RevocationReasonCode } from '../../src/kmip/enums.ts'
import type { RequestPayload } from '../../src/kmip/payloads/index.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import { newSigner } from '../support/certificates.ts'
import { attributeSamples } from './attribute-samples.ts'
import { registers } from './every-object.ts'
import { attribute, named, newServer, refusalOf } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

let server: Server
let client: Client
let certificate: Buffer
beforeAll(async () => {
  server = await newServer()
  client = server.client
  certificate = (await newSigner()).der
})
afterAll(() => server.services.cryptoWork.close(0))

const types = [...enumTables.ObjectType].map(([objectType, { name }]) => [name, objectType] as [string, ObjectType])
let names = 0

function sample(name: AttributeName, at: 0 | 1): WireAttribute {
  const { attributeName } = attributeTable[name]
  // Names are unique: each sample is one of its own.
  if (name === 'name') return named(`name ${names++}`)
  return { name, attributeName, value: attributeSamples[name][at] }
}

/** A Register of that type, with these attributes in place of its own of their names. */
function registration(type: string, ...attributes: WireAttribute[]): RequestPayload<typeof Operation.Register> {
  const payload = registers(certificate)[type]!([])
  const own = payload.templateAttribute.attributes.filter(({ name }) => !attributes.some((one) => one.name === name))
  const nameOfTemplate =
    type === 'Template' && !attributes.some(({ name }) => name === 'name') ? [sample('name', 0)] : []
  return { ...payload, templateAttribute: { names: [], attributes: [...own, ...nameOfTemplate, ...attributes] } }
}

async function register(type: string, ...attributes: WireAttribute[]): Promise<string> {
  return (await client.send(Operation.Register, registration(type, ...attributes))).uniqueIdentifier
}

/** What came of it: the reason, or nothing when it was done. */
function outcome(item: ResponseBatchItem): string {
  return item.resultStatus === 0 ? 'done' : refusalOf(item).reason
}

/** "Applies to Object Types"; of a Template the attributes that every object may have. */
function applies(name: AttributeName, objectType: ObjectType): boolean {
  const { appliesTo } = attributeTable[name]
  if (objectType !== ObjectType.Template) return appliesTo.includes(objectType)
  return appliesTo.length === enumTables.ObjectType.size
}

/** What the server sets and a request may say as well, if it is so (Tables 165, 168 and 171): of these the sample is the object's own. */
const said: Readonly<Record<string, readonly AttributeName[]>> = {
  'Symmetric Key': ['objectType', 'cryptographicAlgorithm', 'cryptographicLength'],
  'Secret Data': ['cryptographicAlgorithm', 'cryptographicLength'],
  Certificate: ['certificateType', 'digitalSignatureAlgorithm'],
}

/** What an object need not have though it always has a value where it applies. */
const unknown: Readonly<Record<string, readonly AttributeName[]>> = {
  // Table 171: "Does not apply to Secret Data"; one that is derived has its length (4.6).
  'Secret Data': ['cryptographicAlgorithm', 'cryptographicLength'],
  // 2.2.9: "KMIP implementers SHOULD treat the Key Block field as an opaque blob".
  'PGP Key': ['digitalSignatureAlgorithm'],
}

describe.each(types)('by the rules of section 3, an object of type %s', (type, objectType) => {
  /** Attributes that an object of the type has from its beginning, by their names on the wire. */
  let there: ReadonlySet<string>
  let uniqueIdentifier: string
  beforeAll(async () => {
    uniqueIdentifier = await register(type)
    there = new Set(Object.keys(await client.attributes(uniqueIdentifier)))
  })
  const isThere = (name: AttributeName) => there.has(attributeTable[name].attributeName)

  test('is registered with the attributes that clients set for it, and with no others', async () => {
    const is: Record<string, string> = {}
    const should: Record<string, string> = {}
    for (const name of attributeNames) {
      is[name] = outcome(await client.item(Operation.Register, registration(type, sample(name, 0))))
      const isSet = attributeTable[name].setBy !== 'server' || (said[type] ?? []).includes(name)
      should[name] = isSet && applies(name, objectType) ? 'done' : 'Invalid Field'
    }
    expect(is).toEqual(should)
  })

  test('is given later what it has not, of what clients set', async () => {
    const is: Record<string, string> = {}
    const should: Record<string, string> = {}
    for (const name of attributeNames) {
      const { setBy, multiple } = attributeTable[name]
      const isSet = setBy !== 'server' && name !== 'fresh' && applies(name, objectType)
      should[name] = !isSet ? 'Permission Denied' : isThere(name) && !multiple ? 'Illegal Operation' : 'done'
      const to = should[name] === 'done' ? await register(type) : uniqueIdentifier
      is[name] = outcome(
        await client.item(Operation.AddAttribute, { uniqueIdentifier: to, attribute: sample(name, 1) }),
      )
    }
    expect(is).toEqual(should)
  })

  test('has changed and taken away what clients may change and take away', async () => {
    const is: Record<string, string[]> = {}
    const should: Record<string, string[]> = {}
    for (const name of attributeNames) {
      const { attributeName, modifiableByClient, deletableByClient, setBy } = attributeTable[name]
      const isGiven = setBy !== 'server' && applies(name, objectType)
      const of = isGiven ? await register(type, sample(name, 1)) : uniqueIdentifier
      const has = isGiven || isThere(name)
      should[name] = [
        !modifiableByClient ? 'Permission Denied' : has ? 'done' : 'Invalid Field',
        !deletableByClient ? 'Permission Denied' : has ? 'done' : 'Item Not Found',
      ]
      const changed = await client.item(Operation.ModifyAttribute, { uniqueIdentifier: of, attribute: sample(name, 1) })
      const gone = await client.item(Operation.DeleteAttribute, { uniqueIdentifier: of, attributeName })
      is[name] = [outcome(changed), outcome(gone)]
    }
    expect(is).toEqual(should)
  })

  test('has from its beginning what it shall always have, and nothing that does not apply to it', () => {
    const always = attributeNames.filter(
      (name) =>
        attributeTable[name].alwaysHasValue && applies(name, objectType) && !(unknown[type] ?? []).includes(name),
    )
    expect(always.filter((name) => !isThere(name))).toEqual([])
    const foreign = attributeNames.filter((name) => isThere(name) && !applies(name, objectType))
    // The OASIS case TC-312 has a Lease Time on a Template.
    expect(foreign).toEqual(type === 'Template' ? ['leaseTime'] : [])
  })
})

/** The dates that a client may set, in the order of section 3: each says in which states it may still be set. */
const dates = ['activationDate', 'processStartDate', 'protectStopDate', 'deactivationDate'] as const
const future = 2_000_000_000

const ways: Readonly<Record<string, (id: string) => Promise<void>>> = {
  'Pre-Active': async () => {},
  Active: (id) => client.activate(id),
  Deactivated: (id) => client.activate(id).then(() => client.revoke(id)),
  Compromised: (id) => client.revoke(id, RevocationReasonCode.KeyCompromise),
  Destroyed: (id) => client.destroy(id),
  'Destroyed Compromised': (id) => client.revoke(id, RevocationReasonCode.KeyCompromise).then(() => client.destroy(id)),
}

describe.each(Object.entries(ways))('a key that is %s', (state, reach) => {
  const isEarly = state === 'Pre-Active'
  const isChangeable = isEarly || state === 'Active'
  /** Dates that the way to the state has set. */
  const set: readonly string[] =
    state === 'Active' ? ['activationDate'] : state === 'Deactivated' ? ['activationDate', 'deactivationDate'] : []
  const may = (name: string) => (name === 'activationDate' ? isEarly : isChangeable)

  test('has dates added and changed as long as they may be', async () => {
    const is: Record<string, string[]> = {}
    const should: Record<string, string[]> = {}
    for (const name of dates) {
      const bare = await register('Symmetric Key')
      // Activate sets the Activation Date, and a revocation the Deactivation Date, whatever they were.
      const dated = await register('Symmetric Key', attribute(name, future))
      for (const id of [bare, dated]) await reach(id)
      const one = attribute(name, future + 1)
      const added = await client.item(Operation.AddAttribute, { uniqueIdentifier: bare, attribute: one })
      const changed = await client.item(Operation.ModifyAttribute, { uniqueIdentifier: dated, attribute: one })
      is[name] = [outcome(added), outcome(changed)]
      should[name] = [
        set.includes(name) ? 'Illegal Operation' : may(name) ? 'done' : 'Permission Denied',
        may(name) ? 'done' : 'Permission Denied',
      ]
    }
    expect(is).toEqual(should)
  })
})

test('a Process Start Date and a Protect Stop Date that have passed are final', async () => {
  for (const name of ['processStartDate', 'protectStopDate'] as const) {
    const past = attribute(name, server.clock.seconds - 5)
    const uniqueIdentifier = await register('Symmetric Key', attribute('activationDate', 1), past)
    const changed = await client.item(Operation.ModifyAttribute, {
      uniqueIdentifier,
      attribute: attribute(name, future),
    })
    expect([name, outcome(changed)]).toEqual([name, 'Permission Denied'])
  }
})
