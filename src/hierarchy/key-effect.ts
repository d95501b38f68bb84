import type { Store } from '../store/store.ts'
import { countBelow, type Destroyed } from './key-destruction.ts'
import type { KeyChange } from './key-life.ts'
import { KeyState } from './key-state.ts'
import type { KeyAddress } from './rotation-jobs.ts'

/** What an act on a key reaches: versions of keys, and objects. */
export type KeyEffect = Omit<Destroyed, 'backups'>

/** What is done to a key that stays; what a destruction takes is told by `foreseeDestruction`. */
export type ForeseenAct = 'rotate' | 'break-glass' | KeyChange

/** The key of that address, or the integrity key of a tenant. */
export type ForeseenKey = KeyAddress | { readonly table: 'integrity_keys'; readonly tenant: Buffer }

/**
 * What an act on a key would reach, as things are now. A rotation wraps anew what hangs on the key itself, in each of its versions; a compromise puts another in the place of each key below, down to the objects; halting a key, and letting it go on, is for all that is below
 * it; break-glass opens what is under compromised versions. `pause` is called between pages.
 */
export async function effectOf(
  store: Store,
  key: ForeseenKey,
  act: ForeseenAct,
  pause: () => Promise<void>,
): Promise<KeyEffect> {
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
  // Of an integrity key, MACs and tokens are made anew, and no key.
  if (act !== 'rotate' && key.table !== 'integrity_keys') return all
  return {
    tenantKeys: key.table === 'ivks' ? all.tenantKeys : 0,
    serviceKeys: key.table === 'tenant_keys' ? all.serviceKeys : 0,
    objects: key.table === 'service_keys' || key.table === 'integrity_keys' ? all.objects : 0,
  }
}

const isCompromised = (state: number): boolean => state === KeyState.Compromised

/** Of each key the version that counts: those that it has replaced stay as they are. */
const isCurrent = (state: number): boolean =>
  state === KeyState.Active ||
  state === KeyState.Pending ||
  state === KeyState.Suspended ||
  state === KeyState.Deactivated

function placeOf(key: Exclude<ForeseenKey, { readonly table: 'ivks' }>) {
  const { table: _, ...place } = key
  return place
}
