import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Peer } from '../auth/authenticate.ts'
import { isKryptonError, type KryptonError } from '../errors.ts'
import { messageEncodings, type MessageEncoding } from '../kmip/encodings/message-encodings.ts'
import { limits } from '../limits.ts'
import type { CutReason } from '../telemetry/counters.ts'
import { GatheredFrame } from '../ttlv/gathered-frame.ts'
import type { Answer } from './answer.ts'
import type { ConnectionSurroundings } from './connection.ts'
import type { FrameShare } from './frame-memory.ts'
import { type HttpProblem, problemOf, refusalOf, unknownClientProblem } from './http-problem.ts'
import { Patience } from './patience.ts'
import type { ServedConnection } from './served-connection.ts'
import { untakenBytes } from './untaken-bytes.ts'

/** A request that is being read or answered. There is one at a time. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  state: 'reading' | 'answering' | 'writing'
  body: GatheredFrame | undefined
  /** Why its body is read and not kept. */
  dropReason: KryptonError | undefined
  /** What was counted for it, against the bounds of all connections. */
  bodyBytes: number
  answerBytes: number
}

/**
 * One connection that speaks HTTP (KMIP Additional Message Encodings 1.0, section 2): a POST for each message, in TTLV, JSON or XML. Who asks is
 * decided before HTTP is read, by the same code as elsewhere; a message in text becomes a frame, is answered as any, and the answer text again.
 * The memory of messages and answers is this file's, and wiped.
 */
export class HttpsConnection implements ServedConnection {
  readonly peer: Peer
  readonly #socket: TLSSocket
  readonly #around: ConnectionSurroundings
  readonly #serveHttp: (connection: HttpsConnection, socket: TLSSocket) => void
  #state: 'identifying' | 'known' | 'unknown' | 'closed' = 'identifying'
  #exchange: Exchange | undefined
  /** Takes the request that waits for the end of the exchange. */
  #next: (() => void) | undefined
  /** What is kept of its requests, counted for its client and tenant too; undefined until they are known. */
  #share: FrameShare | undefined
  #draining = false
  #anythingCame = false
  /** Milliseconds of the monotonic clock. */
  #quietSinceMs: number
  /** Bytes of the connection when its last exchange ended: more means that a request has begun. */
  #bytesAtRest = 0
  #isRequestComing = false
  readonly #requestPatience = new Patience(limits.frameBytesPerSecondMin)
  readonly #writePatience = new Patience(limits.answerBytesPerSecondMin)
  /** Since when the other side may end too, our last byte having gone. */
  #lingersSinceMs: number | undefined

  /** @param serveHttp reads HTTP from the socket and hands each request to `take` */
  constructor(
    socket: TLSSocket,
    peer: Peer,
    around: ConnectionSurroundings,
    serveHttp: (connection: HttpsConnection, socket: TLSSocket) => void,
  ) {
    this.peer = peer
    this.#socket = socket
    this.#around = around
    this.#serveHttp = serveHttp
    this.#quietSinceMs = around.clock.monotonic()
    // Node would join queued writes into one buffer, and leave copies of keys behind.
    Object.defineProperty(socket, '_writev', { value: undefined })
    socket.on('error', () => this.#close())
    socket.on('close', () => this.#close())
    void this.#identify()
  }

  enforceTime(nowMs: number): void {
    const reason = this.#overdue(nowMs)
    if (reason !== undefined) this.cut(reason)
  }

  get heldBytes(): number {
    return this.#exchange === undefined ? 0 : this.#exchange.bodyBytes + this.#exchange.answerBytes
  }

  drain(): void {
    this.#draining = true
    if (this.#exchange === undefined) this.#end()
    else if (!this.#exchange.response.headersSent) this.#exchange.response.setHeader('connection', 'close')
  }

  cut(reason: CutReason): void {
    if (this.#state === 'closed') return
    this.#around.counters.cut(reason)
    this.#around.log.debug('connection cut', { reason, remote: this.#socket.remoteAddress })
    this.#close()
  }

  /** HTTP that cannot be read: told, then the connection ends. */
  refuse(problem: HttpProblem): void {
    if (this.#state !== 'known' || this.#exchange?.response.headersSent === true) return this.#close()
    this.#around.counters.cut('frame-invalid')
    this.#endWith(problem)
  }

  /** Takes a request whose headers have come. */
  take(request: IncomingMessage, response: ServerResponse): void {
    if (this.#state !== 'known') return this.cut('frame-invalid')
    if (this.#exchange !== undefined) {
      // The answer may be there before we hear that it was taken: the next request waits for that, its body in the socket. There is no third.
      if (this.#next !== undefined) return this.cut('frame-invalid')
      this.#next = () => this.take(request, response)
      return
    }
    if (!this.#isRequestComing) this.#awaitRequest(this.#around.clock.monotonic())
    const exchange: Exchange = {
      request,
      response,
      state: 'reading',
      body: undefined,
      dropReason: undefined,
      bodyBytes: 0,
      answerBytes: 0,
    }
    this.#exchange = exchange
    this.#anythingCame = true
    this.#isRequestComing = false
    if (this.#draining) response.setHeader('connection', 'close')
    response.once('close', () => this.#finish(exchange))
    const refusal = refusalOf(request)
    if (refusal !== undefined) return this.#discard(exchange, refusal)
    const encoding = messageEncodings.get(request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '')
    this.#read(exchange, Number(request.headers['content-length']), encoding)
  }

  #read(exchange: Exchange, length: number, encoding: MessageEncoding | undefined): void {
    exchange.dropReason = this.#share?.refusalOf(length)
    if (exchange.dropReason === undefined) {
      exchange.bodyBytes = length
      this.#share?.add(length)
      exchange.body = new GatheredFrame(length)
      if (this.#around.frameMemory.bytes > limits.partialFramesBytesMax) this.#around.relieve()
    }
    exchange.request.on('data', (chunk: Buffer) => {
      this.#around.counters.received(chunk.length)
      if (exchange.state === 'reading') exchange.body?.add(chunk)
      chunk.fill(0)
    })
    exchange.request.once('end', () => void this.#answer(exchange, encoding))
    exchange.request.once('error', () => exchange.body?.wipe())
  }

  async #answer(exchange: Exchange, encoding: MessageEncoding | undefined): Promise<void> {
    const arrivedMs = this.#around.clock.monotonic()
    exchange.state = 'answering'
    if (exchange.body === undefined) return this.#onFailed(exchange, exchange.dropReason)
    const body = exchange.body.whole
    let frame = body
    try {
      if (encoding !== undefined) frame = encoding.toFrame(body)
      const answer = await this.#around.responder.respond(frame, this.peer)
      if (this.#exchange === exchange) this.#write(exchange, answer, encoding)
      else if (answer.sensitive) answer.bytes.fill(0)
      this.#around.counters.request(this.#around.clock.monotonic() - arrivedMs)
    } catch (error) {
      this.#onFailed(exchange, error)
    } finally {
      // Whatever it carried: a registered key, a plaintext, a password. The answer holds copies of what it needs.
      body.fill(0)
      frame.fill(0)
      this.#letGo(exchange)
    }
  }

  #onFailed(exchange: Exchange, error: unknown): void {
    if (this.#exchange !== exchange) return
    if (isKryptonError(error, 'client-unknown')) {
      this.#tellOfStranger('client refused on an open connection', error)
      this.#around.counters.cut('unknown-client')
      exchange.response.setHeader('connection', 'close')
      return this.#send(exchange, unknownClientProblem)
    }
    if (!isKryptonError(error)) this.#around.log.error('a request over HTTP failed by a fault of ours', error)
    this.#send(exchange, problemOf(error))
  }

  #write(exchange: Exchange, answer: Answer, encoding: MessageEncoding | undefined): void {
    let bytes = answer.bytes
    if (encoding !== undefined) {
      try {
        bytes = encoding.fromFrame(answer.bytes)
      } finally {
        if (answer.sensitive) answer.bytes.fill(0)
      }
    }
    if (answer.sensitive) exchange.response.once('close', () => bytes.fill(0))
    // The case of the request does not matter: what was taken is in the table.
    this.#respond(exchange, 200, exchange.request.headers['content-type'] ?? '', bytes)
  }

  #send(exchange: Exchange, problem: HttpProblem): void {
    const { status, allow } = problem
    if (allow !== undefined) exchange.response.setHeader('allow', allow)
    this.#respond(exchange, status, 'application/problem+json', bodyOf(problem))
  }

  #respond(exchange: Exchange, status: number, contentType: string, bytes: Buffer): void {
    const { response } = exchange
    exchange.state = 'writing'
    this.#writePatience.begin(this.#around.clock.monotonic(), this.#around.limits.writeMs)
    exchange.answerBytes = bytes.length
    this.#around.queuedAnswersBytes += bytes.length
    this.#around.counters.sent(bytes.length)
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': bytes.length,
      'cache-control': 'no-cache',
    })
    response.end(bytes)
    if (this.#around.queuedAnswersBytes > limits.queuedAnswersBytesMax) this.#around.relieve()
  }

  /** Refuses a request; what still comes of it is dropped unread. */
  #discard(exchange: Exchange, problem: HttpProblem): void {
    exchange.request.on('data', (chunk: Buffer) => chunk.fill(0))
    if (problem.close) exchange.response.setHeader('connection', 'close')
    this.#send(exchange, problem)
  }

  #letGo(exchange: Exchange): void {
    this.#share?.add(-exchange.bodyBytes)
    exchange.bodyBytes = 0
  }

  #finish(exchange: Exchange): void {
    // One that is worked on stays in memory, also when its connection is gone.
    if (exchange.state !== 'answering') this.#letGo(exchange)
    this.#around.queuedAnswersBytes -= exchange.answerBytes
    if (this.#exchange !== exchange) return
    this.#exchange = undefined
    this.#bytesAtRest = this.#socket.bytesRead
    this.#quietSinceMs = this.#around.clock.monotonic()
    const next = this.#next
    this.#next = undefined
    if (next !== undefined && this.#state === 'known') next()
    else if (this.#draining) this.#end()
  }

  #overdue(nowMs: number): CutReason | undefined {
    const { limits: bounds } = this.#around
    const exchange = this.#exchange
    if (this.#state === 'closed' || this.#state === 'identifying') return undefined
    if (this.#lingersSinceMs !== undefined) return nowMs - this.#lingersSinceMs > limits.lingerMs ? 'drain' : undefined
    if (exchange?.state === 'answering') return undefined
    if (exchange?.state === 'writing') {
      const { answerBytes } = exchange
      const taken = answerBytes - (untakenBytes(this.#socket) ?? answerBytes)
      return this.#writePatience.isOver(nowMs, taken, bounds.writeMs) ? 'write-slow' : undefined
    }
    const came = this.#socket.bytesRead - this.#bytesAtRest
    // The headers of a request are coming: HTTP tells of them when they are there.
    if (exchange === undefined && came > 0 && !this.#isRequestComing) {
      this.#isRequestComing = true
      this.#awaitRequest(nowMs)
    }
    if (exchange !== undefined || this.#isRequestComing)
      return this.#requestPatience.isOver(nowMs, came, bounds.frameMs) ? 'frame-slow' : undefined
    const quietMs = nowMs - this.#quietSinceMs
    if (this.#anythingCame) return quietMs > bounds.idleMs ? 'idle' : undefined
    return quietMs > bounds.firstByteMs ? 'first-byte-slow' : undefined
  }

  #awaitRequest(nowMs: number): void {
    const { frameGraceMs, frameMs } = this.#around.limits
    this.#requestPatience.begin(nowMs, Math.min(frameGraceMs, frameMs))
  }

  async #identify(): Promise<void> {
    try {
      await this.#around.responder.identify(this.peer)
    } catch (error) {
      return this.#onUnknown(error)
    }
    if (this.#state !== 'identifying') return
    this.#state = 'known'
    this.#share = this.#around.frameMemory.shareOf(this.peer)
    this.#quietSinceMs = this.#around.clock.monotonic()
    if (this.#draining) this.#end()
    else this.#serveHttp(this, this.#socket)
  }

  /** The refusal waits for the first byte, as that of a connection without HTTP; not one is read. */
  #onUnknown(error: unknown): void {
    if (this.#state !== 'identifying') return
    if (!isKryptonError(error, 'client-unknown')) {
      this.#around.log.error('connection ended by a fault', error)
      return this.cut('internal')
    }
    this.#tellOfStranger('unknown client refused', error)
    this.#state = 'unknown'
    this.#socket.on('data', (chunk: Buffer) => chunk.fill(0))
    this.#socket.once('data', () => {
      this.#around.counters.cut('unknown-client')
      this.#endWith(unknownClientProblem)
    })
  }

  #tellOfStranger(message: string, error: Error): void {
    const { counters, strangers } = this.#around
    counters.add('unknownClients')
    strangers.warn(message, {
      reason: error.message,
      remote: this.#socket.remoteAddress,
      certificate: this.peer.fingerprint,
    })
  }

  /** An answer where there is no request to answer by HTTP's own means. */
  #endWith(problem: HttpProblem): void {
    const body = bodyOf(problem)
    const head = [
      `HTTP/1.1 ${problem.status} ${problem.title}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${body.length}`,
      'Cache-Control: no-cache',
      'Connection: close',
    ]
    this.#around.counters.sent(body.length)
    this.#quietSinceMs = this.#around.clock.monotonic()
    this.#end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]))
  }

  /** Our side closes, after some last bytes perhaps; what still comes is dropped for a moment, since a reset could overtake them. */
  #end(bytes: Uint8Array = Buffer.alloc(0)): void {
    this.#socket.end(bytes, () => (this.#lingersSinceMs = this.#around.clock.monotonic()))
  }

  #close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#share?.end()
    this.peer.isGone = true
    this.#socket.destroy()
  }
}

function bodyOf({ status, title, detail }: HttpProblem): Buffer {
  return Buffer.from(`${JSON.stringify({ type: 'about:blank', title, status, detail })}\n`)
}
