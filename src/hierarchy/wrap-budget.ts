import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { retrying } from '../store/retrying.ts'
import type { Store } from '../store/store.ts'
import { Suite } from '../crypto/aead.ts'
import { hex } from '../hex.ts'
import type { WrappingKey } from './root-keys.ts'
import type { RowKeys } from './row-mac.ts'

/**
 * Counts what a key wraps, so that it never wraps more than its suite bears. A block of uses is made durable before the first of them: a crash wastes what is left of it and never counts too little, however
 * many processes wrap.
 */
export class WrapBudget {
  readonly #store: Store
  readonly #keys: () => RowKeys
  /** Uses of a block that are left to this process, by the key's identifier in hex. */
  readonly #left = new Map<string, number>()

  constructor(store: Store, keys: () => RowKeys) {
    this.#store = store
    this.#keys = keys
  }

  /**
   * Takes `count` uses of `key`.
   * @throws KryptonError wrong-key-lifecycle-state: the key has wrapped as much as it may
   */
  async take(key: WrappingKey, count: number): Promise<void> {
    const name = hex(key.keyId)
    while ((this.#left.get(name) ?? 0) < count) {
      const block = await retrying(() => this.#reserve(key, count))
      this.#left.set(name, (this.#left.get(name) ?? 0) + block)
    }
    this.#left.set(name, this.#left.get(name)! - count)
  }

  async #reserve({ keyId, suite, version }: WrappingKey, count: number): Promise<number> {
    const key_id = Buffer.from(keyId)
    const keys = this.#keys()
    const row = await this.#store.get('wrap_budgets', { key_id })
    if (row !== undefined) keys.verifyRow('wrap_budgets', row)
    const before = row?.reserved ?? 0
    const block = Math.min(Math.max(limits.wrapBlock, count), wrapsMax(suite) - before)
    if (block < count) {
      throw new KryptonError(
        'wrong-key-lifecycle-state',
        `version ${version} of the IVK has wrapped as much as its suite bears: rotate it, krypton key rotate ivk`,
      )
    }
    const next = { key_id, reserved: before + block, row_version: (row?.row_version ?? 0) + 1 }
    const signed = { ...next, mac: keys.macRow('wrap_budgets', next) }
    const change =
      row === undefined
        ? ({ table: 'wrap_budgets', kind: 'insert', row: signed } as const)
        : ({ table: 'wrap_budgets', kind: 'update', row: signed, expectedVersion: row.row_version } as const)
    await this.#store.commit({ section: 'keys', changes: [change], audit: [] })
    return block
  }
}

/** How many records one key may wrap in a suite: beyond, random nonces of AES-256-GCM might repeat. */
export function wrapsMax(suite: number): number {
  return suite === Suite.Aes256Gcm ? limits.wrapsOfShortNonceMax : limits.wrapsOfLongNonceMax
}
