import type { Clock } from '../clock.ts'
import { ownBuffer } from '../crypto/own-buffer.ts'
import { randomBytes } from '../crypto/random.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { limits, placement } from '../limits.ts'

/** An operation that takes its data in parts: a cipher, a MAC or a hash under way. Whoever has begun one ends it. */
export interface StreamWork {
  /** What is ready so far, if anything; it is the caller's. */
  update(data: Uint8Array): Buffer | undefined
  final(): MaybePromise<StreamEnd>
  /** Ends it with nothing let out; a second time it does nothing. */
  wipe(): void
  /** How many times as long as AES-CBC it takes over the same data; 1 where it is not said. */
  readonly slowness?: number
  /** Bytes of data that it keeps; undefined for one that keeps none. */
  readonly keptBytes?: number
}

export interface StreamEnd {
  readonly data?: Buffer
  readonly tag?: Buffer
}

/** Whose stream it is and for what: a part that differs in any of these finds nothing. */
export interface StreamPlace {
  /** The client's identifier: streams belong to a client, whatever connection it comes by. */
  readonly client: string
  readonly operation: number
  /** Unique Identifier of the key; empty where there is none. */
  readonly object: string
}

/** What a stream begins with. `memo` comes back with its end, and may have to go to another thread. */
export interface StreamStart extends StreamPlace {
  readonly tenant: string
  readonly work: StreamWork
  readonly memo: unknown
  /** Cryptographic Parameters as they were sent, to be told from others. */
  readonly parameters: string | undefined
  /** Throws, or rejects, when the key may not be used so any more. */
  readonly recheck: () => MaybePromise<void>
}

/** A part of a stream: it can go to another thread. */
export interface StreamPart extends StreamPlace {
  readonly correlationValue: Uint8Array
  readonly data: Uint8Array | undefined
  readonly parameters: string | undefined
  /** MAC Data or Signature Data, in whatever part they come. */
  readonly expected: Uint8Array | undefined
  readonly isFinal: boolean
}

export interface PartAnswer extends StreamEnd {
  readonly memo: unknown
  readonly expected: Uint8Array | undefined
}

/** The streams of other threads, by the number of the thread. */
export interface StreamsOfOthers {
  part(thread: number, part: StreamPart): Promise<PartAnswer>
  end(thread: number, place: StreamPlace, correlationValue: Uint8Array): void
}

/**
 * Operations that take their data in parts (KMIP 1.4 sections 2.1.15 to 2.1.17 and 4), those that began in this thread. Each is its client's alone, for one
 * key and operation, bounded in number, bytes and time, and ends with the first part that fails. Its Correlation Value names the thread that has it: a
 * part that comes to another one is handed over.
 */
export class Streams {
  readonly #thread: number
  readonly #clock: Clock
  readonly #others: StreamsOfOthers | undefined
  readonly #entries = new Map<string, Entry>()
  /** What each client and each tenant has. */
  readonly #held = new Map<string, Held>()
  readonly #total: Held = { streams: 0, bytes: 0 }
  #sweeping: NodeJS.Timeout | undefined

  constructor(thread: number, clock: Clock, others?: StreamsOfOthers) {
    this.#thread = thread
    this.#clock = clock
    this.#others = others
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Takes over a stream's work and gives its Correlation Value.
   * @throws KryptonError overloaded: the client, its tenant or the thread has too many; the work is wiped
   */
  begin(start: StreamStart): Buffer {
    const held = [this.#total, this.#heldBy(`client ${start.client}`), this.#heldBy(`tenant ${start.tenant}`)]
    const most = [limits.streamsMax, limits.streamsPerClientMax, limits.streamsPerTenantMax]
    if (held.some(({ streams }, i) => streams >= most[i]!)) {
      start.work.wipe()
      this.#forgetUnheld()
      throw new KryptonError('overloaded', 'Finish operations in parts that you have begun: there are too many at once')
    }
    for (const one of held) one.streams++
    const correlationValue = randomBytes(correlationBytes)
    correlationValue.writeUInt32BE(this.#thread)
    const nowMs = this.#clock.monotonic()
    const entry = { ...start, held, bytes: 0, begunMs: nowMs, usedMs: nowMs, expected: undefined, turn: undefined }
    this.#entries.set(keyOf(correlationValue), entry)
    this.#sweeping ??= setInterval(() => this.sweep(), limits.streamSweepMs).unref()
    return correlationValue
  }

  /**
   * Feeds a part to its stream, in whichever thread that is.
   * @throws KryptonError item-not-found, and what the work throws; the stream has ended then
   */
  part(part: StreamPart): MaybePromise<PartAnswer> {
    const thread = threadOf(part.correlationValue)
    if (thread === this.#thread) return this.ownPart(part)
    if (this.#others === undefined || thread === undefined) throw noSuchStream()
    return this.#others.part(thread, part)
  }

  /** `part` for a stream of this thread, for whoever asks. */
  ownPart(part: StreamPart): MaybePromise<PartAnswer> {
    const entry = this.#find(part, part.correlationValue)
    if (entry.turn !== undefined) return entry.turn.then(() => this.ownPart(part))
    entry.usedMs = this.#clock.monotonic()
    const key = keyOf(part.correlationValue)
    try {
      if (part.parameters !== undefined && part.parameters !== entry.parameters) {
        throw new KryptonError('invalid-field', 'Leave out Cryptographic Parameters, or send those of the first part')
      }
      if (part.expected !== undefined) entry.expected = Buffer.from(part.expected)
      const { data = nothing } = part
      this.#checkRoom(entry, data.byteLength)
      if (data.byteLength > sliceBytes(entry.work)) return this.#inTurns(key, entry, part)
      return this.#answer(key, entry, entry.work.update(data), part.isFinal)
    } catch (error) {
      this.#end(key)
      throw error
    }
  }

  /** Ends a stream, in whichever thread it is; one that is not that client's, or has ended, is let be. */
  end(place: StreamPlace, correlationValue: Uint8Array): void {
    const thread = threadOf(correlationValue)
    if (thread === this.#thread) this.endOwn(place, correlationValue)
    else if (thread !== undefined) this.#others?.end(thread, place, correlationValue)
  }

  endOwn(place: StreamPlace, correlationValue: Uint8Array): void {
    const key = keyOf(correlationValue)
    const entry = this.#entries.get(key)
    if (entry !== undefined && isOf(entry, place)) this.#end(key)
  }

  /** Ends the streams that nobody has used for long, and those whose key may not be used any more. */
  sweep(): void {
    const nowMs = this.#clock.monotonic()
    for (const [key, entry] of this.#entries) {
      const isOver = nowMs - entry.usedMs > limits.streamIdleMs || nowMs - entry.begunMs > limits.streamMs
      if (isOver) this.#end(key)
      else void this.#recheck(key, entry)
    }
    if (this.#entries.size === 0) this.#stopSweeping()
  }

  /** Ends and wipes those of a tenant, named as where they begin: its keys were destroyed. */
  endOf(tenant: string): void {
    for (const [key, entry] of this.#entries) if (entry.tenant === tenant) this.#end(key)
  }

  /** Ends and wipes all of them. */
  clear(): void {
    for (const key of this.#entries.keys()) this.#end(key)
    this.#stopSweeping()
  }

  async #recheck(key: string, { recheck }: Entry): Promise<void> {
    try {
      await recheck()
    } catch {
      // Whatever keeps it from being said that the key may be used: the stream's client is told when it sends its next part.
      this.#end(key)
    }
  }

  #find(place: StreamPlace, correlationValue: Uint8Array): Entry {
    const entry = this.#entries.get(keyOf(correlationValue))
    if (entry === undefined || !isOf(entry, place)) throw noSuchStream()
    return entry
  }

  /** Long data goes on with others between its slices; parts that come meanwhile wait for it. */
  #inTurns(key: string, entry: Entry, { data = nothing, isFinal }: StreamPart): Promise<PartAnswer> {
    const run = async (): Promise<PartAnswer> => {
      const ready: Buffer[] = []
      try {
        const bytes = sliceBytes(entry.work)
        for (let from = 0; from < data.byteLength; from += bytes) {
          if (from > 0) await new Promise<void>((resolve) => setImmediate(resolve))
          if (!this.#entries.has(key)) throw noSuchStream()
          const made = entry.work.update(data.subarray(from, from + bytes))
          if (made !== undefined) ready.push(made)
        }
        return await this.#answer(key, entry, joined(ready), isFinal)
      } catch (error) {
        for (const one of ready) one.fill(0)
        this.#end(key)
        throw error
      } finally {
        entry.turn = undefined
      }
    }
    const answer = run()
    entry.turn = answer.then(ignore, ignore)
    return answer
  }

  #answer(key: string, entry: Entry, ready: Buffer | undefined, isFinal: boolean): MaybePromise<PartAnswer> {
    const { memo, work } = entry
    if (!isFinal) {
      this.#count(entry, work.keptBytes ?? 0)
      return { data: filled(ready), memo, expected: undefined }
    }
    // It has no more parts, however long the last one takes.
    this.#release(key)
    return andFinally(
      () =>
        next(work.final(), ({ data, tag }) => {
          const all = joined([ready ?? none, data ?? none])
          return { data: filled(all), tag, memo, expected: entry.expected }
        }),
      () => work.wipe(),
    )
  }

  #checkRoom({ work, held, bytes }: Entry, more: number): void {
    if (work.keptBytes === undefined) return
    const most = [limits.streamsBytesMax, limits.streamBytesPerClientMax, limits.streamBytesPerTenantMax]
    const isTooMuch = bytes + more > limits.streamBytesMax || held.some((one, i) => one.bytes + more > most[i]!)
    if (!isTooMuch) return
    throw new KryptonError(
      'overloaded',
      `Send at most ${limits.streamBytesMax} bytes in parts: this mode keeps all of them until it has seen the last`,
    )
  }

  #count(entry: Entry, bytes: number): void {
    for (const one of entry.held) one.bytes += bytes - entry.bytes
    entry.bytes = bytes
  }

  #end(key: string): void {
    this.#release(key)?.work.wipe()
  }

  /** Takes a stream out of what there is. */
  #release(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#count(entry, 0)
    for (const one of entry.held) one.streams--
    this.#forgetUnheld()
    return entry
  }

  #heldBy(name: string): Held {
    const held = this.#held.get(name) ?? { streams: 0, bytes: 0 }
    this.#held.set(name, held)
    return held
  }

  #forgetUnheld(): void {
    for (const [name, { streams }] of this.#held) if (streams === 0) this.#held.delete(name)
  }

  #stopSweeping(): void {
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }
}

/** What is worked on before others are let on. */
function sliceBytes({ slowness = 1 }: StreamWork): number {
  return Math.floor(placement.inlineBytesMax / slowness)
}

/** What somebody has of the bounds. */
interface Held {
  streams: number
  bytes: number
}

interface Entry extends StreamStart {
  readonly held: readonly Held[]
  bytes: number
  readonly begunMs: number
  usedMs: number
  expected: Buffer | undefined
  /** While a long part is under way. */
  turn: Promise<void> | undefined
}

function isOf({ client, operation, object }: Entry, place: StreamPlace): boolean {
  return client === place.client && operation === place.operation && object === place.object
}

/** The thread that a Correlation Value of the right length names. */
function threadOf(correlationValue: Uint8Array): number | undefined {
  const { buffer, byteOffset, byteLength } = correlationValue
  return byteLength === correlationBytes ? new DataView(buffer, byteOffset).getUint32(0) : undefined
}

function keyOf(correlationValue: Uint8Array): string {
  return Buffer.from(correlationValue).toString('latin1')
}

/** Nothing at all is no Data, rather than Data of no length. */
function filled(data: Buffer | undefined): Buffer | undefined {
  return data === undefined || data.byteLength === 0 ? undefined : data
}

function joined(parts: readonly Buffer[]): Buffer {
  const some = parts.filter(({ byteLength }) => byteLength > 0)
  if (some.length === 1) return some[0]!
  const all = ownBuffer(some.reduce((bytes, { byteLength }) => bytes + byteLength, 0))
  let offset = 0
  for (const one of some) {
    all.set(one, offset)
    offset += one.byteLength
    one.fill(0)
  }
  return all
}

/** The same for what has ended, what is another's, what was lost with its thread, and what never was. */
export function noSuchStream(): KryptonError {
  return new KryptonError(
    'item-not-found',
    'Begin again with Init Indicator: there is no operation in parts with this Correlation Value for this key',
  )
}

const ignore = (): void => undefined
const nothing = new Uint8Array(0)
const none = Buffer.alloc(0)

/** 4 bytes name the thread, 12 are random. */
const correlationBytes = 16
