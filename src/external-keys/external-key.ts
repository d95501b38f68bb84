import type { Secret, SecretClass } from '../crypto/secret.ts'

/** A key as an outside key wrapped it, with what that key said of itself. */
export interface ExternallyWrapped {
  /** The key's identifier as the provider returned it. */
  readonly keyId: Uint8Array
  readonly mechanism: string
  readonly ciphertext: Uint8Array
}

/** A key that lives outside of the store: in a file, a key service, a hardware module. */
export interface ExternalKey {
  readonly type: string
  /** SHA-256 of the configuration's part that is no secret: tells one such key from another. */
  readonly configurationId: Uint8Array
  /** Wraps `secret`, bound to `context`. */
  wrap(secret: Secret, context: Uint8Array): Promise<ExternallyWrapped>
  /** Opens what `wrap` made for the same `context`. Throws 'seal-failed'. */
  unwrap(wrapped: ExternallyWrapped, context: Uint8Array, secretClass: SecretClass): Promise<Secret>
  /** Ends what is held here of the key: nothing is wrapped or opened after it. */
  wipe(): void
}
