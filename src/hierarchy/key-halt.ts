import type { Suite } from '../crypto/aead.ts'
import { checkAct, type KeyAct, stateAfter } from './key-life.ts'
import type { KeyState } from './key-state.ts'
import { changeState, type KeyWork, retrying, verified } from './key-versions.ts'
import type { KeyAddress } from './rotation-jobs.ts'
import { keyAt } from './versioned-keys.ts'

/**
 * Suspends, resumes or deactivates a key. It is done when every thread has opened the key as it is now: nothing more is sealed under it, what was is durable.
 * @throws KryptonError wrong-key-lifecycle-state, invalid-field for the IVK, not-healthy when a thread does not confirm: it is stored all the same
 */
export async function haltKey(
  work: KeyWork,
  suite: Suite,
  address: KeyAddress,
  { act, actor }: { readonly act: Exclude<KeyAct, 'destroy'>; readonly actor: string },
): Promise<void> {
  const key = keyAt(work, address, suite)
  await retrying(async () => {
    const rows = await verified(key)
    // These are the states that are written here.
    checkAct(
      address.table,
      rows.map(({ state }) => state as KeyState),
      act,
    )
    for (const row of rows) {
      const state = stateAfter(row.state as KeyState, act)
      if (state !== undefined) await changeState(work, key, row, { state, operation: operations[act], actor })
    }
  })
  work.at('halted')
  await work.users.refresh(key.system)
}

const operations = { suspend: 'KeySuspend', resume: 'KeyResume', deactivate: 'KeyDeactivate' } as const
