import { LRUCache } from 'lru-cache'
import type { TenantKeys } from '../hierarchy/key-chain.ts'
import { limits } from '../limits.ts'
import type { IndexValue } from '../objects/index-values.ts'
import type { VersionTable } from '../store/version-table.ts'

interface Entry {
  /** The number of the keys with whose token the index was asked: with others it is asked for another one. */
  readonly keys: number
  readonly identifiers: readonly string[]
  readonly slot: number
  readonly version: number
}

/**
 * Which objects the index holds for a value, where they are few: a client asks for the same names again and again. An entry carries the value that the
 * token's slot of the version table had before the index was asked, and is good while the slot has it, as in `ObjectCache`. One for each thread.
 * Replaces the token's HMAC and a question to the store, 10 µs together (bench cost, Locate).
 */
export class IndexAnswers {
  readonly #versions: VersionTable
  readonly #entries = new LRUCache<string, Entry>({ max: limits.indexAnswersMax })
  /** An entry that had the keys themselves would keep them in memory after everybody else has let go of them. */
  readonly #numbers = new WeakMap<TenantKeys, number>()
  #count = 0

  constructor(versions: VersionTable) {
    this.#versions = versions
  }

  /** `service` is a number that one service has. */
  get(service: number, value: IndexValue, keys: TenantKeys): readonly string[] | undefined {
    if (value.bytes.byteLength > limits.indexAnswerValueBytesMax) return undefined
    const entry = this.#entries.get(nameOf(service, value))
    if (entry === undefined || entry.keys !== this.#numbers.get(keys)) return undefined
    return this.#versions.read(entry.slot) === entry.version ? entry.identifiers : undefined
  }

  /** Where the slot of a token stands: to be asked before the index is. */
  versionOf(token: Uint8Array): { slot: number; version: number } {
    const slot = this.#versions.slotOfToken(token)
    return { slot, version: this.#versions.read(slot) }
  }

  set(
    service: number,
    value: IndexValue,
    keys: TenantKeys,
    { identifiers, slot, version }: Pick<Entry, 'identifiers' | 'slot' | 'version'>,
  ): void {
    if (value.bytes.byteLength > limits.indexAnswerValueBytesMax) return
    this.#entries.set(nameOf(service, value), { keys: this.#numberOf(keys), identifiers, slot, version })
  }

  #numberOf(keys: TenantKeys): number {
    const known = this.#numbers.get(keys)
    if (known !== undefined) return known
    const number = this.#count++
    this.#numbers.set(keys, number)
    return number
  }
}

function nameOf(service: number, { attribute, bytes }: IndexValue): string {
  return `${service}:${attribute}\0${bytes.toString('latin1')}`
}
