import type { ErrorCode } from '../errors.ts'
import type { Secret, SecretClass } from '../crypto/secret.ts'

/** A key as an outside key wrapped it, with what that key said of itself. */
export interface ExternallyWrapped {
  /** The key's identifier, with its version where it has versions, as the provider returned it. */
  readonly keyId: Uint8Array
  readonly mechanism: string
  readonly ciphertext: Uint8Array
}

/** What a provider says of a key that it answers for. That it does not answer is no state of the key: see `ExternalKeyRefusal`. */
export interface ExternalKeyStatus {
  /** `disabled`: its owner has switched it off and may switch it on again. `deleted`: it is gone, or its deletion is scheduled. */
  readonly state: 'enabled' | 'disabled' | 'deleted'
  /** What `wrap` would give as `keyId` now: another one than a wrapped key carries says that the outside key was rotated since. Undefined where it is not told. */
  readonly keyId: Uint8Array | undefined
}

/**
 * A key that lives outside of the store: in a file, a key service, a hardware module. One interface for seals and for the keys of tenants (L1).
 *
 * Every call that goes over a network ends within `limits.externalKeyMs`, whatever the other side does, and is refused with one of `externalKeyRefusals`. No
 * message carries a credential, a ciphertext or what the provider's answer had in its body.
 */
export interface ExternalKey {
  /** Name of the kind of provider: `static`, `openbao`. */
  readonly type: string
  /** SHA-256 of the configuration's part that is no secret: tells one such key from another. */
  readonly configurationId: Uint8Array
  /** Wraps `secret`, bound to `context`. The secret stays the caller's. */
  wrap(secret: Secret, context: Uint8Array): Promise<ExternallyWrapped>
  /**
   * Opens what `wrap` made for the same `context`, by a real decryption each time: nothing is remembered here.
   * @throws KryptonError external-key-mismatch: this key has not wrapped it, not for this context, or it was changed
   */
  unwrap(wrapped: ExternallyWrapped, context: Uint8Array, secretClass: SecretClass): Promise<Secret>
  /** What the provider says of the key now. */
  status(): Promise<ExternalKeyStatus>
  /** Ends what is held here of the key, its credentials too: nothing is wrapped or opened after it. */
  wipe(): void
}

/**
 * Why a key outside did not do what it was asked. The first four are its owner's word: what hangs on the key is served no more. The last two say nothing of the
 * key, and are tried again.
 */
export const externalKeyRefusals = [
  // Its owner has switched it off.
  'external-key-disabled',
  // We may not use it: the credentials are not known there, have ended, or have no right to it.
  'external-key-denied',
  // It is deleted or was never there.
  'external-key-not-found',
  // It opens something else than what it has wrapped.
  'external-key-mismatch',
  // No answer in time, no connection, an answer that is none, a failure of the provider's own.
  'external-key-unreachable',
  // The provider asks to come back later.
  'external-key-throttled',
] as const satisfies readonly ErrorCode[]
export type ExternalKeyRefusal = (typeof externalKeyRefusals)[number]

/** True for the code of such a refusal. */
export function isExternalKeyRefusal(code: ErrorCode): code is ExternalKeyRefusal {
  return (externalKeyRefusals as readonly ErrorCode[]).includes(code)
}

/** Which key at which provider, for `ExternalKeyProvider.open`. */
export interface ExternalKeyReference {
  /** Name of the key at its provider. */
  readonly key: string
  /** The provider's settings by name, none of them a secret. */
  readonly settings: Readonly<Record<string, string>>
  /** What authenticates us there, of no length where nothing does. Whoever opens copies what it keeps into a `Secret` or a buffer of its own, which `wipe` overwrites. */
  readonly credentials: Uint8Array
}

/** A kind of outside key that a tenant can link as its L1. */
export interface ExternalKeyProvider {
  readonly type: string
  /** Names of its settings, each with what it says, for people. A reference has no others. */
  readonly settings: Readonly<Record<string, { readonly required: boolean; readonly description: string }>>
  /** True for one that only tests and development servers may link. */
  readonly developmentOnly: boolean
  /**
   * The key that is referred to. Nothing is asked of the provider yet.
   * @throws KryptonError invalid-field: a setting, the key's name or the credentials cannot be meant so; the message says what to send
   */
  open(reference: ExternalKeyReference): ExternalKey
}
