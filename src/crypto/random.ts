import { openSync, readSync } from 'node:fs'
import { KryptonError } from '../errors.ts'
import { type NativeAddon, nativeAddon } from './native.ts'
import { ownBuffer } from './own-buffer.ts'

/**
 * Random bytes from a device of the kernel, read afresh on every call. OpenSSL's generator, behind `node:crypto`, lives in
 * process memory and repeats itself when a virtual machine is cloned; the kernel's is told of the clone.
 */
export class RandomSource {
  readonly #path: string
  #descriptor: number | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** `count` fresh bytes in a buffer of their own. Throws 'random-failed' when the device gives none. */
  bytes(count: number): Buffer {
    const bytes = ownBuffer(count)
    try {
      this.#descriptor ??= openSync(this.#path, 'r')
      for (let filled = 0; filled < count;) {
        const read = readSync(this.#descriptor, bytes, filled, count - filled, null)
        if (read === 0) throw new Error('the device ended')
        filled += read
      }
    } catch (cause) {
      throw new KryptonError(
        'random-failed',
        `no random bytes from ${this.#path}: check that the device exists and can be read`,
        { cause },
      )
    }
    return bytes
  }
}

const kernel = new RandomSource('/dev/urandom')

/** `count` random bytes for keys, nonces and identifiers, unpooled, owned by the caller. Throws 'random-failed'. */
export function randomBytes(count: number): Buffer {
  const addon = nativeAddon()
  if (addon === undefined) return kernel.bytes(count)
  const bytes = ownBuffer(count)
  fillFromAddon(addon, bytes, 0, count)
  return bytes
}

/** Puts `count` random bytes into `target` at `offset`. Throws 'random-failed'. */
export function fillRandom(target: Uint8Array, offset: number, count: number): void {
  const addon = nativeAddon()
  if (addon === undefined) target.set(kernel.bytes(count), offset)
  else fillFromAddon(addon, target, offset, count)
}

/**
 * Before OpenSSL makes a key by its own generator, which lives in process memory: it is seeded anew with the kernel's bytes, so that a machine that was cloned makes
 * another key. Without the addon there is no way to say so: OpenSSL takes the kernel's bytes when it begins and when it thinks fit. Throws 'random-failed'.
 */
export function seedOpenSsl(): void {
  const addon = nativeAddon()
  if (addon !== undefined) fromKernel(() => addon.seedOpenSsl())
}

function fillFromAddon(addon: NativeAddon, target: Uint8Array, offset: number, count: number): void {
  fromKernel(() => addon.fillRandom(target, offset, count))
}

function fromKernel(take: () => void): void {
  try {
    take()
  } catch (cause) {
    throw new KryptonError(
      'random-failed',
      'no random bytes from getrandom(2): check the kernel and its seccomp filter',
      {
        cause,
      },
    )
  }
}

/** `count` random bytes that are no secret, for an IV or a nonce, in Node's pool: without a buffer of their own. Throws 'random-failed'. */
export function randomNonce(count: number): Buffer {
  const nonce = Buffer.allocUnsafe(count)
  fillRandom(nonce, 0, count)
  return nonce
}

/** A random identifier of 16 bytes. */
export function randomIdentifier(): Buffer {
  return randomBytes(16)
}
