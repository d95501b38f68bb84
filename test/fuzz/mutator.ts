import { decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import { decodeResponse, encodeResponse } from '../../src/kmip/response-message.ts'
import { tagTable } from '../../src/kmip/tags.ts'
import type { Random } from './random.ts'
import { versionAt } from './target.ts'

/** Inputs made from seeds: values, tags, types and lengths changed in place, whole items removed, doubled, moved in from elsewhere. */
export class Mutator {
  readonly #seeds: Seed[]
  readonly #random: Random
  readonly #scratch = Buffer.alloc(256 * 1024)
  /** True when the last input differs from its seed in values only. */
  valuesOnly = false

  constructor(seeds: readonly Buffer[], random: Random) {
    this.#seeds = seeds.map(indexed)
    this.#random = random
  }

  add(input: Buffer): void {
    this.#seeds.push(indexed(input))
  }

  /** The next input: a view of scratch memory, good until the next call. */
  next(): Buffer {
    const random = this.#random
    const seed = random.pick(this.#seeds)
    const scratch = this.#scratch
    scratch.set(seed.bytes)
    let length = seed.bytes.length
    this.valuesOnly = seed.canonical
    if (random.once(200)) return this.#noise()
    for (let n = random.below(3) + (random.once(3) ? 1 : 0); n > 0; n--) this.#changeInPlace(seed)
    if (random.once(3)) {
      this.valuesOnly = false
      length = this.#changeStructure(seed, length)
    }
    return scratch.subarray(0, length)
  }

  #noise(): Buffer {
    this.valuesOnly = false
    const random = this.#random
    const length = random.below(120)
    for (let i = 0; i < length; i++) this.#scratch[i] = random.bits()
    if (random.once(2)) this.#scratch.writeUInt32BE(0x42007801)
    return this.#scratch.subarray(0, length)
  }

  #changeInPlace({ items }: Seed): void {
    const random = this.#random
    const scratch = this.#scratch
    const item = random.pick(items)
    const length = item.next - item.at - 8
    switch (random.below(12)) {
      case 0: // a tag of ours
        this.valuesOnly = false
        scratch.writeUIntBE(random.pick(knownTags), item.at, 3)
        return
      case 1: // another type
        this.valuesOnly = false
        if (random.once(4)) scratch[item.at + 3] = random.once(3) ? random.bits() : 1 + random.below(10)
        return
      case 2: // another length
        this.valuesOnly = false
        if (random.once(4))
          scratch.writeUInt32BE(
            random.once(3) ? random.pick([random.bits(), random.pick(numbers)]) : random.below(length + 24),
            item.at + 4,
          )
        return
      case 3: // another version
        scratch[versionAt] = random.below(6)
        if (scratch[versionAt] !== 4) this.valuesOnly = false
        return
      case 4: // an operation
        if (item.tag === 0x42005c || random.once(2)) {
          this.valuesOnly = false
          const operation = items.find(({ tag }) => tag === 0x42005c)
          if (operation !== undefined) scratch.writeUInt32BE(random.below(46), operation.at + 8)
        }
        return
      case 5: // text that is not ASCII, well-formed or not
        if (item.type === 7 && length >= 8) scratch.write(random.pick(['ü', '€', '\u{1f511}']), item.at + 8)
        if (item.type === 7 && random.once(3) && length > 0)
          scratch[item.at + 8 + random.below(length)] = 0x80 + random.below(0x80)
        return
      case 6: // small numbers and limits
        if (item.type === 2 || item.type === 5 || item.type === 10)
          scratch.writeUInt32BE(random.pick(numbers), item.at + 8)
        return
      default: {
        if (item.type === 1 || length === 0) return
        // a byte of the value, mostly where a number has its own
        const at = item.at + 8 + random.below(item.type === 2 || item.type === 5 ? 4 : length)
        scratch[at] = random.once(2) ? random.bits() : scratch[at]! ^ (1 << random.below(8))
      }
    }
  }

  /** One change of what stands where; lengths of the structures around it follow, mostly. Returns the new length. */
  #changeStructure(seed: Seed, length: number): number {
    const random = this.#random
    const scratch = this.#scratch
    const item = random.pick(seed.items)
    const size = item.next - item.at
    switch (random.below(8)) {
      case 0: // cut off
        return random.below(length + 1)
      case 1: // bytes after it
        scratch.fill(random.bits(), length, length + 16)
        return length + 1 + random.below(16)
      case 2: // remove
        if (item.parent === undefined) return length
        scratch.copyWithin(item.at, item.next, length)
        return this.#resize(item, length, -size)
      case 3: // double
        if (item.parent === undefined || length + size > 65_536) return length
        scratch.copyWithin(item.next, item.at, length)
        return this.#resize(item, length, size)
      case 4: {
        // swap with the item after it
        const after = seed.items.find((other) => other.at === item.next && other.parent === item.parent)
        if (after === undefined) return length
        const first = Buffer.from(scratch.subarray(item.at, item.next))
        scratch.copyWithin(item.at, after.at, after.next)
        scratch.set(first, item.at + after.next - after.at)
        return length
      }
      case 5: {
        // many of it
        const count = 1 + random.below(random.once(50) ? 12_000 : 80)
        if (item.parent === undefined || length + size * count > scratch.length) return length
        scratch.copyWithin(item.next + size * count, item.next, length)
        for (let i = 1; i <= count; i++) scratch.copyWithin(item.next + size * (i - 1), item.at, item.next)
        return this.#resize(item, length, size * count)
      }
      case 6: {
        // nest deeper
        const depth = 1 + random.below(40)
        if (item.parent === undefined) return length
        scratch.copyWithin(item.at + depth * 8, item.at, length)
        for (let i = 0; i < depth; i++) {
          scratch.writeUInt32BE(((random.once(2) ? item.tag : random.pick(knownTags)) * 256 + 1) >>> 0, item.at + i * 8)
          scratch.writeUInt32BE(size + (depth - 1 - i) * 8, item.at + i * 8 + 4)
        }
        return this.#resize(item, length, depth * 8)
      }
      default: {
        // an item of another message, before it or in its stead
        const donor = random.pick(this.#seeds)
        const given = random.pick(donor.items)
        const givenSize = given.next - given.at
        if (item.parent === undefined || length + givenSize > 65_536) return length
        const instead = random.once(2) ? size : 0
        scratch.copyWithin(item.at + givenSize, item.at + instead, length)
        scratch.set(donor.bytes.subarray(given.at, given.next), item.at)
        return this.#resize(item, length, givenSize - instead)
      }
    }
  }

  #resize(item: Item, length: number, by: number): number {
    if (!this.#random.once(20)) {
      for (let parent = item.parent; parent !== undefined; parent = parent.parent) {
        this.#scratch.writeUInt32BE((this.#scratch.readUInt32BE(parent.at + 4) + by) >>> 0, parent.at + 4)
      }
    }
    return length + by
  }
}

interface Seed {
  readonly bytes: Buffer
  /** Written as it was read, so that another value in it must come back too. */
  readonly canonical: boolean
  readonly items: readonly Item[]
}

interface Item {
  readonly at: number
  readonly next: number
  readonly tag: number
  readonly type: number
  readonly parent: Item | undefined
}

const knownTags = [...tagTable.keys(), 0x540001, 0x430001, 0x4202ff]
const numbers = [0, 1, 2, 3, 4, 7, 9, 0x16, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]

/** Where the items of a message are; what is not well-formed ends the list. */
function indexed(input: Buffer): Seed {
  const bytes = Buffer.from(input)
  const items: Item[] = []
  let parent: Item | undefined
  for (let at = 0; at + 8 <= bytes.length;) {
    while (parent !== undefined && at >= parent.next) parent = parent.parent
    const next = at + 8 + ((bytes.readUInt32BE(at + 4) + 7) & ~7)
    if (next > (parent?.next ?? bytes.length) || next <= at) break
    const item: Item = { at, next, tag: bytes.readUIntBE(at, 3), type: bytes[at + 3]!, parent }
    items.push(item)
    if (item.type === 1) {
      parent = item
      at += 8
    } else at = next
  }
  if (items.length === 0) items.push({ at: 0, next: bytes.length, tag: 0, type: 0, parent: undefined })
  return { bytes, canonical: isCanonical(bytes), items }
}

function isCanonical(bytes: Buffer): boolean {
  try {
    const request = decodeRequest(bytes)
    return (
      request.batchItems.every(({ payloadError }) => payloadError === undefined) && encodeRequest(request).equals(bytes)
    )
  } catch {
    // no request that is taken: perhaps an answer
  }
  try {
    return encodeResponse(decodeResponse(bytes)).bytes.equals(bytes)
  } catch {
    return false
  }
}
