import type { Suite } from '../crypto/aead.ts'
import { retrying } from '../store/retrying.ts'
import { checkAct, type KeyChange, stateAfter } from './key-life.ts'
import type { KeyState } from './key-state.ts'
import { changeState, type KeyWork, type SystemOfKeys, verified } from './key-versions.ts'
import type { KeyAddress } from './rotation-jobs.ts'
import { keyAt } from './versioned-keys.ts'
import { wipeWrappingKeys } from './wrapping-keys.ts'

/**
 * Activates, suspends, resumes or deactivates a key, or declares one compromised that is not active. A key that is to be active is opened by every thread before it is. It is done when every thread has opened the key as it is now: nothing more is sealed under it, what was is durable.
 * @throws KryptonError wrong-key-lifecycle-state, also for a key below one that is not active yet, invalid-field for the IVK, not-healthy when a thread does not confirm: it is stored all the same
 */
export async function changeKey(
  work: KeyWork,
  suite: Suite,
  address: KeyAddress,
  { act, actor }: { readonly act: KeyChange; readonly actor: string },
): Promise<void> {
  const key = keyAt(work, address, suite)
  if (act === 'activate') {
    await work.users.refresh(key.system)
    work.at('acknowledged')
  }
  await retrying(async () => {
    await checkChange(work, suite, address, act)
    const rows = await verified(key)
    for (const row of rows) {
      const state = stateAfter(row.state as KeyState, act)
      if (state !== undefined) await changeState(work, key, row, { state, operation: operations[act], actor })
    }
  })
  work.at('changed')
  // What was opened under a compromised version is let go of.
  await work.users.refresh(act === 'compromise' && key.system ? { ...key.system, forget: true } : key.system)
}

/** Refuses what `changeKey` would, before anything is done. Throws 'wrong-key-lifecycle-state', 'invalid-field'. */
export async function checkChange(work: KeyWork, suite: Suite, address: KeyAddress, act: KeyChange): Promise<void> {
  if (act === 'activate' && address.table === 'service_keys') await checkParent(work, address)
  const rows = await verified(keyAt(work, address, suite))
  // These are the states that are written here.
  const states = rows.map(({ state }) => state as KeyState)
  checkAct(address.table, states, act)
}

/** Keys become active from above. */
async function checkParent({ chain }: KeyWork, { tenant, system }: SystemOfKeys): Promise<void> {
  const parents = await chain.tenantKeys(tenant, system)
  wipeWrappingKeys(parents)
  if (parents.active === undefined) throw await chain.haltOf(tenant, system)
}

const operations = {
  activate: 'KeyActivate',
  suspend: 'KeySuspend',
  resume: 'KeyResume',
  deactivate: 'KeyDeactivate',
  compromise: 'KeyCompromise',
} as const
