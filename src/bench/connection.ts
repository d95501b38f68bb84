import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { connect } from 'node:tls'
import { frameBytes } from './answer.ts'

/** What a connection tells its owner. After `closed` nothing more comes. */
export interface ConnectionEvents {
  ready(): void
  /** One whole answer, in the order of the requests. The frame is a view: good until the call returns. */
  answer(frame: Buffer): void
  closed(reason: string): void
}

/** A TLS connection that sends whole requests and cuts answers by their length. */
export class Connection {
  readonly #socket: TLSSocket
  readonly #events: ConnectionEvents
  #pending: Buffer | undefined
  #closed = false

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#events = events
    this.#socket = connect({
      ...options,
      // The bytes come straight to us, without a stream in between: it is the client's largest cost after TLS.
      onread: {
        buffer: Buffer.allocUnsafeSlow(64 * 1024),
        callback: (bytesRead: number, buffer: Uint8Array) => {
          this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, bytesRead))
          return true
        },
      },
    } as ConnectionOptions)
    this.#socket.setNoDelay(true)
    this.#socket.once('secureConnect', () => {
      if (!this.#closed) events.ready()
    })
    this.#socket.once('error', (error: NodeJS.ErrnoException) => this.#end(`connection failed: ${reasonOf(error)}`))
    this.#socket.once('end', () => this.#end('connection closed by the server'))
    this.#socket.once('close', () => this.#end('connection closed by the server'))
  }

  /** One write for one request. */
  send(request: Buffer): void {
    this.#socket.write(request)
  }

  /** Ends the connection without a word to the owner. */
  close(): void {
    this.#closed = true
    this.#socket.destroySoon()
  }

  /** Cuts it off: for a server that does not answer. */
  abort(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return
    const buffer = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk
    this.#pending = undefined
    let at = 0
    try {
      for (;;) {
        const size = frameBytes(buffer, at)
        if (size === 0 || at + size > buffer.length) break
        this.#events.answer(buffer.subarray(at, at + size))
        at += size
        if (this.#closed) return
      }
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error))
      return
    }
    // The chunk's memory is used again for the next one, so what is left over is copied.
    if (at < buffer.length) this.#pending = Buffer.from(buffer.subarray(at))
  }

  #end(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.destroy()
    this.#events.closed(reason)
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return (error.code ?? error.message).slice(0, 80)
}
