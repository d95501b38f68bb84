import { randomBytes as openSslBytes } from 'node:crypto'
import { nativeAddon } from '../../src/crypto/native.ts'
import { RandomSource } from '../../src/crypto/random.ts'
import { KryptonError } from '../../src/errors.ts'
import { WrapBudget, wrapsMax } from '../../src/hierarchy/wrap-budget.ts'

/** What a process is planted with that must be found. */
export const defects = ['keeps random bytes', 'asks OpenSSL', 'counts in its thread'] as const
export type NonceDefect = (typeof defects)[number]

/** Puts a defect into this thread, before anything is drawn or wrapped. */
export function plant(defect: string | undefined): void {
  const known = defects.find((name) => name === defect)
  if (known !== undefined) planted[known]()
}

const poolBytes = 64 * 1024

const planted: Readonly<Record<NonceDefect, () => void>> = {
  // Fewer calls of the kernel, and a process that was forked has the same bytes before it as its parent.
  'keeps random bytes': () => {
    const drawn = drawFromPool()
    const addon = nativeAddon()
    if (addon !== undefined) addon.fillRandom = (target, offset, count) => target.set(drawn(count), offset)
    RandomSource.prototype.bytes = (count) => Buffer.from(drawn(count))
  },
  'asks OpenSSL': () => {
    const addon = nativeAddon()
    if (addon !== undefined) {
      addon.generateSecret = (secretClass, count) => addon.secretFromBytes(secretClass, openSslBytes(count))
      addon.fillRandom = (target, offset, count) => target.set(openSslBytes(count), offset)
    }
    RandomSource.prototype.bytes = (count) => openSslBytes(count)
  },
  'counts in its thread': () => {
    const taken = new Map<string, number>()
    WrapBudget.prototype.take = async ({ keyId, suite }, count) => {
      const name = Buffer.from(keyId).toString('hex')
      const next = (taken.get(name) ?? 0) + count
      if (next > wrapsMax(suite)) throw new KryptonError('wrong-key-lifecycle-state', 'planted: used up')
      taken.set(name, next)
    }
  },
}

function drawFromPool(): (count: number) => Uint8Array {
  const pool = Buffer.alloc(poolBytes)
  let at = poolBytes
  return (count) => {
    if (at + count > poolBytes) {
      pool.set(openSslBytes(poolBytes))
      at = 0
    }
    at += count
    return pool.subarray(at - count, at)
  }
}
