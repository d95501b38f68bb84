import { randomUUID } from 'node:crypto'
import { Operation } from '../../src/kmip/enums.ts'
import { creation } from '../coherence/key-life.ts'
import { exchange, payloadOf, refusalIn, step } from '../crash/kmip-exchange.ts'
import { KmipClient, type KmipClientOptions } from '../support/kmip-client.ts'

/** One request in so many makes a key; the others get one. */
const requestsPerCreate = 20

/**
 * Clients that get keys and make new ones at a steady rate, and remember what they were given: an answer that is no success, or another key, is a failure.
 */
export class SteadyLoad {
  readonly #clients: readonly KmipClient[]
  readonly #intervalMs: number
  readonly #keys: { readonly identifier: string; readonly material: Buffer }[] = []
  #stopping = false
  #latencies: number[] = []
  #running: Promise<unknown> = Promise.resolve()
  requests = 0
  /** Lines for people. */
  readonly failures: string[] = []

  private constructor(clients: readonly KmipClient[], rate: number) {
    this.#clients = clients
    this.#intervalMs = (1_000 * clients.length) / rate
  }

  static async start(options: KmipClientOptions, connections: number, rate: number): Promise<SteadyLoad> {
    const clients = await Promise.all(Array.from({ length: connections }, () => KmipClient.connect(options)))
    const load = new SteadyLoad(clients, rate)
    for (let made = 0; made < 50; made++) await load.#create(clients[made % clients.length]!)
    load.#running = Promise.all(clients.map((client, at) => load.#work(client, at)))
    return load
  }

  /** The 99th percentile of the latencies since the last call, in milliseconds, and how many there were. */
  takeP99(): { readonly ms: number; readonly count: number } {
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    this.#latencies = []
    return { ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0, count: sorted.length }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
    for (const client of this.#clients) client.socket.destroy()
  }

  /** Gets every key that was made, on a new connection. Says what is not as it was. */
  async verify(options: KmipClientOptions): Promise<number> {
    const client = await KmipClient.connect(options)
    for (const key of this.#keys) await this.#get(client, key)
    client.socket.destroy()
    return this.#keys.length
  }

  async #work(client: KmipClient, at: number): Promise<void> {
    let dueMs = performance.now() + (at * this.#intervalMs) / this.#clients.length
    for (let count = at; !this.#stopping; count++) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())))
      dueMs += this.#intervalMs
      const begun = performance.now()
      try {
        if (count % requestsPerCreate === 0) await this.#create(client)
        else await this.#get(client, this.#keys[Math.floor(Math.random() * this.#keys.length)]!)
      } catch (error) {
        this.#fail(error instanceof Error ? error.message : String(error))
        return
      }
      this.#latencies.push(performance.now() - begun)
      this.requests++
    }
  }

  async #create(client: KmipClient): Promise<void> {
    const items = await exchange(client, [creation(`key ${randomUUID()}`)])
    const created = payloadOf(Operation.Create, items[0])
    if (created === undefined) return this.#fail(`Create: ${refusalIn(items)}`)
    const identifier = created.uniqueIdentifier
    const material = await this.#material(client, identifier)
    if (material !== undefined) this.#keys.push({ identifier, material })
  }

  async #get(client: KmipClient, { identifier, material }: { identifier: string; material: Buffer }): Promise<void> {
    const found = await this.#material(client, identifier)
    if (found !== undefined && !found.equals(material)) this.#fail(`Get ${identifier}: another key`)
  }

  async #material(client: KmipClient, uniqueIdentifier: string): Promise<Buffer | undefined> {
    const items = await exchange(client, [step(Operation.Get, { uniqueIdentifier })])
    const got = payloadOf(Operation.Get, items[0])
    if (got === undefined) {
      this.#fail(`Get ${uniqueIdentifier}: ${refusalIn(items)}`)
      return undefined
    }
    // The codec makes a Buffer of a Byte String.
    return got.symmetricKey?.keyBlock.keyValue?.keyMaterial as Buffer | undefined
  }

  #fail(line: string): void {
    this.failures.push(line)
  }
}
