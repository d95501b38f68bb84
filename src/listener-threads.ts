import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { type ErrorCode, KryptonError } from './errors.ts'
import type { TransferableRootKeys } from './hierarchy/key-chain.ts'
import { limits } from './limits.ts'
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

/** What a thread is started with, made anew for each: a connection to the store and the root's keys are for one thread. */
export type MakeThreadData = () => Omit<ListenerThreadData, 'port'>

/** Who is told of threads that end by themselves, which is a fault of ours. */
export interface ThreadLosses {
  /** One ended and another takes its place; its clients are cut off and connect again. */
  readonly onLost: (error: Error) => void
  /** They end again and again: the server cannot serve. */
  readonly onGivenUp: (error: Error) => void
}

/** The threads that serve KMIP. One that dies is replaced, unless too many have died in a short time. */
export class ListenerThreads {
  readonly #losses: ThreadLosses
  readonly #clock: Clock
  readonly #workers = new Set<Worker>()
  /** Threads that take the place of others and do not listen yet. */
  readonly #replacing = new Set<Promise<void>>()
  /** When threads were lost lately, by the monotonic clock. */
  #lostMs: number[] = []
  #started = 0
  #stopping = false
  #address: Address | undefined

  constructor(losses: ThreadLosses, clock: Clock) {
    this.#losses = losses
    this.#clock = clock
  }

  /** Where KMIP is served. */
  get address(): Address {
    if (this.#address === undefined) throw new Error('no thread listens yet')
    return this.#address
  }

  /** Starts one more; resolves when it listens. Rejects with what kept it from that. */
  async start(makeData: MakeThreadData): Promise<void> {
    const data = makeData()
    // The first thread takes the port; with port 0 the others need the one that it was given.
    const port = this.#address?.port ?? data.config.kmip.port
    const entry = new URL(`./listener-thread${extname(import.meta.url)}`, import.meta.url)
    this.#started += 1
    const worker = new Worker(entry, {
      name: `listener-${this.#started}`,
      workerData: { ...data, port } satisfies ListenerThreadData,
      transferList: [data.store.port],
    })
    this.#address = await listening(worker)
    this.#workers.add(worker)
    let fault: Error | undefined
    worker.on('error', (error) => (fault = error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', (code) => {
      this.#workers.delete(worker)
      this.#onExit(fault ?? new Error(`a listener thread ended with code ${code}`), makeData)
    })
  }

  /** Drains every thread and waits for their end. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#replacing)
    await Promise.all([...this.#workers].map(ended))
  }

  #onExit(fault: Error, makeData: MakeThreadData): void {
    if (this.#stopping) return
    const nowMs = this.#clock.monotonic()
    this.#lostMs = this.#lostMs.filter((ms) => nowMs - ms < limits.threadLossesMs)
    this.#lostMs.push(nowMs)
    if (this.#lostMs.length > limits.threadLossesMax) return this.#losses.onGivenUp(fault)
    this.#losses.onLost(fault)
    const replacing = this.#replace(makeData)
    this.#replacing.add(replacing)
    void replacing.finally(() => this.#replacing.delete(replacing))
  }

  async #replace(makeData: MakeThreadData): Promise<void> {
    try {
      await this.start(makeData)
    } catch (cause) {
      this.#onExit(cause instanceof Error ? cause : new Error(String(cause)), makeData)
    }
  }
}

/** Asks a thread to stop and waits for its end. */
async function ended(worker: Worker): Promise<void> {
  await new Promise<void>((resolve) => {
    worker.once('exit', () => resolve())
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the rule is about windows, this is a thread
    worker.postMessage(stopListening)
  })
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
