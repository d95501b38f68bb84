import { createHmac } from 'node:crypto'
import { handleOf, revealTo, SlotSecret } from './key-material.ts'
import type { Label } from './labels.ts'
import { classNumbers, nativeAddon } from './native.ts'
import { ownBuffer } from './own-buffer.ts'
import { adoptSecret, type Secret } from './secret.ts'

const labelPrefix = 'krypton/v1/'

/** Derives the key of 32 bytes that `label` and `context` name. The class of the result is the caller's choice of use. */
export function deriveSecret(
  key: Secret,
  label: Label,
  context: Uint8Array,
  secretClass: 'wrapping' | 'system',
): Secret {
  const labelBytes = Buffer.from(labelPrefix + label)
  const handle = handleOf(key)
  if (handle === undefined) return adoptSecret(counterMode(key, labelBytes, context, 32), secretClass)
  const addon = nativeAddon()!
  const derived = addon.deriveSecret(handle, labelBytes, context, classNumbers[secretClass])
  return new SlotSecret(addon, derived, secretClass, 32)
}

/** Derives 16 public bytes that name a key without telling it. */
export function deriveIdentifier(key: Secret, label: IdentifierLabel, context: Uint8Array): Buffer {
  const labelBytes = Buffer.from(labelPrefix + label)
  const handle = handleOf(key)
  if (handle === undefined) return counterMode(key, labelBytes, context, 16)
  const identifier = Buffer.alloc(16)
  nativeAddon()!.deriveIdentifier(handle, labelBytes, context, identifier, 0)
  return identifier
}

/** Labels of what is public. The addon knows them by their end: nothing else leaves a key that is in a slot. */
export type IdentifierLabel = Extract<Label, `${string}-id`>

/**
 * The KDF into a buffer that the caller wipes. Throws a TypeError for a key of another class than `object`: what comes of those is a
 * secret (`deriveSecret`).
 */
export function deriveWithHmac(key: Secret, label: Uint8Array, context: Uint8Array, bytes: number): Buffer {
  if (key.secretClass !== 'object') {
    throw new TypeError(`nothing is derived into a buffer from a key of class ${key.secretClass}`)
  }
  const handle = handleOf(key)
  if (handle === undefined) return counterMode(key, label, context, bytes)
  const derived = ownBuffer(bytes)
  nativeAddon()!.deriveBytes(handle, label, context, derived)
  return derived
}

/**
 * SP 800-108r1 §4.1, KDF in counter mode, PRF HMAC-SHA-256, r = 32: the blocks
 * HMAC(key, u32 i ‖ label ‖ 0 ‖ context ‖ u32 length in bits), cut to `bytes`.
 */
function counterMode(key: Secret, label: Uint8Array, context: Uint8Array, bytes: number): Buffer {
  const derived = ownBuffer(bytes)
  const input = Buffer.alloc(4 + label.byteLength + 1 + context.byteLength + 4)
  input.set(label, 4)
  input.set(context, 4 + label.byteLength + 1)
  input.writeUInt32BE(bytes * 8, input.byteLength - 4)
  const keyObject = revealTo(key).keyObject()
  for (let offset = 0, i = 1; offset < bytes; offset += 32, i++) {
    input.writeUInt32BE(i, 0)
    const block = createHmac('sha256', keyObject).update(input).digest()
    block.copy(derived, offset)
    block.fill(0)
  }
  return derived
}
