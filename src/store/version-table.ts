/**
 * Counters that threads share to know that what they remember is still what the store holds. The writer moves a row's slot after
 * the change is durable and before anybody is told; a cache keeps the slot's value as it was *before* the row was read, and its
 * entry is good while the slot has that value. Two identifiers or tokens may share a slot: then a change of one makes the other be read again.
 */
export class VersionTable {
  /** What the table lives in: hand it to other threads. */
  readonly memory: SharedArrayBuffer
  readonly #slots: Int32Array

  constructor(
    memory: SharedArrayBuffer = new SharedArrayBuffer((identifierSlots + namedSlots) * Int32Array.BYTES_PER_ELEMENT),
  ) {
    this.memory = memory
    this.#slots = new Int32Array(memory)
  }

  /** The slot of an object's, tenant's or other identifier of 16 random bytes. */
  slotOf(id: Uint8Array): number {
    return (id[0]! << 8) | id[1]!
  }

  /** The slot of an index token: 4 bytes of version, then 16 that are as good as random. */
  slotOfToken(token: Uint8Array): number {
    return (token[4]! << 8) | token[5]!
  }

  read(slot: number): number {
    return Atomics.load(this.#slots, slot)
  }

  /** Makes everything remembered under `slot` stale. It wraps around after 2^32 changes. */
  bump(slot: number): void {
    Atomics.add(this.#slots, slot, 1)
  }
}

const identifierSlots = 2 ** 16
const namedSlots = 3

/** Slots with a meaning of their own. */
export const VersionSlot = {
  /** Moved by every change of tenants, authorities and clients: who is trusted. */
  trust: identifierSlots,
  /** Moved by every change in the section `keys`. */
  keys: identifierSlots + 1,
  /** Moved by every unit: whoever looks after what is remembered need not look when nothing has changed. */
  any: identifierSlots + 2,
} as const
