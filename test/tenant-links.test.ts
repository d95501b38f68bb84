import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { foreseenLinkActs, type LinkAct } from '../src/admin/services.ts'
import { randomIdentifier } from '../src/crypto/random.ts'
import { destructionJob } from '../src/hierarchy/key-destruction.ts'
import { TenantLinks } from '../src/tenant-links.ts'
import { TenantRegistry } from '../src/tenants/tenant-registry.ts'
import { newHierarchy, newStaticKey } from './hierarchy/fixture.ts'
import { LinkBench } from './hierarchy/link-fixture.ts'
import { RotationBench, storeObjects } from './hierarchy/rotation-fixture.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

const [system, actor] = ['default', 'operator:ada'] as const
const l1 = { provider: 'fake', key: 'transit/acme' }
let bench: RotationBench
let links: LinkBench
let tenantLinks: TenantLinks
let development: TenantLinks
let registry: TenantRegistry

beforeEach(async () => {
  const made = await newHierarchy(externalKey)
  bench = new RotationBench(made)
  links = new LinkBench(bench)
  registry = new TenantRegistry(made.store, made.chain, bench.clock, randomIdentifier)
  await registry.createTenant('acme', 'system')
  await storeObjects(made, await registry.scopes.of({ tenant: 'acme', system, service: 'default' }), 3)
  const parts = { work: bench.work, leases: links.leases, registry, providers: [links.l1] }
  tenantLinks = new TenantLinks({ ...parts, development: false })
  development = new TenantLinks({ ...parts, development: true })
})

async function linked(): Promise<void> {
  await tenantLinks.link('acme', system, l1, false, actor)
  await bench.runDue()
}
const act = (name: LinkAct) => tenantLinks.act('acme', system, name, actor)

test('a system that is leaving its L1 is shown as locked while it is locked', async () => {
  await linked()
  const shown = async () => (await tenantLinks.list('acme')).map(({ state }) => state)
  expect(await shown()).toEqual(['enabled'])
  expect(await act('detach')).toMatchObject({ state: 'detaching' })
  expect(await act('lock')).toMatchObject({ state: 'locked' })
  expect(await shown()).toEqual(['locked'])
  expect(await act('enable')).toMatchObject({ state: 'detaching' })
  expect(await act('unlink')).toMatchObject({ state: 'unlinked' })
})

test('a lock takes nothing from an unlinked system: it is linked again as before', async () => {
  await linked()
  await act('unlink')
  expect(await act('lock')).toMatchObject({ state: 'unlinked' })
  await expect(act('enable')).rejects.toMatchObject({ message: expect.stringMatching(/unlinked.*krypton tenant link/) })
  bench.clock.advance(2_000)
  expect(await tenantLinks.link('acme', system, l1, false, actor)).toMatchObject({ state: 'enabled' })
})

test('who locks is not undone by who disables or enables at the same time', async () => {
  await linked()
  const both = await Promise.allSettled([act('disable'), act('lock')])
  expect(both[1]).toMatchObject({ status: 'fulfilled' })
  expect(await tenantLinks.list('acme')).toMatchObject([{ state: 'locked' }])
  await Promise.allSettled([act('enable'), act('unlink')])
  expect(await tenantLinks.list('acme')).toMatchObject([{ state: 'unlinked' }])
})

test('what is foreseen of an act is counted without asking the L1, and refused as the act is', async () => {
  const counts = { tenantKeys: 1, serviceKeys: 1, objects: 3 }
  const foreseen = async () => {
    const answers = new Map<string, unknown>()
    links.l1.transcript.length = 0
    for (const name of foreseenLinkActs) {
      const answer = tenantLinks.foresee('acme', system, name).catch((error: { code: string }) => error.code)
      answers.set(name, await answer)
    }
    expect(links.l1.transcript).toEqual([])
    return answers
  }
  /** The acts that are refused, and with what; all others are counted. */
  const refused = async (): Promise<Record<string, unknown>> =>
    Object.fromEntries([...(await foreseen())].filter(([, answer]) => typeof answer === 'string'))
  const notFound = Object.fromEntries(foreseenLinkActs.map((name) => [name, 'not-found']))
  const { link: _, ...others } = notFound
  expect(await refused()).toEqual(others)
  expect((await foreseen()).get('link')).toEqual(counts)
  await linked()
  const more = { tenantKeys: 2, serviceKeys: 2, objects: 3 }
  expect(await refused()).toEqual({ link: 'already-exists' })
  expect((await foreseen()).get('detach')).toEqual(more)
  const state = 'wrong-key-lifecycle-state'
  await act('disable')
  expect(await refused()).toEqual({ link: 'already-exists', switch: state, detach: state })
  await act('lock')
  expect(await refused()).toEqual({
    link: 'already-exists',
    switch: state,
    detach: state,
    disable: state,
    rotate: state,
  })
  await act('unlink')
  expect(await refused()).toEqual({ switch: state, detach: state, disable: state, rotate: state, enable: state })
})

test('keys that are gone are linked with nothing, and the refusal says that they are', async () => {
  const { tenant } = await registry.tenantNamed('acme')
  await bench.run(destructionJob({ tenant }, { actor, subject: 'acme' }))
  const gone = { code: 'wrong-key-lifecycle-state', message: expect.stringMatching(/it is destroyed, for good/) }
  await expect(tenantLinks.foresee('acme', system, 'link')).rejects.toMatchObject(gone)
  await expect(tenantLinks.link('acme', system, l1, false, actor)).rejects.toMatchObject(gone)
})

test('a recovery file is foreseen with its recipient, and refused as it is', async () => {
  const pem = generateKeyPairSync('rsa', { modulusLength: 3072 }).publicKey.export({ format: 'pem', type: 'spki' })
  const foresee = (of: TenantLinks, key = pem.toString()) => of.foreseeRecoveryFile('acme', system, key)
  await expect(foresee(tenantLinks)).rejects.toMatchObject({ code: 'permission-denied' })
  await expect(foresee(development)).rejects.toMatchObject({ code: 'not-found' })
  await linked()
  await expect(foresee(development, 'no key')).rejects.toMatchObject({ code: 'invalid-field' })
  const foreseen = await foresee(development)
  const { recipient } = await development.recoveryFile('acme', system, pem.toString(), actor)
  expect(foreseen).toEqual({ recipient, tenantKeys: 2, serviceKeys: 2, objects: 3 })
})
