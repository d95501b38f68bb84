import { afterAll, expect, test } from 'vitest'
import { randomIdentifier } from '../src/crypto/random.ts'
import { TenantLinks } from '../src/tenant-links.ts'
import { TenantRegistry } from '../src/tenants/tenant-registry.ts'
import { newHierarchy, newStaticKey } from './hierarchy/fixture.ts'
import { LinkBench } from './hierarchy/link-fixture.ts'
import { RotationBench } from './hierarchy/rotation-fixture.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

test('a system that is leaving its L1 is shown as locked while it is locked', async () => {
  const made = await newHierarchy(externalKey)
  const bench = new RotationBench(made)
  const { l1, leases } = new LinkBench(bench)
  const registry = new TenantRegistry(made.store, made.chain, bench.clock, randomIdentifier)
  await registry.createTenant('acme', 'system')
  const links = new TenantLinks({ work: bench.work, leases, registry, providers: [l1], development: false })
  const [system, actor] = ['default', 'operator:ada'] as const
  await links.link('acme', system, { provider: 'fake', key: 'transit/acme' }, false, actor)
  await bench.runDue()
  const shown = async () => (await links.list('acme')).map(({ state }) => state)
  expect(await shown()).toEqual(['enabled'])
  expect(await links.act('acme', system, 'detach', actor)).toMatchObject({ state: 'detaching' })
  expect(await links.act('acme', system, 'lock', actor)).toMatchObject({ state: 'locked' })
  expect(await shown()).toEqual(['locked'])
  expect(await links.act('acme', system, 'enable', actor)).toMatchObject({ state: 'detaching' })
  expect(await links.act('acme', system, 'unlink', actor)).toMatchObject({ state: 'unlinked' })
})
