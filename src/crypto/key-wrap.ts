import { createCipheriv, createDecipheriv } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { handleOf, revealTo, SlotSecret } from './key-material.ts'
import { classNumbers, nativeAddon } from './native.ts'
import { adoptSecret, type Secret, type SecretClass } from './secret.ts'

/** AES key wrap without padding (RFC 3394, NIST SP 800-38F KW) or with it (RFC 5649, KWP). */
export type KeyWrap = 'kw' | 'kwp'

/**
 * Wraps `secret` under an AES key of 16, 24 or 32 bytes. Without padding the secret has 16 bytes or more, a multiple of 8; with it
 * at least one. Throws 'unsupported-cryptographic-parameters' for lengths that the form does not have.
 */
export function wrapKey(form: KeyWrap, key: Secret, secret: Secret): Buffer {
  checkKey(key)
  if (key.secretClass === 'object' && secret.secretClass !== 'object') {
    throw new TypeError(`a key that can be copied out wraps no secret of class ${secret.secretClass}`)
  }
  const { byteLength } = secret
  if (form === 'kw' ? byteLength < 16 || byteLength % 8 !== 0 : byteLength === 0) {
    throw new KryptonError(
      'unsupported-cryptographic-parameters',
      'AES key wrap without padding takes keys of 16 bytes or more, a multiple of 8: use key wrap with padding',
    )
  }
  const handle = handleOf(key)
  const secretHandle = handleOf(secret)
  if (handle !== undefined && secretHandle !== undefined) {
    const target = Buffer.allocUnsafe(byteLength + wrapBytesMax)
    return target.subarray(0, nativeAddon()!.wrapKey(padded[form], handle, secretHandle, target))
  }
  const cipher = createCipheriv(cipherOf(form, key), revealTo(key).keyObject(), initialValues[form])
  const wrapped = revealTo(secret).withBytes((bytes) => cipher.update(bytes))
  cipher.final()
  return wrapped
}

/** Opens what `wrapKey` made. Throws 'cryptographic-failure' for every reason alike. */
export function unwrapKey(form: KeyWrap, key: Secret, wrapped: Uint8Array, secretClass: SecretClass): Secret {
  checkKey(key)
  // OpenSSL takes nothing at all for a wrapped key.
  if (wrapped.byteLength < (form === 'kw' ? 24 : 16) || wrapped.byteLength % 8 !== 0) throw failure()
  const handle = handleOf(key)
  if (handle !== undefined) {
    const addon = nativeAddon()!
    const opened = addon.unwrapKey(padded[form], handle, wrapped, classNumbers[secretClass])
    if (opened === 0) throw failure()
    return new SlotSecret(addon, opened, secretClass, addon.secretLength(opened))
  }
  const decipher = createDecipheriv(cipherOf(form, key), revealTo(key).keyObject(), initialValues[form])
  let bytes: Buffer
  try {
    bytes = decipher.update(wrapped)
    decipher.final()
  } catch {
    throw failure()
  }
  return adoptSecret(bytes, secretClass)
}

function checkKey({ byteLength }: Secret): void {
  if (byteLength === 16 || byteLength === 24 || byteLength === 32) return
  throw new KryptonError('unsupported-cryptographic-parameters', 'AES key wrap needs a key of 128, 192 or 256 bits')
}

function cipherOf(form: KeyWrap, key: Secret): string {
  return `id-aes${key.byteLength * 8}-wrap${form === 'kwp' ? '-pad' : ''}`
}

function failure(): KryptonError {
  return new KryptonError('cryptographic-failure', 'the wrapped key does not open: check it and the key that wraps it')
}

const padded = { kw: 0, kwp: 1 } as const

/** RFC 3394 section 2.2.3.1, RFC 5649 section 3. */
const initialValues = { kw: Buffer.alloc(8, 0xa6), kwp: Buffer.from('a65959a6', 'hex') } as const

/** Of the addon (`native/key-wrap.h`): what wrapping adds at most. */
const wrapBytesMax = 15
