import { Suite } from '../crypto/aead.ts'
import { deriveIdentifier, deriveSecret, type IdentifierLabel } from '../crypto/kdf.ts'
import { type Label, labels } from '../crypto/labels.ts'
import { hmac } from '../crypto/mac.ts'
import type { Secret } from '../crypto/secret.ts'
import type { WrappingKey } from './root-keys.ts'

/** What is derived from a MasterKey. The MasterKey itself wraps nothing and is let go once these are made. */
export interface MasterKeys {
  /** Wraps the IVKs. */
  readonly wrapIvk: WrappingKey
  /** Wraps the system integrity keys. */
  readonly wrapSystem: WrappingKey
  /** Authenticates seal blobs. */
  readonly sealMac: Secret
  /** 32 public bytes that tell this MasterKey from another: HMAC-SHA-256 of lv(cluster) ‖ u32 epoch. */
  readonly verifier: Buffer
}

/** Derives the keys of a MasterKey of 32 bytes in its epoch. */
export function deriveMasterKeys(masterKey: Secret, cluster: Uint8Array, epoch: number): MasterKeys {
  const context = derivationContext(epoch, cluster)
  const wrapping = (label: Label, idLabel: IdentifierLabel): WrappingKey => ({
    secret: deriveSecret(masterKey, label, context, 'wrapping'),
    keyId: deriveIdentifier(masterKey, idLabel, context),
    version: epoch,
    suite: Suite.Xaes256Gcm,
  })
  const verifying = deriveSecret(masterKey, labels.verifier, context, 'system')
  try {
    return {
      wrapIvk: wrapping(labels.wrapIvk, labels.wrapIvkId),
      wrapSystem: wrapping(labels.wrapSystem, labels.wrapSystemId),
      sealMac: deriveSecret(masterKey, labels.sealMac, context, 'system'),
      verifier: hmac('sha256', verifying, context),
    }
  } finally {
    verifying.wipe()
  }
}

/** Context of every derivation from a stored key: lv of each part, then the key's version. */
export function derivationContext(version: number, ...parts: readonly Uint8Array[]): Buffer {
  const context = Buffer.alloc(parts.reduce((bytes, part) => bytes + 2 + part.byteLength, 4))
  let at = 0
  for (const part of parts) {
    at = context.writeUInt16BE(part.byteLength, at)
    context.set(part, at)
    at += part.byteLength
  }
  context.writeUInt32BE(version, at)
  return context
}
