import { beforeEach, describe, expect, test } from 'vitest'
import { randomBytes } from '../../src/crypto/random.ts'
import { isKryptonError } from '../../src/errors.ts'
import { decodeAllowedOperations, encodeAllowedOperations } from '../../src/tenants/allowed-operations.ts'
import { RecordState } from '../../src/tenants/records.ts'
import { newSigner } from '../support/certificates.ts'
import { newRealm, type Realm } from '../support/start-server.ts'

let realm: Realm
const actor = 'operator:test'
const keys = () => ({ issuerKeyHash: randomBytes(32), leafKeyHash: randomBytes(32) })
const refused = (code: Parameters<typeof isKryptonError>[1]) => (error: unknown) => isKryptonError(error, code)
const operations = async (): Promise<string[]> =>
  (await realm.store.audit('data', 0, 100)).map(({ operation }) => operation)

beforeEach(async () => {
  realm = await newRealm()
})

describe('a tenant', () => {
  test('is made with the system and the service default, and their keys open', async () => {
    const { registry, store, keyChain } = realm
    const { tenant } = await registry.createTenant('acme', actor)
    const [system] = await store.find('systems', { tenant })
    const [service] = await store.find('services', { tenant, system: system!.system })
    expect([system!.name, service!.name]).toEqual(['default', 'default'])
    const scope = { tenant, system: Buffer.from(system!.system), service: Buffer.from(service!.service) }
    expect((await keyChain.service(scope)).activeVersion).toBe(1)
    expect((await registry.listTenants()).map(({ name }) => name).toSorted()).toEqual(['acme', 'demo'])
    expect((await operations()).filter((operation) => operation === 'TenantCreate')).toHaveLength(2)
  })

  test('has a name of its own', async () => {
    await expect(realm.registry.createTenant('demo', actor)).rejects.toSatisfy(refused('already-exists'))
  })

  test('gets its name once, though two ask at the same time', async () => {
    const both = await Promise.allSettled([1, 2].map(() => realm.registry.createTenant('twice', actor)))
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const [failed] = both.filter((result) => result.status === 'rejected')
    expect(isKryptonError(failed!.reason, 'already-exists')).toBe(true)
  })

  test('has no name that would be something else in a path or a log', async () => {
    for (const name of ['', '../x', 'a b', '-x', 'ü', 'a\n', 'x'.repeat(65)]) {
      await expect(realm.registry.createTenant(name, actor)).rejects.toSatisfy(refused('invalid-field'))
    }
  })
})

describe('a tenant’s keys', () => {
  test('are found by names, and named by what they are found by', async () => {
    const { registry } = realm
    const scope = await registry.scopes.at({ tenant: 'demo', system: 'default', service: 'default' })
    expect(await registry.scopes.pathOf(scope)).toBe('demo/default/default')
    const { tenant, system } = await registry.scopes.at({ tenant: 'demo', system: 'default' })
    expect(await registry.scopes.pathOf({ tenant, system })).toBe('demo/default')
    for (const names of [
      { tenant: 'nobody', system: 'default' },
      { tenant: 'demo', system: 'none' },
      { tenant: 'demo', system: 'default', service: 'none' },
    ])
      await expect(registry.scopes.at(names)).rejects.toSatisfy(refused('not-found'))
  })

  test('are rotated in periods of the tenant’s own once it has some', async () => {
    const { registry } = realm
    const { tenant } = await registry.tenantNamed('demo')
    expect(await registry.rotationPeriods(tenant)).toBeUndefined()
    for (const periods of [
      { tenantKeyDays: 60, serviceKeyDays: 7 },
      { tenantKeyDays: 365, serviceKeyDays: 1 },
    ]) {
      await registry.setRotationPeriods('demo', periods, actor)
      expect(await registry.rotationPeriods(tenant)).toEqual(periods)
    }
    expect((await operations()).filter((operation) => operation === 'RotationPeriodsSet')).toHaveLength(2)
    await expect(
      registry.setRotationPeriods('nobody', { tenantKeyDays: 1, serviceKeyDays: 1 }, actor),
    ).rejects.toSatisfy(refused('not-found'))
  })
})

describe('a client', () => {
  test('is bound to a service, which is made with its system and keys when it is new', async () => {
    const { registry, keyChain } = realm
    const client = await registry.clients.create(
      { tenant: 'demo', system: 'orders', service: 'mongo', name: 'one', operations: [10, 8], ...keys() },
      actor,
    )
    expect(client).toMatchObject({ tenantName: 'demo', systemName: 'orders', serviceName: 'mongo', name: 'one' })
    expect(client.operations).toEqual(new Set([8, 10]))
    expect((await keyChain.service(client.scope)).activeVersion).toBe(1)
    const sibling = await registry.clients.create(
      { tenant: 'demo', system: 'orders', service: 'mongo', name: 'two', ...keys() },
      actor,
    )
    expect(sibling.scope).toEqual(client.scope)
    const other = await registry.clients.create({ tenant: 'demo', system: 'orders', name: 'three', ...keys() }, actor)
    expect(other.scope.system).toEqual(client.scope.system)
    expect(other.scope.service).not.toEqual(client.scope.service)
    expect(
      (await registry.clients.list('demo')).map(({ name, serviceName }) => `${name} of ${serviceName}`).toSorted(),
    ).toEqual(['one of mongo', 'three of default', 'two of mongo'])
    expect((await operations()).filter((operation) => operation === 'ClientCreate')).toHaveLength(3)
  })

  test('has a name and keys of its own', async () => {
    const { registry } = realm
    const pair = keys()
    await registry.createTenant('acme', actor)
    await registry.clients.create({ tenant: 'demo', name: 'one', ...pair }, actor)
    await expect(registry.clients.create({ tenant: 'demo', name: 'one', ...keys() }, actor)).rejects.toSatisfy(
      refused('already-exists'),
    )
    for (const tenant of ['demo', 'acme']) {
      await expect(registry.clients.create({ tenant, name: 'two', ...pair }, actor)).rejects.toSatisfy(
        refused('already-exists'),
      )
    }
    await registry.clients.create({ tenant: 'acme', name: 'one', ...keys() }, actor)
  })

  test('needs a tenant and good names', async () => {
    const { registry } = realm
    await expect(registry.clients.create({ tenant: 'nobody', name: 'x', ...keys() }, actor)).rejects.toSatisfy(
      refused('not-found'),
    )
    for (const names of [{ name: '/' }, { name: 'x', system: '' }, { name: 'x', service: ' ' }]) {
      await expect(registry.clients.create({ tenant: 'demo', ...names, ...keys() }, actor)).rejects.toSatisfy(
        refused('invalid-field'),
      )
    }
  })

  test('is revoked once, and stays in the list', async () => {
    const { registry } = realm
    await registry.clients.create({ tenant: 'demo', name: 'one', ...keys() }, actor)
    const revoked = await registry.clients.revoke('demo', 'one', actor)
    expect(revoked.state).toBe(RecordState.revoked)
    expect(await registry.clients.revoke('demo', 'one', actor)).toEqual(revoked)
    expect((await registry.clients.list('demo'))[0]!.state).toBe(RecordState.revoked)
    expect((await operations()).filter((operation) => operation === 'ClientRevoke')).toHaveLength(1)
    await expect(registry.clients.revoke('demo', 'two', actor)).rejects.toSatisfy(refused('not-found'))
    await expect(registry.clients.revoke('nobody', 'one', actor)).rejects.toSatisfy(refused('not-found'))
    await expect(registry.clients.list('nobody')).rejects.toSatisfy(refused('not-found'))
  })
})

describe('an authority', () => {
  test('is registered once for a tenant, and for no other', async () => {
    const { registry, authority } = realm
    await registry.createTenant('acme', actor)
    const { der, keys: pair } = await newSigner()
    const first = await registry.authorities.register({ certificate: der, tenant: 'acme' }, actor)
    const again = await registry.authorities.register({ certificate: der, tenant: 'acme' }, actor)
    expect(again.publicKeyHash).toEqual(first.publicKeyHash)
    const renamed = await newSigner({ keys: pair, name: 'CN=another name' })
    for (const certificate of [der, renamed.der]) {
      await expect(registry.authorities.register({ certificate, tenant: 'demo' }, actor)).rejects.toSatisfy(
        refused('already-exists'),
      )
      await expect(registry.authorities.register({ certificate }, actor)).rejects.toSatisfy(refused('already-exists'))
    }
    await expect(
      registry.authorities.register({ certificate: authority.certificate, tenant: 'demo' }, actor),
    ).rejects.toSatisfy(refused('already-exists'))
    expect((await operations()).filter((operation) => operation === 'AuthorityRegister')).toHaveLength(2)
  })

  test('needs a tenant that is there and a certificate of an authority', async () => {
    const { der } = await newSigner()
    await expect(realm.registry.authorities.register({ certificate: der, tenant: 'nobody' }, actor)).rejects.toSatisfy(
      refused('not-found'),
    )
    await expect(realm.registry.authorities.register({ certificate: 'none' }, actor)).rejects.toSatisfy(
      refused('certificate-invalid'),
    )
  })
})

describe('allowed operations', () => {
  test('are kept sorted and once, all of them as all that will ever be, and none as none', () => {
    expect(decodeAllowedOperations(encodeAllowedOperations([10, 1, 10]))).toEqual(new Set([1, 10]))
    expect(encodeAllowedOperations([10, 1, 10])).toEqual(encodeAllowedOperations([1, 10]))
    expect(decodeAllowedOperations(encodeAllowedOperations(undefined))).toBeUndefined()
    expect(decodeAllowedOperations(encodeAllowedOperations([]))).toEqual(new Set())
    expect(decodeAllowedOperations(Buffer.alloc(0))).toEqual(new Set())
  })
})
