import { afterAll, beforeAll, expect, test } from 'vitest'
import { setDigestKeys } from '../../src/hierarchy/integrity-key.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { KeyState } from '../../src/hierarchy/key-state.ts'
import { rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { Keystore } from '../../src/keystore/keystore.ts'
import { Operation } from '../../src/kmip/enums.ts'
import { rotateMasterKey } from '../../src/seal/master-key-rotation.ts'
import { unseal } from '../../src/seal/seal.ts'
import { LinkBench } from '../hierarchy/link-fixture.ts'
import { RotationBench } from '../hierarchy/rotation-fixture.ts'
import { scrubbed } from '../hierarchy/row-attacks.ts'
import { Client, encryptDecrypt, named, newServer, principalOf, type Server } from './fixture.ts'

/*
 * What the keys above objects come to, one after the other: after each, and after a restart, every object's row must be proven, Locate must find it, and Destroy must work.
 */
let server: Server
let bench: RotationBench
let links: LinkBench
/** By name. */
const objects = new Map<string, string>()

beforeAll(async () => {
  server = await newServer()
  bench = new RotationBench(server.hierarchy)
  links = new LinkBench(bench)
  // The chain that serves is one of the threads.
  bench.threads.push(server.hierarchy.chain)
  links.serve(server.hierarchy.chain)
  for (let n = 0; n < 12; n++)
    objects.set(
      `key ${n}`,
      await server.client.register(Buffer.alloc(32, n), [named(`key ${n}`)], { mask: encryptDecrypt }),
    )
})
afterAll(() => server.services.cryptoWork.close(0))

/** A client of the server as it is after a restart, with nothing opened yet. */
async function restarted(): Promise<{ client: Client; chain: KeyChain; scrub: () => Promise<string> }> {
  const store = server.hierarchy.memory.changedFromOutside(() => undefined)
  const root = await unseal(store, server.hierarchy.externalKey, { production: false })
  const keys = setDigestKeys(root)
  await store.keepSets(keys, false)
  for (const { secret } of keys) secret.wipe()
  const chain = new KeyChain(store, root, server.clock)
  links.serve(chain)
  const keystore = new Keystore(store, chain, server.clock, (error) => server.faults.push(error))
  const client = new Client(principalOf(server.hierarchy.scopes.own, 'after'), { ...server.services, keystore })
  return { client, chain, scrub: () => scrubbed({ ...server.hierarchy, root }, store, store) }
}

async function allIsThere(client: Client): Promise<void> {
  for (const [name, id] of objects) expect([name, await client.locate([named(name)])]).toEqual([name, [id]])
  const [first] = objects
  const [name, id] = first!
  await client.destroy(id)
  expect(await client.locate([named(name)])).toEqual([])
}

async function everywhere(): Promise<void> {
  const after = await restarted()
  expect(await after.scrub()).toMatch(/rows are as they were written$/)
  await allIsThere(after.client)
  expect(
    await scrubbed(
      { ...server.hierarchy, root: bench.work.chain.root },
      server.hierarchy.memory,
      server.hierarchy.memory,
    ),
  ).toMatch(/rows are as they were written$/)
  await allIsThere(server.client)
  objects.delete([...objects.keys()][0]!)
  expect(server.faults).toEqual([])
}

const material = (client: Client, name: string) => client.item(Operation.Get, { uniqueIdentifier: objects.get(name)! })

test('L2 was rotated, and its first version is deleted', async () => {
  const { tenant, system } = server.hierarchy.scopes.own
  const address = { table: 'tenant_keys', tenant, system } as const
  await bench.run(rotationJob(address, { from: 1, reason: 'command', actor: 'operator:ada', subject: 'x' }))
  await bench.runDue()
  bench.clock.advance(2 * 86_400_000)
  await bench.maintenance.look()
  bench.clock.advance(7 * 86_400_000)
  await bench.runDue()
  expect(await bench.states(address)).toEqual([KeyState.Retired, KeyState.Active])
  await everywhere()
  expect((await material(server.client, 'key 11')).resultStatus).toBe(0)
})

test('the same over an epoch of the MasterKey', async () => {
  const { externalKey } = server.hierarchy
  expect((await rotateMasterKey({ ...bench.work, externalKey }, 'operator:ada')).epoch).toBe(2)
  await everywhere()
  for (const client of [server.client, (await restarted()).client])
    expect((await material(client, 'key 11')).resultStatus).toBe(0)
})

test('the L1 is off', async () => {
  const { tenant, system } = server.hierarchy.scopes.own
  await links.link({ tenant, system })
  links.l1.refusal = 'external-key-disabled'
  bench.clock.advance(301_000)
  await links.look()
  await everywhere()
  for (const client of [server.client, (await restarted()).client])
    expect((await material(client, 'key 11')).resultStatus).not.toBe(0)
})
