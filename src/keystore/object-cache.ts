import { LRUCache } from 'lru-cache'
import { limits } from '../limits.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { VersionTable } from '../store/version-table.ts'

interface Entry {
  /** Whose the object is: a number that one service has. */
  readonly service: number
  readonly object: ManagedObject
  readonly slot: number
  readonly version: number
}

/**
 * Objects whose rows were verified, by Unique Identifier; nobody but the service that has it gets one. An entry carries the value that the object's slot of the version table
 * had before its row was read, and is good while the slot has it: so a change in any thread is seen at once, and no entry is ever
 * told to go. Records in it are wrapped; there is no key here.
 */
export class ObjectCache {
  readonly #versions: VersionTable
  readonly #entries = new LRUCache<string, Entry>({
    maxSize: limits.cachedObjectBytesMax,
    sizeCalculation: ({ object }) =>
      entryBytes + object.fields.record.byteLength + attributesFactor * object.encodedAttributes.byteLength,
  })

  constructor(versions: VersionTable) {
    this.#versions = versions
  }

  get(service: number, uniqueIdentifier: string): ManagedObject | undefined {
    const entry = this.#entries.get(uniqueIdentifier)
    if (entry === undefined || entry.service !== service) return undefined
    return this.#versions.read(entry.slot) === entry.version ? entry.object : undefined
  }

  /** Where the slot stands: to be asked before the row is read. */
  versionOf(id: Buffer): { slot: number; version: number } {
    const slot = this.#versions.slotOf(id)
    return { slot, version: this.#versions.read(slot) }
  }

  set(service: number, object: ManagedObject, { slot, version }: { slot: number; version: number }): void {
    this.#entries.set(object.uniqueIdentifier, { service, object, slot, version })
  }

  delete(service: number, uniqueIdentifier: string): void {
    if (this.#entries.peek(uniqueIdentifier)?.service === service) this.#entries.delete(uniqueIdentifier)
  }
}

/** Entry, object, its fields, and the buffers of its record and attributes, measured on Node 24. */
const entryBytes = 1_400

/** Decoded attributes are kept beside the encoded ones once somebody has asked for them, and are five times as large: 3.1 KB of 639 bytes. */
const attributesFactor = 6
