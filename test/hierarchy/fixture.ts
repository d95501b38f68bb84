import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock } from '../../src/clock.ts'
import { randomIdentifier } from '../../src/crypto/random.ts'
import type { ExternalKey } from '../../src/external-keys/external-key.ts'
import { createStaticKeyFile, openStaticKey } from '../../src/external-keys/static.ts'
import {
  createServiceKeys,
  createTenantKeys,
  KeyChain,
  type RootKeys,
  type Scope,
} from '../../src/hierarchy/key-chain.ts'
import { setDigestKeys } from '../../src/hierarchy/integrity-key.ts'
import { initializeSeal } from '../../src/seal/seal.ts'
import type { Store } from '../../src/store/store.ts'
import { MemoryStore } from '../../src/store/memory.ts'

export const clock: Clock = { now: () => 1_790_000_000_000, monotonic: () => 0 }

/** A static key in a folder of its own; `remove` takes it away again. */
export function newStaticKey(): { externalKey: ExternalKey; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'krypton-seal-'))
  const file = join(directory, 'seal.key')
  createStaticKeyFile(file)
  const externalKey = openStaticKey({ file, dataDirectory: join(directory, 'data') })
  return { externalKey, remove: () => rmSync(directory, { recursive: true }) }
}

export const newStore = (): Store => new MemoryStore()

export const newScope = (): Scope => ({
  tenant: randomIdentifier(),
  system: randomIdentifier(),
  service: randomIdentifier(),
})

/** An initialized store with the keys of some scopes: two services of one tenant, another system of it, another tenant. */
export interface Hierarchy {
  readonly store: Store
  /** The same store, for what only its owner asks of it. */
  readonly memory: MemoryStore
  readonly root: RootKeys
  readonly externalKey: ExternalKey
  readonly chain: KeyChain
  readonly scopes: {
    readonly own: Scope
    readonly sibling: Scope
    readonly otherSystem: Scope
    readonly otherTenant: Scope
  }
}

export async function newHierarchy(externalKey: ExternalKey, development = false): Promise<Hierarchy> {
  const store = new MemoryStore()
  const root = await initializeSeal(store, externalKey, clock, { development, region: 'test', actor: 'system' })
  const keys = setDigestKeys(root)
  await store.keepSets(keys, true)
  for (const { secret } of keys) secret.wipe()
  const chain = new KeyChain(store, root, clock)
  const own = newScope()
  const sibling = { ...own, service: randomIdentifier() }
  const otherSystem = { ...own, system: randomIdentifier(), service: randomIdentifier() }
  const otherTenant = newScope()
  await store.commit(await createTenantKeys(chain, own, 'system'))
  await store.commit(await createServiceKeys(chain, sibling, 'system'))
  await store.commit(await createServiceKeys(chain, otherSystem, 'system'))
  await store.commit(await createTenantKeys(chain, otherTenant, 'system'))
  return { store, memory: store, root, externalKey, chain, scopes: { own, sibling, otherSystem, otherTenant } }
}
