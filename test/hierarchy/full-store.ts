import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import { BreakGlass } from '../../src/hierarchy/break-glass.ts'
import { noteBackup } from '../../src/hierarchy/kept-backups.ts'
import { destructionJob } from '../../src/hierarchy/key-destruction.ts'
import { integrityRotationJob } from '../../src/hierarchy/integrity-rotation.ts'
import { rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { scrubJob } from '../../src/hierarchy/scrub.ts'
import type { ExternalKey } from '../../src/external-keys/external-key.ts'
import { JobQueue } from '../../src/jobs/job-queue.ts'
import type { Row, TableName } from '../../src/store/schema.ts'
import type { Change } from '../../src/store/store.ts'
import { TenantRegistry } from '../../src/tenants/tenant-registry.ts'
import { newAuthority } from '../support/certificates.ts'
import { clock, type Hierarchy, newHierarchy } from './fixture.ts'
import { LinkBench } from './link-fixture.ts'
import { RotationBench, storeObjects } from './rotation-fixture.ts'

/** A store with something in every table: rotated keys, a destroyed service, a linked system, clients, jobs, periods, roles, credentials, old records, an index. */
export async function newFullStore(externalKey: ExternalKey): Promise<Hierarchy> {
  const made = await newHierarchy(externalKey)
  const { store, chain } = made
  const bench = new RotationBench(made)
  const registry = new TenantRegistry(store, chain, clock, randomIdentifier)
  const authority = await newAuthority('an authority', new Date(clock.now()))
  await registry.authorities.register({ certificate: authority.certificate }, 'system')
  for (const tenant of ['acme', 'other']) {
    await registry.createTenant(tenant, 'system')
    const keys = () => ({ issuerKeyHash: randomBytes(32), leafKeyHash: randomBytes(32) })
    await registry.clients.create({ tenant, name: 'one', ...keys() }, 'system')
    await registry.clients.create({ tenant, system: 'second', service: 'orders', name: 'two', ...keys() }, 'system')
    await registry.setRotationPeriods(tenant, { tenantKeyDays: 9, serviceKeyDays: 3 }, 'system')
  }
  const objects = []
  for (const scope of Object.values(made.scopes)) objects.push(...(await storeObjects(made, scope, 4)))
  const { own, sibling } = made.scopes
  for (const address of [
    { table: 'ivks' },
    { table: 'tenant_keys', ...own },
    { table: 'service_keys', ...own },
  ] as const)
    await bench.run(rotationJob(address, { from: 1, reason: 'command', actor: 'system', subject: 'x' }))
  const { tenant, system } = made.scopes.otherTenant
  await new LinkBench(bench).link({ tenant, system })
  const { otherTenant } = made.scopes
  const integrity = { from: 1, reason: 'command', actor: 'system', subject: 'x' } as const
  await bench.run(integrityRotationJob(otherTenant.tenant, integrity))
  await bench.run(destructionJob(sibling, { actor: 'system', subject: 'x' }))
  const queue = new JobQueue({
    store,
    keys: () => chain.system(),
    clock,
    newIdentifier: randomIdentifier,
    kinds: new Map(),
    pace: { itemsPerSecond: 1_000_000 },
    report: () => undefined,
  })
  await queue.add(scrubJob('operator:ada'))
  const tenantKeys = await chain.tenant(own.tenant)
  const previous = {
    owner: own.tenant,
    holder: randomIdentifier(),
    of_table: 'service_keys',
    system: own.system,
    service: own.service,
    version: 1,
    parent_version: 1,
    blob_version: 0,
    record: randomBytes(104),
    row_version: 1,
  }
  await noteBackup(bench.work, { name: 'nightly', until: 2_000_000_000, actor: 'system' })
  await new BreakGlass(bench.work).grant(own, { minutes: 5, reason: 'test', actor: 'system' })
  const role = { tenant: own.tenant, name: 'a role', rules: Buffer.from('[]'), created: 1, row_version: 1 }
  const credential = {
    tenant: own.tenant,
    client: randomIdentifier(),
    type: 1,
    verifier: randomBytes(52),
    created: 1,
    row_version: 1,
  }
  const nonces = { ...own, object: objects[0]!.id, leased: 5, row_version: 1 }
  const insert = <T extends TableName>(table: T, row: Omit<Row<T>, 'mac'>) =>
    ({ table, kind: 'insert', row: { ...row, mac: tenantKeys.macRow(table, row) } }) as unknown as Change
  await store.commit({ section: 'keys', changes: [insert('previous_key_records', previous)], audit: [] })
  const indexed = objects.map(({ scope, id: object }): Change => {
    const [attribute, token] = ['custom', tenantKeys.indexToken('custom', object)]
    return { table: 'object_index', kind: 'insert', row: { ...scope, attribute, token, sequence: 1, object } }
  })
  const inData = [
    ...indexed,
    insert('previous_object_records', previous),
    insert('roles', role),
    insert('credentials', credential),
    insert('nonce_counts', nonces),
  ]
  await store.commit({ section: 'data', changes: inData, audit: [] })
  return made
}
