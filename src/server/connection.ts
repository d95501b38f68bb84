import type { TLSSocket } from 'node:tls'
import type { Peer } from '../auth/authenticate.ts'
import type { Clock } from '../clock.ts'
import { isKryptonError, type KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Counters, CutReason } from '../telemetry/counters.ts'
import type { Log } from '../telemetry/log.ts'
import type { StrangerLog } from '../telemetry/stranger-log.ts'
import { droppedFrame, FrameReader } from '../ttlv/frame-reader.ts'
import type { Answer, Responder } from './answer.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import type { FrameMemory, FrameShare } from './frame-memory.ts'
import { Patience } from './patience.ts'
import type { ServedConnection } from './served-connection.ts'
import type { Turn, TurnTaker } from './turn.ts'
import { untakenBytes } from './untaken-bytes.ts'

/** What all connections of a listener share. */
export interface ConnectionSurroundings {
  readonly turn: Turn
  readonly responder: Responder
  readonly limits: ConnectionLimits
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
  /** For what whoever connects can cause at will. */
  readonly strangers: StrangerLog
  /** What is kept of frames that have partly come, or wait for their answer, over all connections. */
  readonly frameMemory: FrameMemory
  /** Bytes of answers that their clients have not taken, over all connections: against `limits.queuedAnswersBytesMax`. */
  queuedAnswersBytes: number
  /** Cuts the connection that holds most of both, when one is beyond its bound. */
  readonly relieve: () => void
}

/** A request that has come and is not answered yet. Answers leave in the order of slots. */
interface Slot {
  readonly frame: Buffer
  readonly startedMs: number
  answer: Answer | undefined
}

/**
 * One TLS connection after its handshake. Frames in, answers out in the same order: one answer is one write and, up to 16 KiB, one TLS
 * record. Not a byte is parsed before the peer is known. Invariant: while answers queue up, or too many requests wait, nothing is read.
 */
export class Connection implements TurnTaker, ServedConnection {
  readonly peer: Peer
  readonly #socket: TLSSocket
  readonly #around: ConnectionSurroundings
  readonly #reader = new FrameReader(
    () => limits.frameBytesMaxKnown,
    (bytes) => this.#mayKeep(bytes),
  )
  readonly #slots: Slot[] = []
  #state: 'identifying' | 'known' | 'unknown' | 'ending' | 'closed' = 'identifying'
  /** The peer sends no more: the connection ends with its last answer. */
  #ended = false
  #draining = false
  #listening = false
  #reading = false
  /** Its turn comes: to answer what has come, and to write what was answered. */
  #awaitsRequests = false
  #awaitsAnswers = false
  /** What is kept of its frames, counted for its client and tenant too; undefined until they are known. */
  #share: FrameShare | undefined
  /** Why the frame that is coming is not kept. */
  #dropReason: KryptonError | undefined
  /** Of the frame that is coming, what is kept, and what has come. */
  #partialBytes = 0
  #cameBytes = 0
  /** Of frames that wait for their answer. */
  #unansweredBytes = 0
  /**
   * Each answer that is on its way, and when it was handed to the socket, the oldest first. Each has its own time: a kernel that is short of memory
   * takes them in trickles, and if every one that it took counted anew, a client that reads nothing would last for as long as there are answers.
   */
  readonly #handedOver: { readonly atMs: number; readonly bytes: number }[] = []
  /** For clients that take them slowly and steadily. */
  readonly #writePatience = new Patience(limits.answerBytesPerSecondMin)
  /** Of all answers that were taken whole. */
  #takenBytes = 0
  #queuedBytes = 0
  #anythingCame = false
  /** Milliseconds of the monotonic clock. */
  #quietSinceMs: number
  readonly #framePatience = new Patience(limits.frameBytesPerSecondMin)
  /** Since when our side ends, anew when its last byte has gone; then the other side has `limits.lingerMs`. */
  #endingSinceMs = 0
  #hasSentLast = false

  constructor(socket: TLSSocket, peer: Peer, around: ConnectionSurroundings) {
    this.peer = peer
    this.#socket = socket
    this.#around = around
    this.#quietSinceMs = around.clock.monotonic()
    // Node would join queued writes into one record and clients that read a whole body at once would break, and copies of keys would stay
    // behind. undefined makes it write one after the other.
    Object.defineProperty(socket, '_writev', { value: undefined })
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error) => this.#onError(error))
    socket.on('close', () => this.#close())
    this.#identify()
  }

  enforceTime(nowMs: number): void {
    const reason = this.#overdue(nowMs)
    if (reason !== undefined) this.cut(reason)
  }

  get heldBytes(): number {
    return this.#partialBytes + this.#unansweredBytes + this.#queuedBytes
  }

  drain(): void {
    if (this.#draining) return
    // What has come before is still answered.
    if (this.#awaitsRequests) this.takeRequests()
    this.#draining = true
    if (this.#state === 'unknown') this.#endWith(undefined)
    else this.#endIfDone()
  }

  cut(reason: CutReason): void {
    if (this.#state === 'closed') return
    this.#around.counters.cut(reason)
    this.#around.log.debug('connection cut', { reason, remote: this.#socket.remoteAddress })
    this.#close()
  }

  #overdue(nowMs: number): CutReason | undefined {
    const { limits: bounds } = this.#around
    if (this.#state === 'closed') return undefined
    const oldest = this.#handedOver[0]
    const takesTooLong = oldest === undefined || this.#writePatience.isOver(nowMs, this.#allTaken(), bounds.writeMs)
    if (this.#state === 'ending') {
      const endsForMs = nowMs - this.#endingSinceMs
      if (this.#hasSentLast) return endsForMs > limits.lingerMs ? 'drain' : undefined
      return endsForMs > limits.lingerMs + bounds.writeMs && takesTooLong ? 'drain' : undefined
    }
    if (oldest !== undefined) return nowMs - oldest.atMs > bounds.writeMs && takesTooLong ? 'write-slow' : undefined
    if (this.#slots.length > 0 || this.#state === 'identifying') return undefined
    if (this.#cameBytes > 0)
      return this.#framePatience.isOver(nowMs, this.#cameBytes, bounds.frameMs) ? 'frame-slow' : undefined
    const quietMs = nowMs - this.#quietSinceMs
    if (this.#anythingCame) return quietMs > bounds.idleMs ? 'idle' : undefined
    return quietMs > bounds.firstByteMs ? 'first-byte-slow' : undefined
  }

  #identify(): void {
    try {
      const known = this.#around.responder.identify(this.peer)
      if (known instanceof Promise) {
        known.then(
          () => this.#onKnown(),
          (error: unknown) => this.#onUnknown(error),
        )
      } else {
        this.#onKnown()
      }
    } catch (error) {
      this.#onUnknown(error)
    }
  }

  #onKnown(): void {
    if (this.#state !== 'identifying') return
    this.#state = 'known'
    this.#share = this.#around.frameMemory.shareOf(this.peer)
    this.#quietSinceMs = this.#around.clock.monotonic()
    if (this.#draining) this.#endIfDone()
    else this.#read()
  }

  /** The refusal waits for the first byte: a probe that only connects gets none, and a client that writes first reads it whole. */
  #onUnknown(error: unknown): void {
    if (this.#state === 'closed' || this.#state === 'ending') return
    if (!isKryptonError(error, 'client-unknown')) return this.#onFault(error)
    const { counters, strangers } = this.#around
    counters.add('unknownClients')
    strangers.warn('unknown client refused', {
      reason: error.message,
      remote: this.#socket.remoteAddress,
      certificate: this.peer.fingerprint,
    })
    this.#state = 'unknown'
    if (this.#draining) this.#endWith(undefined)
    else this.#read()
  }

  #onFault(error: unknown): void {
    this.#around.log.error('connection ended by a fault', error)
    this.cut('internal')
  }

  #onData(chunk: Buffer): void {
    this.#around.counters.received(chunk.length)
    if (this.#state === 'known') {
      this.#anythingCame = true
      this.#reader.push(chunk)
      this.#askForTurn()
    } else {
      // Of somebody unknown, or after the end: dropped unread, so that the other side can read our last answer.
      chunk.fill(0)
      if (this.#state === 'unknown') {
        this.#around.counters.cut('unknown-client')
        this.#endWith(this.#around.responder.refuseUnknown())
      }
    }
  }

  #askForTurn(): void {
    if (this.#awaitsRequests) return
    this.#awaitsRequests = true
    this.#around.turn.hasRequests(this)
  }

  /** Takes whole frames, `countMax` of them at most, as long as there is room for their answers; the turn calls it. */
  takeRequests(countMax = Number.POSITIVE_INFINITY): number {
    if (!this.#awaitsRequests) return 0
    this.#awaitsRequests = false
    const nowMs = this.#around.clock.monotonic()
    let taken = 0
    try {
      while (taken < countMax && this.#hasRoom()) {
        const frame = this.#reader.next()
        if (frame === undefined) break
        taken += 1
        // It is whole, and counts from here on as one that waits.
        if (this.#partialBytes > 0) this.#keepPartial(this.#reader.keptBytes)
        if (frame === droppedFrame) this.#refuseDropped(nowMs)
        else this.#take(frame, nowMs)
      }
    } catch (error) {
      this.#onBadFrame(error)
      return taken
    }
    this.#countPartial(taken > 0, nowMs)
    // What was left for the next turn is answered before more is read.
    const someLeft = taken === countMax
    if (someLeft) this.#askForTurn()
    this.#endIfDone()
    if (this.#state !== 'known') return taken
    if (this.#hasRoom() && !someLeft) this.#read()
    else this.#stopReading()
    return taken
  }

  #take(frame: Buffer, startedMs: number): void {
    const slot: Slot = { frame, startedMs, answer: undefined }
    this.#slots.push(slot)
    let answer: Answer | Promise<Answer>
    try {
      answer = this.#around.responder.respond(frame, this.peer)
    } catch (error) {
      return this.#onFailedRequest(slot, error)
    }
    if (answer instanceof Promise) {
      this.#countUnanswered(frame.length)
      answer.then(
        (settled) => this.#finishLate(slot, settled),
        (error: unknown) => this.#onFailedLate(slot, error),
      )
    } else {
      this.#finish(slot, answer)
    }
  }

  #finishLate(slot: Slot, answer: Answer): void {
    this.#finish(slot, answer)
    this.#countUnanswered(-slot.frame.length)
    this.#askToWrite()
  }

  #onFailedLate(slot: Slot, error: unknown): void {
    this.#onFailedRequest(slot, error)
    this.#countUnanswered(-slot.frame.length)
    this.#askToWrite()
  }

  /** A frame that waits for its answer stays in memory, whoever sent it: a connection that has ended keeps it until it is done. */
  #countUnanswered(bytes: number): void {
    this.#unansweredBytes += bytes
    this.#keep(bytes)
  }

  #keepPartial(bytes: number): void {
    const more = bytes - this.#partialBytes
    this.#partialBytes = bytes
    this.#keep(more)
  }

  #keep(more: number): void {
    if (more === 0) return
    this.#share?.add(more)
    if (more > 0 && this.#around.frameMemory.bytes > limits.partialFramesBytesMax) this.#around.relieve()
  }

  /** The answer to a frame that was read and not kept: it stands where that of the frame would, and what comes after is answered as ever. */
  #refuseDropped(startedMs: number): void {
    const error = this.#dropReason
    this.#dropReason = undefined
    const bytes = this.#around.responder.refuseFrame(error)
    if (bytes === undefined) return this.#onFault(error)
    const slot: Slot = { frame: droppedFrame, startedMs, answer: undefined }
    this.#slots.push(slot)
    this.#finish(slot, { bytes, sensitive: false })
  }

  #askToWrite(): void {
    if (this.#awaitsAnswers) return
    this.#awaitsAnswers = true
    this.#around.turn.hasAnswers(this)
  }

  #finish(slot: Slot, answer: Answer): void {
    // Whatever it carried: a registered key, a plaintext, a password. The answer holds copies of what it needs.
    slot.frame.fill(0)
    slot.answer = answer
    // Answered too late to be sent.
    if (this.#state !== 'known') return wipeAnswer(answer)
    // From here on, so that what waits for the end of the turn counts too.
    this.#queuedBytes += answer.bytes.length
    this.#around.queuedAnswersBytes += answer.bytes.length
  }

  #onFailedRequest(slot: Slot, error: unknown): void {
    slot.frame.fill(0)
    if (!isKryptonError(error, 'client-unknown')) return this.#onFault(error)
    const { counters, strangers } = this.#around
    counters.add('unknownClients')
    strangers.warn('client refused on an open connection', {
      reason: error.message,
      remote: this.#socket.remoteAddress,
      certificate: this.peer.fingerprint,
    })
    counters.cut('unknown-client')
    slot.answer = { bytes: this.#around.responder.refuseUnknown(), sensitive: false, close: true }
  }

  /** Bytes that cannot be cut: answered after what was asked before, then nothing more is read. */
  #onBadFrame(error: unknown): void {
    if (!isKryptonError(error)) return this.#onFault(error)
    if (this.#state !== 'known') return
    this.#around.counters.cut('frame-invalid')
    this.#around.strangers.warn('bytes that are no frame', {
      reason: error.message,
      remote: this.#socket.remoteAddress,
    })
    const bytes = this.#around.responder.refuseFrame(error)
    const frame = Buffer.alloc(0)
    const answer = { bytes: bytes ?? frame, sensitive: false, close: true }
    this.#slots.push({ frame, startedMs: this.#around.clock.monotonic(), answer })
    this.#stopReading()
  }

  /** Writes the answers at the head of the queue, up to the first that is not there yet; the turn calls it. */
  writeAnswers(): void {
    this.#awaitsAnswers = false
    while (this.#state === 'known') {
      const slot = this.#slots[0]
      if (slot?.answer === undefined) break
      this.#slots.shift()
      this.#send(slot.answer, slot.startedMs)
    }
    this.#endIfDone()
    this.#readOn()
  }

  /** Room was made for what has come and for more. */
  #readOn(): void {
    if (this.#state === 'known' && !this.#reading && this.#hasRoom()) this.#askForTurn()
  }

  #send(answer: Answer, startedMs: number): void {
    const nowMs = this.#around.clock.monotonic()
    this.#around.counters.request(nowMs - startedMs)
    if (answer.close === true) this.#endWith(answer.bytes)
    else this.#write(answer, nowMs)
  }

  #write({ bytes, sensitive }: Answer, nowMs: number): void {
    this.#around.counters.sent(bytes.length)
    this.#handOver(bytes.length, nowMs)
    this.#socket.write(bytes, () => {
      if (sensitive) bytes.fill(0)
      this.#onWritten(bytes.length)
    })
    if (this.#around.queuedAnswersBytes > limits.queuedAnswersBytesMax) this.#around.relieve()
  }

  #handOver(bytes: number, nowMs: number): void {
    if (this.#handedOver.length === 0) this.#writePatience.begin(nowMs, this.#around.limits.writeMs, this.#takenBytes)
    this.#handedOver.push({ atMs: nowMs, bytes })
  }

  /** What the client, or the kernel for it, has taken of all answers, that which is under way among them. */
  #allTaken(): number {
    const bytes = this.#handedOver[0]?.bytes ?? 0
    return this.#takenBytes + Math.max(0, bytes - (untakenBytes(this.#socket) ?? bytes))
  }

  /** Also called for answers that were never sent, when the connection breaks. */
  #onWritten(bytes: number): void {
    if (this.#state === 'closed') return
    this.#queuedBytes -= bytes
    this.#around.queuedAnswersBytes -= bytes
    this.#takenBytes += bytes
    this.#handedOver.shift()
    this.#quietSinceMs = this.#around.clock.monotonic()
    this.#readOn()
  }

  #hasRoom(): boolean {
    return (
      !this.#draining &&
      this.#state === 'known' &&
      this.#slots.length < limits.pipelinedRequestsMax &&
      this.#unansweredBytes < limits.unansweredFrameBytesMax &&
      this.#queuedBytes < this.#queuedBytesMax()
    )
  }

  /** What may wait for the client before no more is read from it: one answer when many clients are slow. */
  #queuedBytesMax(): number {
    return this.#around.queuedAnswersBytes > limits.queuedAnswersBytesMax / 2 ? 1 : limits.queuedAnswerBytesMax
  }

  #read(): void {
    if (this.#reading || this.#state === 'closed') return
    this.#reading = true
    // A frame that we kept waiting is as young as the moment in which we read on.
    this.#awaitFrame(this.#around.clock.monotonic())
    if (this.#listening) {
      this.#socket.resume()
    } else {
      // A socket flows when somebody listens: until the peer is identified nobody does.
      this.#listening = true
      this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    }
  }

  #stopReading(): void {
    if (!this.#reading) return
    this.#reading = false
    this.#socket.pause()
  }

  #awaitFrame(nowMs: number): void {
    const { frameGraceMs, frameMs } = this.#around.limits
    this.#framePatience.begin(nowMs, Math.min(frameGraceMs, frameMs))
  }

  #countPartial(tookFrame: boolean, nowMs: number): void {
    if (tookFrame || this.#cameBytes === 0) this.#awaitFrame(nowMs)
    this.#cameBytes = this.#reader.pendingBytes
    this.#keepPartial(this.#reader.keptBytes)
  }

  #mayKeep(bytes: number): boolean {
    this.#dropReason = this.#share?.refusalOf(bytes)
    return this.#dropReason === undefined
  }

  #onEnd(): void {
    this.#ended = true
    if (this.#state === 'unknown' || this.#state === 'ending') this.#socket.end()
    else this.#endIfDone()
  }

  #endIfDone(): void {
    if (this.#state !== 'known' || this.#awaitsRequests || this.#slots.length > 0) return
    if (this.#ended || this.#draining) this.#endWith(undefined)
  }

  /** A last answer, then our side closes; what still comes is dropped for a moment, since a reset could overtake the answer. */
  #endWith(bytes: Buffer | undefined): void {
    this.#state = 'ending'
    this.#endingSinceMs = this.#around.clock.monotonic()
    this.#dropSlots()
    this.#reader.wipe()
    const onSent = (): void => {
      this.#hasSentLast = true
      this.#endingSinceMs = this.#around.clock.monotonic()
    }
    if (bytes !== undefined && bytes.length > 0) {
      this.#around.counters.sent(bytes.length)
      this.#handOver(bytes.length, this.#endingSinceMs)
      this.#socket.end(bytes, onSent)
    } else {
      this.#socket.end(onSent)
    }
    this.#reading = false
    this.#read()
  }

  #onError(error: Error): void {
    // Peers that vanish, or close without close_notify, end their own conversation and nothing else.
    this.#around.log.debug('connection broke', { reason: error.message, remote: this.#socket.remoteAddress })
    this.#close()
  }

  /** The end of everything here, once: also when the peer was faster. */
  #close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.peer.isGone = true
    this.#dropSlots()
    this.#reader.wipe()
    this.#keepPartial(0)
    this.#share?.end()
    this.#around.queuedAnswersBytes -= this.#queuedBytes
    this.#queuedBytes = 0
    this.#socket.destroy()
  }

  /** Requests that wait for their answer keep their frames: whoever works on one may still read it. They are wiped when it is done. */
  #dropSlots(): void {
    for (const { answer } of this.#slots) if (answer !== undefined) wipeAnswer(answer)
    this.#slots.length = 0
  }
}

function wipeAnswer({ bytes, sensitive }: Answer): void {
  if (sensitive) bytes.fill(0)
}
