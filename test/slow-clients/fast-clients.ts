import { KmipClient } from '../support/kmip-client.ts'
import type { ServerStarted } from './messages.ts'

/** A request as the server of this run takes it: a whole frame; what is in it nobody asks. */
export function requestFrame(number: number): Buffer {
  const bytes = Buffer.alloc(72)
  bytes.writeUInt32BE(0x42007801, 0)
  bytes.writeUInt32BE(64, 4)
  bytes.writeUInt32BE(number, 8)
  return bytes
}

/** Requests of slow clients have their client's number from here on, those of the fast ones smaller ones. */
export const firstSlowNumber = 0x4000_0000

/** Well-behaved clients at a steady rate; their latencies are what the slow ones must not spoil. */
export class FastClients {
  readonly #clients: readonly KmipClient[]
  #latenciesMs: number[] = []
  #stopped = false
  readonly #loops: Promise<void>[]

  private constructor(clients: readonly KmipClient[]) {
    this.#clients = clients
    this.#loops = clients.map((client) => this.#run(client))
  }

  static async start(server: ServerStarted, count: number): Promise<FastClients> {
    const { cert, key } = server.identities[0]!
    const options = { port: server.port, ca: server.ca, cert, key }
    return new FastClients(await Promise.all(Array.from({ length: count }, () => KmipClient.connect(options))))
  }

  /** The 99th percentile of the latencies since the last call, in milliseconds, and how many there were. */
  take(): { readonly p99Ms: number; readonly count: number } {
    const sorted = this.#latenciesMs.toSorted((left, right) => left - right)
    this.#latenciesMs = []
    return { p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Infinity, count: sorted.length }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  async #run(client: KmipClient): Promise<void> {
    for (let number = 0; !this.#stopped; number++) {
      const start = performance.now()
      await client.send(requestFrame(number))
      this.#latenciesMs.push(performance.now() - start)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}

const pauseMs = 5
