import { connect, type TLSSocket } from 'node:tls'
import { FrameReader } from '../../src/ttlv/frame-reader.ts'

export interface KmipClientOptions {
  readonly port: number
  readonly host?: string
  /** PEM of the server's authority. */
  readonly ca: string | Buffer
  /** PEM; without both the client shows no certificate. */
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
  readonly ciphers?: string
  /** One to be resumed. */
  readonly session?: Buffer
}

/** A client that sends bytes and gives back the bytes of whole answers, in their order. It knows frames and nothing of their content. */
export class KmipClient {
  readonly socket: TLSSocket
  readonly #reader = new FrameReader(() => 64 * 1024 * 1024)
  readonly #waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = []
  readonly #closed: Promise<void>
  #failure: Error | undefined

  private constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', (error) => (this.#failure = error))
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        const error = this.#failure ?? new Error('the connection was closed')
        for (const { reject } of this.#waiting.splice(0)) reject(error)
        resolve()
      })
    })
  }

  /** Resolves when the handshake is done. */
  static async connect(options: KmipClientOptions): Promise<KmipClient> {
    const socket = connect({ host: '127.0.0.1', servername: 'localhost', ...options })
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
    })
    return new KmipClient(socket)
  }

  /** Sends a request and resolves with the next answer that no earlier call waits for: call it again without waiting to pipeline. */
  send(bytes: Uint8Array): Promise<Buffer> {
    const answer = this.answer()
    this.socket.write(bytes)
    return answer
  }

  /** The next answer. Rejects when the connection ends before it. */
  answer(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) reject(new Error('the connection is closed'))
      else this.#waiting.push({ resolve, reject })
    })
  }

  /** Resolves when the connection is gone, whoever ended it. */
  closed(): Promise<void> {
    return this.#closed
  }

  /** Ends the connection with close_notify. */
  async close(): Promise<void> {
    this.socket.end()
    await this.#closed
  }

  #onData(chunk: Buffer): void {
    this.#reader.push(chunk)
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
      this.#waiting.shift()?.resolve(frame)
    }
  }
}
