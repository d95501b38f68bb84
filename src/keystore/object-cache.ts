import { LRUCache } from 'lru-cache'
import { limits } from '../limits.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { VersionTable } from '../store/version-table.ts'

interface Entry {
  readonly object: ManagedObject
  readonly slot: number
  readonly version: number
}

/**
 * Objects whose rows were verified, by service and Unique Identifier. An entry carries the value that the object's slot of the version table
 * had before its row was read, and is good while the slot has it: so a change in any thread is seen at once, and no entry is ever
 * told to go. Records in it are wrapped; there is no key here.
 */
export class ObjectCache {
  readonly #versions: VersionTable
  readonly #entries = new LRUCache<string, Entry>({
    max: limits.cachedObjectsMax,
    maxSize: limits.cachedObjectBytesMax,
    sizeCalculation: ({ object }) =>
      entryBytes + object.fields.record.byteLength + attributesFactor * object.encodedAttributes.byteLength,
  })

  constructor(versions: VersionTable) {
    this.#versions = versions
  }

  get(key: string): ManagedObject | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    return this.#versions.read(entry.slot) === entry.version ? entry.object : undefined
  }

  /** Where the slot stands: to be asked before the row is read. */
  versionOf(id: Buffer): { slot: number; version: number } {
    const slot = this.#versions.slotOf(id)
    return { slot, version: this.#versions.read(slot) }
  }

  set(key: string, object: ManagedObject, { slot, version }: { slot: number; version: number }): void {
    this.#entries.set(key, { object, slot, version })
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}

/** Entry, object and its fields, measured on Node 24. */
const entryBytes = 700

/** Decoded attributes are kept beside the encoded ones, about three times as large. */
const attributesFactor = 4
