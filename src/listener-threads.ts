import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Config } from './config.ts'
import { type ErrorCode, KryptonError } from './errors.ts'
import type { TransferableRootKeys } from './hierarchy/key-chain.ts'
import type { StoreConnection } from './store/sqlite/sqlite-store.ts'

/** What a listener thread is started with. */
export interface ListenerThreadData {
  readonly config: Config
  readonly port: number
  readonly store: StoreConnection
  readonly root: TransferableRootKeys
  /** Memory of this thread's `Counters`. */
  readonly counters: SharedArrayBuffer
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** From a listener thread to the main one. */
export type ListenerThreadMessage =
  | { readonly kind: 'listening'; readonly address: Address }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }

/** To a listener thread: drain and end. */
export const stopListening = 'stop'

/** The threads that serve KMIP. One that dies by itself is a fault of ours: `onDied` is called, and the server stops whole. */
export class ListenerThreads {
  readonly #workers: Worker[] = []
  readonly #onDied: (error: Error) => void
  #stopping = false
  #address: Address | undefined

  constructor(onDied: (error: Error) => void) {
    this.#onDied = onDied
  }

  /** Where KMIP is served. */
  get address(): Address {
    if (this.#address === undefined) throw new Error('no thread listens yet')
    return this.#address
  }

  /** Starts one more; resolves when it listens. Rejects with what kept it from that. */
  async start(data: Omit<ListenerThreadData, 'port'>): Promise<void> {
    // The first thread takes the port; with port 0 the others need the one that it was given.
    const port = this.#address?.port ?? data.config.kmip.port
    const entry = new URL(`./listener-thread${extname(import.meta.url)}`, import.meta.url)
    const worker = new Worker(entry, {
      name: `listener-${this.#workers.length + 1}`,
      workerData: { ...data, port } satisfies ListenerThreadData,
      transferList: [data.store.port],
    })
    this.#address = await listening(worker)
    this.#workers.push(worker)
    worker.on('error', (error) => this.#died(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', (code) => this.#died(new Error(`a listener thread ended with code ${code}`)))
  }

  /** Drains every thread and waits for their end. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(
      this.#workers.map(
        (worker) =>
          new Promise<void>((resolve) => {
            worker.once('exit', () => resolve())
            // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the rule is about windows, this is a thread
            worker.postMessage(stopListening)
          }),
      ),
    )
  }

  #died(error: Error): void {
    if (this.#stopping) return
    this.#onDied(error)
  }
}

async function listening(worker: Worker): Promise<Address> {
  return new Promise<Address>((resolve, reject) => {
    const ended = (code: number): void =>
      reject(new Error(`a listener thread ended with code ${code} before it listened`))
    worker.once('error', reject)
    worker.once('exit', ended)
    worker.once('message', (message: ListenerThreadMessage) => {
      worker.off('error', reject)
      worker.off('exit', ended)
      if (message.kind === 'listening') resolve(message.address)
      else reject(new KryptonError(message.code, message.message))
    })
  })
}
