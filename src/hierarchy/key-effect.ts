import type { Store } from '../store/store.ts'
import { countBelow, type Destroyed } from './key-destruction.ts'
import type { KeyChange } from './key-life.ts'
import { noTenant } from './key-record.ts'
import { KeyState } from './key-state.ts'
import { countByVersion } from './mac-renewal.ts'
import type { KeyAddress } from './rotation-jobs.ts'

/** What an act on a key reaches: versions of keys, and objects. */
export interface KeyEffect extends Omit<Destroyed, 'backups'> {
  /** Tenants' integrity keys, which the IVK wraps; absent for other keys. */
  readonly integrityKeys?: number
  /** Rows whose MACs are made anew; absent where an integrity key stays as it is. */
  readonly rows?: number
}

/** What is done to a key that stays; what a destruction takes is told by `foreseeDestruction`. */
export type ForeseenAct = 'rotate' | 'break-glass' | KeyChange

/** The key of that address, or the integrity key of a tenant, of zeros the system's own. */
export type ForeseenKey = KeyAddress | { readonly table: 'integrity_keys'; readonly tenant: Buffer }

/**
 * What an act on a key would reach, as things are now. A rotation wraps anew what hangs on the key itself, in each of its versions; a compromise puts another in the place of each key below, down to the objects; halting a key, and letting it go on, is for all that is below
 * it; break-glass opens what is under compromised versions. Of an integrity key MACs and tokens are made anew, and no key. `pause` is called between pages.
 */
export async function effectOf(
  store: Store,
  key: ForeseenKey,
  act: ForeseenAct,
  pause: () => Promise<void>,
): Promise<KeyEffect> {
  if (key.table === 'integrity_keys') return effectOnRows(store, key.tenant, pause)
  const states = act === 'rotate' ? () => true : act === 'break-glass' ? isCompromised : isCurrent
  const counted = { isMeant: states, isHolding: act === 'break-glass' ? isCompromised : () => true }
  const places = key.table === 'ivks' ? await store.find('tenants', {}) : [placeOf(key)]
  const all = { tenantKeys: 0, serviceKeys: 0, objects: 0 }
  for (const place of places) {
    const { tenantKeys, serviceKeys, objects } = await countBelow(store, place, counted, pause)
    all.tenantKeys += tenantKeys
    all.serviceKeys += serviceKeys
    all.objects += objects
  }
  const integrity = key.table === 'ivks' ? await integrityKeysBelow(store, act, pause) : {}
  if (act !== 'rotate') return { ...all, ...integrity }
  return {
    tenantKeys: key.table === 'ivks' ? all.tenantKeys : 0,
    serviceKeys: key.table === 'tenant_keys' ? all.serviceKeys : 0,
    objects: key.table === 'service_keys' ? all.objects : 0,
    ...integrity,
  }
}

/** Every row of the tenant, or of the system: among them the objects, whose tokens are made anew too. */
async function effectOnRows(store: Store, tenant: Buffer, pause: () => Promise<void>): Promise<KeyEffect> {
  const isMeant = (): boolean => true
  const ofTenant = tenant.equals(noTenant)
    ? { objects: 0 }
    : await countBelow(store, { tenant }, { isMeant, isHolding: isMeant }, pause)
  const rows = await rowsOf(store, tenant, pause)
  return { tenantKeys: 0, serviceKeys: 0, objects: ofTenant.objects, rows }
}

/** A rotation of the IVK wraps tenants' integrity keys anew; its compromise puts others in their place, and makes the MACs of all their rows anew. */
async function integrityKeysBelow(
  store: Store,
  act: ForeseenAct,
  pause: () => Promise<void>,
): Promise<Pick<KeyEffect, 'integrityKeys' | 'rows'>> {
  const ofTenants = (await store.find('integrity_keys', {})).filter(
    ({ tenant, record }) => !tenant.equals(noTenant) && record.byteLength > 0,
  )
  if (act === 'rotate') return { integrityKeys: ofTenants.length }
  const active = ofTenants.filter(({ state }) => state === KeyState.Active)
  let rows = 0
  for (const { tenant } of active) rows += await rowsOf(store, tenant, pause)
  return { integrityKeys: active.length, rows }
}

async function rowsOf(store: Store, tenant: Buffer, pause: () => Promise<void>): Promise<number> {
  const counts = await countByVersion(store, tenant, pause)
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}

const isCompromised = (state: number): boolean => state === KeyState.Compromised

/** Of each key the version that counts: those that it has replaced stay as they are. */
const isCurrent = (state: number): boolean =>
  state === KeyState.Active ||
  state === KeyState.Pending ||
  state === KeyState.Suspended ||
  state === KeyState.Deactivated

function placeOf(key: Exclude<KeyAddress, { readonly table: 'ivks' }>) {
  const { table: _, ...place } = key
  return place
}
