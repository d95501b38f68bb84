import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Authenticator, type Peer, peerOf } from '../../src/auth/authenticate.ts'
import { authorize } from '../../src/auth/authorize.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { builtInRoles, rulesOfBuiltIn } from '../../src/auth/roles.ts'
import { verifyClientCertificate } from '../../src/certificates/verify-client-certificate.ts'
import { isKryptonError } from '../../src/errors.ts'
import { enumTables, ObjectType, Operation } from '../../src/kmip/enums.ts'
import { payloads } from '../../src/kmip/payloads/index.ts'
import type { RoleRule } from '../../src/tenants/role.ts'
import { projectDirectory } from '../support/counterparts.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { newRealm, type Realm } from '../support/start-server.ts'

const actor = 'operator:test'
const all = { objectTypes: undefined, objectGroups: undefined }
let clock: FakeClock
let realm: Realm
let authenticator: Authenticator

beforeAll(async () => {
  clock = new FakeClock(Date.now())
  realm = await newRealm(clock)
  authenticator = realm.authenticator
  await realm.addClient({ tenant: 'demo', name: 'first' })
})

async function clientOf(name: string, role: string): Promise<Peer> {
  const issued = await realm.authority.issueClient({ name }, new Date(clock.now()))
  const { all } = await realm.directory.authorities()
  const { authority, leafKeyHash } = verifyClientCertificate(issued.certificate, all)
  const identity = { issuerKeyHash: authority.publicKeyHash, leafKeyHash }
  const builtIn = rulesOfBuiltIn(role) !== undefined
  await realm.registry.clients.create({ tenant: 'demo', name, role: { name: role, builtIn }, ...identity }, actor)
  return peerOf(issued.certificate)
}

const served = Object.keys(payloads).map(Number)
const allowedTo = (principal: Principal) =>
  served.filter((operation) => {
    try {
      authorize(principal, operation)
      return true
    } catch (error) {
      if (isKryptonError(error, 'permission-denied')) return false
      throw error
    }
  })
const namesOf = (operations: readonly number[]) =>
  operations.map((operation) => enumTables.Operation.get(operation)!.name).toSorted()

describe('the roles that every tenant has', () => {
  test('each has all of the one before, and more; an officer has everything that is served', async () => {
    const lists: string[][] = []
    for (const role of builtInRoles) {
      lists.push(namesOf(allowedTo(await authenticator.authenticate(await clientOf(`one-${role}`, role)))))
    }
    for (let i = 1; i < lists.length; i++) {
      expect(lists[i]).toEqual(expect.arrayContaining(lists[i - 1]!))
      expect(lists[i]!.length).toBeGreaterThan(lists[i - 1]!.length)
    }
    expect(lists.at(-1)).toEqual(namesOf(served))
    expect(lists[0]).toEqual([
      'Cancel',
      'Check',
      'Discover Versions',
      'Get',
      'Get Attribute List',
      'Get Attributes',
      'Locate',
      'Obtain Lease',
      'Poll',
      'Query',
      'Validate',
    ])
    expect(lists[1]).not.toContain('Create')
    expect(lists[2]).not.toContain('Destroy')
    expect(lists[2]).not.toContain('Revoke')
  })

  test('are described in docs/operate/roles.md', () => {
    const page = readFileSync(join(projectDirectory, 'docs', 'operate', 'roles.md'), 'utf8')
    let before: readonly string[] = ['Discover Versions', 'Query']
    for (const role of builtInRoles) {
      const own = namesOf([...rulesOfBuiltIn(role)![0]!.operations])
      const more = own.filter((name) => !before.includes(name))
      expect(page).toContain(`| \`${role}\` | ${more.join(', ')} |`)
      before = own
    }
  })

  test("what is no operation is nobody's", async () => {
    const principal = await authenticator.authenticate(await clientOf('odd', 'officer'))
    for (const operation of [0, 999, Operation.Put, Operation.Notify]) {
      expect(() => authorize(principal, operation)).toThrow(expect.objectContaining({ code: 'permission-denied' }))
    }
  })
})

describe('a role of a tenant', () => {
  const rule: RoleRule = { operations: new Set([Operation.Get, Operation.Locate]), ...all }

  test('is kept with all that it says, and counts from the next request on', async () => {
    const full: RoleRule = {
      ...rule,
      objectTypes: new Set([ObjectType.SymmetricKey]),
      objectGroups: new Set(['a', 'ä']),
    }
    await realm.registry.roles.create('demo', { name: 'own', rules: [rule, full] }, actor)
    expect(await realm.registry.roles.list('demo')).toContainEqual({ name: 'own', rules: [rule, full] })
    const peer = await clientOf('of-own', 'own')
    const before = await authenticator.authenticate(peer)
    expect(namesOf(allowedTo(before))).toEqual(['Cancel', 'Discover Versions', 'Get', 'Locate', 'Poll', 'Query'])
    expect(before.objectRules).toEqual([rule, full])
    await realm.registry.clients.setRole('demo', 'of-own', { name: 'officer', builtIn: true }, actor)
    const after = await authenticator.authenticate(peer)
    expect(allowedTo(after)).toEqual(served)
    expect(after.objectRules).toBeUndefined()
  })

  test('is refused where there is none, twice, by a bad name, and while a client has it', async () => {
    const { registry } = realm
    const code = (expected: string) => expect.objectContaining({ code: expected })
    await registry.roles.create('demo', { name: 'held', rules: [rule] }, actor)
    await clientOf('holder', 'held')
    await expect(registry.roles.create('demo', { name: 'held', rules: [rule] }, actor)).rejects.toEqual(
      code('already-exists'),
    )
    await expect(registry.roles.create('demo', { name: 'a/b', rules: [rule] }, actor)).rejects.toEqual(
      code('invalid-field'),
    )
    await expect(clientOf('nobody', 'none')).rejects.toEqual(code('not-found'))
    const missing = { name: 'none', builtIn: false }
    await expect(registry.clients.setRole('demo', 'holder', missing, actor)).rejects.toEqual(code('not-found'))
    await expect(registry.clients.setRole('demo', 'missing', missing, actor)).rejects.toEqual(code('not-found'))
    await expect(registry.roles.remove('demo', 'none', actor)).rejects.toEqual(code('not-found'))
    await expect(registry.roles.remove('demo', 'held', actor)).rejects.toEqual(code('invalid-field'))
    await registry.clients.revoke('demo', 'holder', actor)
    await expect(registry.clients.setRole('demo', 'holder', { name: 'user', builtIn: true }, actor)).rejects.toEqual(
      code('invalid-field'),
    )
    await registry.roles.remove('demo', 'held', actor)
    expect((await registry.roles.list('demo')).map(({ name }) => name)).not.toContain('held')
  })

  test('a row that somebody has edited counts for nobody', async () => {
    await realm.registry.roles.create('demo', { name: 'edited', rules: [rule] }, actor)
    const peer = await clientOf('edited', 'edited')
    const [row] = (await realm.store.find('roles', {})).filter(({ name }) => name === 'edited')
    const change = { ...row!, rules: Buffer.from('[]'), row_version: row!.row_version + 1 }
    await realm.store.commit({
      section: 'data',
      changes: [{ table: 'roles', kind: 'update', row: change, expectedVersion: row!.row_version }],
      audit: [],
    })
    await expect((async () => authenticator.authenticate(peer))()).rejects.toMatchObject({ code: 'client-unknown' })
    expect(realm.damaged).toEqual([expect.stringMatching(/table roles/)])
  })
})
