import type { Clock } from '../clock.ts'
import type { ExternalKey } from '../external-keys/external-key.ts'
import type { RootKeys } from '../hierarchy/root-keys.ts'
import type { Store } from '../store/store.ts'

/** What the configuration pins of a root; `initializeSeal` returns it for `init` to print. */
export interface RootPins {
  /** 16 bytes. */
  readonly cluster: Uint8Array
  /** 32 bytes. */
  readonly verifier: Uint8Array
  readonly epoch: number
}

/** Makes a new root in an empty store: MasterKey, system integrity key, IVK 1, manifest, seal. Throws 'already-exists'. */
export declare function initializeSeal(
  store: Store,
  externalKey: ExternalKey,
  clock: Clock,
  options: { development: boolean; region: string; actor: string },
): Promise<RootKeys>

/** Opens the root. Throws 'seal-failed', 'development-store', 'not-found' (no root here yet), 'row-mac-mismatch'. */
export declare function unseal(
  store: Store,
  externalKey: ExternalKey,
  options: { production: boolean; pins?: RootPins },
): Promise<RootKeys>

/** True if the store has a root. */
export declare function isInitialized(store: Store): Promise<boolean>
