import { exportSecret, importSecret, type Secret, type TransferableSecret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'

/** A key that wraps others: what a record's header must name to be opened with it, and the suite that it uses. */
export interface WrappingKey<S = Secret> {
  readonly secret: S
  /** 16 bytes. */
  readonly keyId: Uint8Array
  readonly version: number
  readonly suite: number
}

/** A version of an integrity key, in memory. */
export interface IntegrityKeyVersion<S = Secret> {
  readonly version: number
  readonly active: boolean
  /** It was replaced, and searches still ask for its tokens: those of the active version are not all in the index yet. */
  readonly searched?: boolean
  /** Somebody else may know it: it proves no row any more, only check values that were made under it. */
  readonly compromised?: boolean
  readonly secret: S
}

/** What an unsealed server holds of its root. Made by `unseal`, sent to each listener thread. */
export interface RootKeys<S = Secret> {
  /** 16 bytes: which cluster this is. */
  readonly cluster: Uint8Array
  readonly epoch: number
  /** 16 bytes: which life of the cluster's data; a restore starts another. */
  readonly incarnation: Uint8Array
  readonly development: boolean
  /** 32 bytes, public: tells this MasterKey from another. The configuration pins it. */
  readonly verifier: Uint8Array
  /** The digests of all rows were begun when the store was made: one that has not begun was taken away. */
  readonly setsKeptFromStart: boolean
  /** Derived from the MasterKey: wraps the IVKs. */
  readonly wrapIvk: WrappingKey<S>
  /** The same of the epoch that begins, while it does: IVKs are under the one or the other. */
  readonly nextWrapIvk?: WrappingKey<S> | undefined
  /** Derived from the MasterKey: wraps the system integrity keys. */
  readonly wrapSystem: WrappingKey<S>
  readonly systemIntegrityKeys: readonly IntegrityKeyVersion<S>[]
}

/** RootKeys on their way to another thread of this process. */
export type TransferableRootKeys = RootKeys<TransferableSecret>

/** Puts the root's keys into a form that `postMessage` carries. */
export function exportRootKeys(root: RootKeys): TransferableRootKeys {
  return mapSecrets(root, exportSecret)
}

/** The other end of `exportRootKeys`. */
export function importRootKeys(transferred: TransferableRootKeys): RootKeys {
  return mapSecrets(transferred, importSecret)
}

/** Ends every secret of the root, but for those that are of `heir` too. */
export function wipeRootKeys(root: RootKeys, heir?: RootKeys): void {
  const kept = new Set(heir === undefined ? [] : secretsOf(heir))
  for (const secret of secretsOf(root)) if (!kept.has(secret)) secret.wipe()
}

function secretsOf({ wrapIvk, nextWrapIvk, wrapSystem, systemIntegrityKeys }: RootKeys): Secret[] {
  const next = nextWrapIvk === undefined ? [] : [nextWrapIvk.secret]
  return [wrapIvk.secret, ...next, wrapSystem.secret, ...systemIntegrityKeys.map(({ secret }) => secret)]
}

function mapSecrets<A, B>(root: RootKeys<A>, map: (secret: A) => B): RootKeys<B> {
  return {
    ...root,
    wrapIvk: { ...root.wrapIvk, secret: map(root.wrapIvk.secret) },
    nextWrapIvk: root.nextWrapIvk && { ...root.nextWrapIvk, secret: map(root.nextWrapIvk.secret) },
    wrapSystem: { ...root.wrapSystem, secret: map(root.wrapSystem.secret) },
    systemIntegrityKeys: root.systemIntegrityKeys.map((key) => ({ ...key, secret: map(key.secret) })),
  }
}

/** Of a store that lost its manifest, or whose making did not come to its end. */
export function rootIsMissing(): KryptonError {
  return new KryptonError(
    'not-found',
    'the store has no root, so nothing in it opens: put the backup of its data back; if krypton init has not come to its end here, run it on an empty directory',
  )
}
