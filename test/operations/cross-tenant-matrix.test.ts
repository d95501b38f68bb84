import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Operation, ResultReason, RevocationReasonCode, State } from '../../src/kmip/enums.ts'
import { decodeResponse } from '../../src/kmip/response-message.ts'
import { limits } from '../../src/limits.ts'
import { newSigner } from '../support/certificates.ts'
import { registers } from './every-object.ts'
import { Client, named, newServer, principalOf, refusalOf } from './fixture.ts'
import type { Server } from './fixture.ts'
import { referenceRows } from './reference-rows.ts'
import type { Reference } from './reference-rows.ts'

/** An object of every type in every state that it can have, and beside each a reference to nothing. */
interface Victim extends Reference {
  readonly what: string
  readonly missing: Reference
}

let server: Server
let before: unknown
const victims: Victim[] = []

const { Unspecified, KeyCompromise } = RevocationReasonCode
const ways: Readonly<Record<keyof typeof State | 'Archived', (owner: Client, id: string) => Promise<unknown>>> = {
  PreActive: async () => {},
  Active: (owner, id) => owner.activate(id),
  Deactivated: (owner, id) => owner.activate(id).then(() => owner.revoke(id, Unspecified)),
  Compromised: (owner, id) => owner.revoke(id, KeyCompromise),
  Archived: (owner, uniqueIdentifier) => owner.send(Operation.Archive, { uniqueIdentifier }),
  Destroyed: (owner, id) => owner.destroy(id),
  DestroyedCompromised: (owner, id) => owner.revoke(id, KeyCompromise).then(() => owner.destroy(id)),
}

/** An Opaque Object and a Template have no State (KMIP 1.4 section 3.22): they are there or they are destroyed. */
const statesOf: Readonly<Record<string, readonly string[]>> = {
  'Opaque Object': ['PreActive', 'Destroyed'],
  Template: ['PreActive', 'Archived', 'Destroyed'],
  // As other keys, of which one type is archived for all.
  'Split Key': ['PreActive', 'Destroyed'],
  'Symmetric Key': Object.keys(ways),
}
const usualStates = Object.keys(State)

beforeAll(async () => {
  server = await newServer()
  const { der } = await newSigner({ name: 'CN=victim' })
  for (const [type, register] of Object.entries(registers(der))) {
    for (const [state, reach] of Object.entries(ways)) {
      if (!(statesOf[type] ?? usualStates).includes(state)) continue
      const name = `${type} ${state}`
      const { uniqueIdentifier } = await server.client.send(Operation.Register, register([named(name)]))
      await reach(server.client, uniqueIdentifier)
      victims.push({
        what: name,
        name,
        uniqueIdentifier,
        missing: { uniqueIdentifier: randomUUID(), name: `no ${name}` },
      })
    }
  }
  // Somebody's Link leads to the first of them.
  for (const row of referenceRows.filter(({ isText }) => isText)) await server.client.bytes(row.request(victims[0]!))
  before = await ownersRows()
  await server.refusals.flush()
  seen = (await server.store.audit('data', 0, 100_000)).at(-1)?.sequence ?? 0
})
afterAll(() => server.services.cryptoWork.close(0))

/** The rows of the owner's objects as they are stored, their versions and records among them. */
const ownersRows = async () => {
  const { tenant, system, service } = server.client.principal.scope
  return server.store.find('objects', { tenant, system, service })
}

const identifier = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gu

/** The bytes of an answer as text, with identifiers of what was made for this very request masked. */
const masked = (bytes: Buffer) => bytes.toString('latin1').replaceAll(identifier, 'made')

const callers = {
  'another service': () => server.otherService,
  'another system': () => server.otherSystem,
  'another tenant': () => server.otherTenant,
  'the same service, that may do nothing': () =>
    new Client(principalOf(server.client.principal.scope, 'idle', []), server.services),
} as const

const refusalReasons: ReadonlySet<unknown> = new Set([ResultReason.ItemNotFound, ResultReason.PermissionDenied])
const refusalsIn = (answer: Buffer) =>
  decodeResponse(answer).batchItems.filter(({ resultReason }) => refusalReasons.has(resultReason)).length

let seen = 0

/** Records of refusals since the last look, all of them in the caller's tenant and in its name. */
async function newRecordsOf({ principal }: Client): Promise<number> {
  const rows = await server.store.audit('data', seen, 100_000)
  seen = rows.at(-1)?.sequence ?? seen
  const refusals = rows.filter(({ result }) => result !== 'success')
  for (const { tenant, actor } of refusals) {
    expect({ tenant: Buffer.from(tenant), actor }).toEqual({ tenant: principal.tenant, actor: principal.actor })
  }
  return refusals.length
}

let cells = 0

describe.each(Object.entries(callers))('a client of %s', (_, callerOf) => {
  test.each(referenceRows)(
    'is told of an object that is not its own what it is told of none: $operation, $place',
    async (row) => {
      const caller = callerOf()
      let refused = 0
      for (const victim of victims) {
        // Records are bounded for each while: that has a test of its own.
        server.clock.seconds += limits.refusalRecordsMs / 1000
        const foreign = await caller.bytes(row.request(victim))
        const missing = await caller.bytes(row.request(victim.missing))
        refused += refusalsIn(foreign) + refusalsIn(missing)
        expect(masked(foreign), victim.what).toBe(masked(missing))
        expect(foreign.includes(victim.uniqueIdentifier)).toBe(false)
        const answer = decodeResponse(foreign).batchItems.at(-1)!
        if (row.place.includes('Unique Identifier') && row.operation !== Operation.Locate) {
          const reason = caller.principal.clientName === 'idle' ? 'Permission Denied' : 'Item Not Found'
          expect(refusalOf(answer).reason).toBe(reason)
        }
        cells += 1
      }
      await server.refusals.flush()
      expect(await newRecordsOf(caller)).toBe(refused)
    },
  )

  test('has changed nothing of them', async () => {
    expect(await ownersRows()).toEqual(before)
  })
})

test('the matrix has at least 5,000 cells', () => {
  expect(cells).toBeGreaterThanOrEqual(5_000)
})

// Last, since it changes the objects: a row that its owner too is refused with the same bytes would compare nothing.
const changesState: ReadonlySet<number> = new Set([Operation.Activate, Operation.Revoke, Operation.Destroy])
const ownersOrder = [
  ...referenceRows.filter(({ operation, isText }) => !isText && !changesState.has(operation)),
  ...referenceRows.filter(({ operation }) => changesState.has(operation)),
]

test.each(ownersOrder)('its owner is answered otherwise: $operation, $place', async (row) => {
  let differences = 0
  const name = randomUUID()
  // One that no row before has destroyed.
  const fresh = { name, uniqueIdentifier: await server.client.create([named(name)]) }
  for (const victim of [...victims, fresh]) {
    const missing = { uniqueIdentifier: randomUUID(), name: randomUUID() }
    const own = await server.client.bytes(row.request(victim))
    if (masked(own) !== masked(await server.client.bytes(row.request(missing)))) differences += 1
  }
  expect(differences).toBeGreaterThan(0)
})
