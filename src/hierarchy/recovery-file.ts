import { randomBytes, randomIdentifier } from '../crypto/random.ts'
import { Suite } from '../crypto/aead.ts'
import { secretFromBytes } from '../crypto/secret.ts'
import { recipientOf } from '../crypto/seal-to.ts'
import { hex } from '../hex.ts'
import { KeyAlgorithm, keyBytes, keyContext, type KeyOwner } from './key-record.ts'
import type { WrappingKey } from './root-keys.ts'
import { Purpose, sealRecord } from './wrapped-key.ts'

/** A tenant's way out without us: the Tenant Keys of a system, sealed to a public key of the tenant's own (docs/formats.md). */
export interface RecoveryFile {
  readonly format: 'krypton-recovery/1'
  /** Hex, as all identifiers here. */
  readonly cluster: string
  readonly tenant: string
  readonly system: string
  /** SHA-256 of the recipient's SubjectPublicKeyInfo, hex. */
  readonly recipient: string
  readonly wrapping: 'RSA-OAEP-SHA-256'
  /** The recovery key, base64, and its identifier. */
  readonly wrappedKey: string
  readonly keyId: string
  /** KRW1 of purpose 10 under the recovery key, base64. */
  readonly keys: readonly { readonly version: number; readonly keyId: string; readonly record: string }[]
}

/**
 * Seals the versions of a Tenant Key to the public key in `pem`. They go from slot to record; only the recovery key, which is made for this file, passes through a buffer.
 * @throws KryptonError invalid-field for the public key
 */
export function sealRecoveryFile(
  owner: Required<Pick<KeyOwner, 'cluster' | 'tenant' | 'system'>>,
  versions: Iterable<WrappingKey>,
  pem: string,
): RecoveryFile {
  const recipient = recipientOf(pem)
  const bytes = randomBytes(keyBytes)
  const keyId = randomIdentifier()
  try {
    const recovery = { secret: secretFromBytes(bytes, 'wrapping'), keyId, version: 1, suite: Suite.Xaes256GcmCommitted }
    try {
      const keys = [...versions].map((key) => {
        const place = { key_id: key.keyId, version: key.version }
        const context = keyContext(owner, place, KeyAlgorithm.Aes, recoveryText)
        const record = sealRecord(Purpose.Export, recovery, context, key.secret)
        return { version: key.version, keyId: hex(key.keyId), record: record.toString('base64') }
      })
      return {
        format: 'krypton-recovery/1',
        cluster: hex(owner.cluster),
        tenant: hex(owner.tenant),
        system: hex(owner.system),
        recipient: hex(recipient.fingerprint),
        wrapping: 'RSA-OAEP-SHA-256',
        wrappedKey: recipient.encrypt(bytes).toString('base64'),
        keyId: hex(keyId),
        keys,
      }
    } finally {
      recovery.secret.wipe()
    }
  } finally {
    bytes.fill(0)
  }
}

const recoveryText = Buffer.from('recovery')
