import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { limits } from '../limits.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { ConnectionLimits } from './connection-limits.ts'

/**
 * Lets so many TLS handshakes run at once, so that a fleet that reconnects cannot starve those who are served. While few run, a connection
 * starts at once. Else it waits for a place, in order, and only when its whole greeting (ClientHello) has come: who is silent takes none.
 * A place is given back when a handshake ends, and at the latest after `handshakePlaceMs`; so after a slow one ended late, there may for a
 * moment be more handshakes than places.
 */
export class HandshakeGate {
  readonly #start: (socket: Socket) => void
  readonly #limits: ConnectionLimits
  readonly #clock: Clock
  readonly #counters: Counters
  /** When each place was taken, oldest first. */
  readonly #places: number[] = []
  readonly #silent = new Map<Socket, Waiting>()
  readonly #queue = new Map<Socket, Waiting>()
  /** The turn in which more begin. */
  #turn: NodeJS.Immediate | undefined

  /** @param start begins the handshake on a socket, whose buffered bytes it takes over */
  constructor(start: (socket: Socket) => void, bounds: ConnectionLimits, clock: Clock, counters: Counters) {
    this.#start = start
    this.#limits = bounds
    this.#clock = clock
    this.#counters = counters
  }

  /** Takes a connection that was just accepted. */
  admit(socket: Socket): void {
    const ungatedMax = Math.min(limits.handshakesUngatedMax, this.#limits.handshakesMax / 2)
    if (this.#queue.size === 0 && this.#places.length < ungatedMax) return this.#give(socket)
    const waiting = new Waiting(socket, this.#clock.monotonic())
    this.#silent.set(socket, waiting)
    this.#counters.add('handshakesWaiting')
    waiting.onGreeting = () => this.#enqueue(socket, waiting)
    waiting.onGone = () => this.#drop(socket)
  }

  /** A handshake ended, well or not. */
  ended(): void {
    this.#places.shift()
    this.#next()
  }

  /** Gives up on those who wait too long, and takes back places that were held too long. */
  enforceTime(nowMs: number): void {
    while (this.#places.length > 0 && nowMs - this.#places[0]! > limits.handshakePlaceMs) this.#places.shift()
    for (const [socket, { sinceMs }] of this.#silent) {
      // They stand in the order in which they came.
      if (nowMs - sinceMs <= this.#limits.handshakeMs) break
      this.#counters.cut('handshake-slow')
      this.#drop(socket)
    }
    this.#next()
  }

  /** Ends all that wait. */
  stop(): void {
    for (const socket of [...this.#silent.keys(), ...this.#queue.keys()]) {
      this.#counters.cut('drain')
      this.#drop(socket)
    }
  }

  #enqueue(socket: Socket, waiting: Waiting): void {
    this.#silent.delete(socket)
    this.#queue.set(socket, waiting)
    if (this.#queue.size > limits.handshakeQueueMax) {
      this.#counters.cut('handshake-queue-full')
      this.#drop(socket)
    }
    this.#next()
  }

  /** Begins what may begin, a few in each turn of the loop. */
  #next(): void {
    if (this.#turn !== undefined || this.#queue.size === 0) return
    let left = limits.handshakesPerTurnMax
    for (const [socket, waiting] of this.#queue) {
      if (this.#places.length >= this.#limits.handshakesMax) break
      if (left-- === 0) {
        this.#turn = setImmediate(() => {
          this.#turn = undefined
          this.#next()
        })
        break
      }
      this.#queue.delete(socket)
      this.#counters.add('handshakesWaiting', -1)
      waiting.release()
      this.#give(socket)
    }
  }

  #give(socket: Socket): void {
    this.#places.push(this.#clock.monotonic())
    this.#start(socket)
  }

  #drop(socket: Socket): void {
    const waiting = this.#silent.get(socket) ?? this.#queue.get(socket)
    if (waiting === undefined) return
    this.#silent.delete(socket)
    this.#queue.delete(socket)
    this.#counters.add('handshakesWaiting', -1)
    waiting.release()
    // What breaks after this is nobody's business, but must be heard.
    socket.on('error', () => undefined)
    socket.destroy()
  }
}

/** A connection whose greeting has not come, or that has no place. */
class Waiting {
  readonly sinceMs: number
  onGreeting: (() => void) | undefined
  onGone: (() => void) | undefined
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)

  constructor(socket: Socket, sinceMs: number) {
    this.#socket = socket
    this.sinceMs = sinceMs
    socket.on('readable', this.#onReadable)
    for (const event of ['error', 'end', 'close']) socket.on(event, this.#onGone)
  }

  /** Lets go of the socket. */
  release(): void {
    this.#socket.off('readable', this.#onReadable)
    for (const event of ['error', 'end', 'close']) this.#socket.off(event, this.#onGone)
  }

  readonly #onGone = (): void => this.onGone?.()

  readonly #onReadable = (): void => {
    for (;;) {
      const chunk: unknown = this.#socket.read()
      if (!(chunk instanceof Buffer)) break
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    }
    if (!isWholeRecord(this.#bytes)) return
    this.#socket.off('readable', this.#onReadable)
    // Back into the socket: TLS takes over what is buffered there.
    this.#socket.unshift(this.#bytes)
    this.onGreeting?.()
  }
}

/** A TLS record (RFC 8446 section 5.1): five bytes of header, its length in the last two. What is no TLS goes on and fails there. */
function isWholeRecord(bytes: Buffer): boolean {
  if (bytes.length === 0) return false
  if (bytes[0] !== handshakeRecord) return true
  return bytes.length >= 5 && bytes.length >= 5 + Math.min(bytes.readUInt16BE(3), limits.tlsRecordBytesMax)
}

const handshakeRecord = 22
