import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy that counts the TLS records that the server sends, by their headers, and remembers what they were. */
export class RecordCounter {
  /** Content type and length of each record from the server, in order. */
  readonly records: { readonly type: number; readonly length: number }[] = []
  /** Everything that the server sent, as it was. */
  readonly bytes: Buffer[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(target: number) {
    this.#server = createServer((client) => {
      const server = connect(target, '127.0.0.1')
      this.#follow(server)
      for (const socket of [client, server]) {
        this.#sockets.add(socket)
        socket.on('error', () => socket.destroy())
      }
      client.pipe(server)
      server.pipe(client)
    })
  }

  static async start(target: number): Promise<RecordCounter> {
    const counter = new RecordCounter(target)
    await new Promise<void>((resolve) => counter.#server.listen(0, '127.0.0.1', resolve))
    return counter
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #follow(server: Socket): void {
    let rest = Buffer.alloc(0)
    server.on('data', (chunk: Buffer) => {
      this.bytes.push(chunk)
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt16BE(3)) {
        this.records.push({ type: rest[0]!, length: rest.readUInt16BE(3) })
        rest = rest.subarray(5 + rest.readUInt16BE(3))
      }
    })
  }
}
