import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import type { SecureVersion, TLSSocket } from 'node:tls'
import { sleep } from '../support/counterparts.ts'
import { decode, encode } from './ttlv-tree.ts'
import type { Item } from './ttlv-tree.ts'

/** Where a server listens, and who asks. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly caFile: string
  /** Absent: no certificate is sent. */
  readonly certFile?: string
  readonly keyFile?: string
  readonly tls?: SecureVersion
  /** Sent as server name (SNI); absent: none is sent to an address. */
  readonly serverName?: string
}

const answerMsMax = 15_000

/** One mutual TLS connection to a KMIP server: frames out, frames in, nothing hidden. */
export class KmipConnection {
  readonly #socket: TLSSocket
  #received = Buffer.alloc(0)
  #ended: string | undefined

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => (this.#received = Buffer.concat([this.#received, chunk])))
    socket.on('error', (error) => (this.#ended ??= error.message))
    socket.on('close', () => (this.#ended ??= 'closed'))
  }

  static open(target: Target): Promise<KmipConnection> {
    const { host, port, caFile, certFile, keyFile, tls, serverName } = target
    return new Promise((resolve, reject) => {
      const socket = connect({
        host,
        port,
        ca: readFileSync(caFile),
        ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
        ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
        ...(tls === undefined ? {} : { minVersion: tls, maxVersion: tls }),
        ...(serverName === undefined ? {} : { servername: serverName }),
      })
      socket.once('error', reject)
      socket.once('secureConnect', () => {
        socket.removeListener('error', reject)
        resolve(new KmipConnection(socket))
      })
    })
  }

  /** How the connection ended; undefined while it is open. */
  get ended(): string | undefined {
    return this.#ended
  }

  send(frame: Uint8Array): void {
    this.#socket.write(frame)
  }

  /** The next whole frame. Throws when the connection ends before it came. */
  async receive(): Promise<Buffer> {
    const deadline = performance.now() + answerMsMax
    for (;;) {
      const frame = this.#cut()
      if (frame !== undefined) return frame
      if (this.#ended !== undefined) throw new Error(`no answer: ${this.#ended}`)
      if (performance.now() > deadline) throw new Error(`no answer within ${answerMsMax} ms`)
      await sleep(2)
    }
  }

  async exchange(request: Item): Promise<Item> {
    this.send(encode(request))
    return decode(await this.receive())
  }

  /** Waits until the server has closed the connection. Throws when it does not. */
  async untilClosed(timeoutMs = answerMsMax): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (this.#ended === undefined) {
      if (performance.now() > deadline) throw new Error(`the connection is still open after ${timeoutMs} ms`)
      await sleep(10)
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #cut(): Buffer | undefined {
    if (this.#received.length < 8) return undefined
    const size = 8 + this.#received.readUInt32BE(4)
    if (this.#received.length < size) return undefined
    const frame = Buffer.from(this.#received.subarray(0, size))
    this.#received = this.#received.subarray(size)
    return frame
  }
}

/** Opens a connection for one exchange, as MongoDB's drivers do. */
export async function exchangeOnce(target: Target, request: Item): Promise<Item> {
  const connection = await KmipConnection.open(target)
  try {
    return await connection.exchange(request)
  } finally {
    connection.close()
  }
}
