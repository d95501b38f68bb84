import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { type ErrorCode, KryptonError } from './errors.ts'
import { exportRootKeys, type RootKeys, type TransferableRootKeys } from './hierarchy/key-chain.ts'
import type { KeyUsers, MeantKeys } from './hierarchy/key-versions.ts'
import type { Leases } from './hierarchy/lease.ts'
import { answerLease, type LeaseAnswer, type LeaseWanted } from './lease-relay.ts'
import { limits } from './limits.ts'
import type { ChangedRows } from './store/row-register.ts'
import type { StoreConnection } from './store/sqlite/sqlite-store.ts'
import type { StreamMessage } from './stream-relay.ts'

/** What a listener thread is given first, and serves. */
export interface ListenerThreadData {
  readonly config: Config
  readonly port: number
  /** Undefined: KMIP is not served over HTTPS. */
  readonly httpsPort: number | undefined
  /** No other thread of this process has, or had, the same number. */
  readonly thread: number
  readonly store: StoreConnection
  readonly root: TransferableRootKeys
  /** Memory of this thread's `Counters`. */
  readonly counters: SharedArrayBuffer
  /** Memory of `LeaseCells`. */
  readonly leases: SharedArrayBuffer
  /** What hangs on these rows is refused. */
  readonly changed: readonly ChangedRows[]
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** Where a thread serves KMIP; all threads serve it at the same places. */
export interface ListeningAddresses {
  readonly address: Address
  /** Over HTTPS, where that is served. */
  readonly httpsAddress: Address | undefined
}

/** From a listener thread to the main one. */
export type ListenerThreadMessage =
  | ({ readonly kind: 'listening' } & ListeningAddresses)
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
  | StreamMessage
  | LeaseWanted
  | { readonly kind: 'damaged'; readonly message: string }
  | { readonly kind: 'refreshed'; readonly number: number; readonly fault: string | undefined }

/** To a listener thread: drain and end. */
export const stopListening = 'stop'

/** To a listener thread: open the keys as they are stored now, and say so when nothing waits any more that was sealed under older ones. */
export interface RefreshKeys {
  readonly refresh: number
  readonly meant: MeantKeys | undefined
  /** The root's keys as they are now, in the place of those that the thread has; undefined where they are the same. */
  readonly root: TransferableRootKeys | undefined
}

/** To a listener thread: refuse what hangs on these rows, from now on, and nothing else. */
export interface RefuseChanged {
  readonly changed: readonly ChangedRows[]
}

/** What a thread is started with, made anew for each: a connection to the store and the root's keys are for one thread. */
export type MakeThreadData = () => Omit<ListenerThreadData, 'port' | 'httpsPort' | 'thread' | 'changed'>

/** Who is told of threads that end by themselves, which is a fault of ours, and of what they found damaged. */
export interface ThreadLosses {
  /** A row that somebody has changed from outside: the message names it. Threads tell of it each. */
  readonly onDamaged: (message: string) => void
  /** One ended and another takes its place; its clients are cut off and connect again. */
  readonly onLost: (error: Error) => void
  /** They end again and again: the server cannot serve. */
  readonly onGivenUp: (error: Error) => void
}

/** A thread that loads, with its number. */
interface Prepared {
  readonly thread: number
  readonly worker: Worker
}

/** The threads that serve KMIP. One that dies is replaced, unless too many have died in a short time. */
export class ListenerThreads implements KeyUsers {
  readonly #losses: ThreadLosses
  readonly #leases: () => Leases
  readonly #clock: Clock
  /** By the number of the thread. */
  readonly #workers = new Map<number, Worker>()
  /** Threads that have nothing to serve yet. */
  readonly #prepared: Prepared[] = []
  /** Threads that take the place of others and do not listen yet. */
  readonly #replacing = new Set<Promise<void>>()
  /** When threads were lost lately, by the monotonic clock. */
  #lostMs: number[] = []
  #started = 0
  #refreshes = 0
  #stopping = false
  #addresses: ListeningAddresses | undefined
  #changed: RefuseChanged = { changed: [] }

  /** `leases`: those of the main thread, for listener threads that have none. */
  constructor(losses: ThreadLosses, leases: () => Leases, clock: Clock) {
    this.#losses = losses
    this.#leases = leases
    this.#clock = clock
  }

  /** Where KMIP is served. */
  get address(): Address {
    return this.#listening().address
  }

  /** Where it is served over HTTPS; undefined when it is not. */
  get httpsAddress(): Address | undefined {
    return this.#listening().httpsAddress
  }

  #listening(): ListeningAddresses {
    if (this.#addresses === undefined) throw new Error('no thread listens yet')
    return this.#addresses
  }

  /**
   * Begins to load so many threads, which takes them as long as all the rest of a start: beside it, that is no time. `start` gives them what
   * they serve.
   */
  prepare(count: number): void {
    while (this.#prepared.length < count) this.#prepared.push(this.#newWorker())
  }

  #newWorker(): Prepared {
    const thread = (this.#started += 1)
    const entry = new URL(`./listener-thread${extname(import.meta.url)}`, import.meta.url)
    const resourceLimits = { maxYoungGenerationSizeMb: limits.listenerYoungGenerationMib }
    return { thread, worker: new Worker(entry, { name: `listener-${thread}`, resourceLimits }) }
  }

  /** Starts one more; resolves when it listens. Rejects with what kept it from that. */
  async start(makeData: MakeThreadData): Promise<void> {
    const data = makeData()
    // The first thread takes the port; with port 0 the others need the one that it was given.
    const port = this.#addresses?.address.port ?? data.config.kmip.port
    const httpsPort = this.#addresses?.httpsAddress?.port ?? data.config.kmip.httpsPort
    const { thread, worker } = this.#prepared.shift() ?? this.#newWorker()
    worker.postMessage(
      { ...data, port, httpsPort, thread, changed: this.#changed.changed } satisfies ListenerThreadData,
      [data.store.port],
    )
    this.#addresses = await listening(worker)
    this.#workers.set(thread, worker)
    // It may have become other rows since it was started.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the rule is about windows, this is a thread
    worker.postMessage(this.#changed)
    worker.on('message', (message: ListenerThreadMessage) => {
      if (message.kind === 'lease-wanted') void this.#answerLease(worker, message)
      else this.#relay(message)
    })
    let fault: Error | undefined
    worker.on('error', (error) => (fault = error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', (code) => {
      this.#workers.delete(thread)
      for (const other of this.#workers.values()) tell(other, { kind: 'stream-lost', thread })
      this.#onExit(fault ?? new Error(`a listener thread ended with code ${code}`), makeData)
    })
  }

  /** A thread that ends meanwhile needs no answer: the one in its place begins with the keys as they are stored. */
  refresh(meant?: MeantKeys): Promise<void> {
    return this.#refreshAll(meant, undefined)
  }

  takeRoot(root: RootKeys): Promise<void> {
    return this.#refreshAll(undefined, root)
  }

  async #refreshAll(meant: MeantKeys | undefined, root: RootKeys | undefined): Promise<void> {
    const refresh = this.#refreshes++
    // A thread that is still starting may have read older keys.
    await Promise.all(this.#replacing)
    const message = { refresh, meant, root: root && exportRootKeys(root) }
    await Promise.all([...this.#workers.values()].map((worker) => refreshed(worker, message)))
  }

  /** Has every thread refuse what hangs on these rows; resolves when each has confirmed it. Throws as `refresh`. */
  async refuse(changed: readonly ChangedRows[]): Promise<void> {
    this.#changed = { changed }
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the rule is about windows, these are threads
    for (const worker of this.#workers.values()) worker.postMessage(this.#changed)
    await this.refresh()
  }

  /** Drains every thread and waits for their end. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#replacing)
    await Promise.all([
      ...[...this.#workers.values()].map(ended),
      ...this.#prepared.map(({ worker }) => worker.terminate()),
    ])
  }

  async #answerLease(worker: Worker, wanted: LeaseWanted): Promise<void> {
    const answer: LeaseAnswer = await answerLease(this.#leases(), wanted)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the rule is about windows, this is a thread
    worker.postMessage(answer)
  }

  /** Hands a message about a stream to the thread that it is for; of one that has ended, whoever asks is told. */
  #relay(message: ListenerThreadMessage): void {
    if (message.kind === 'damaged') return this.#losses.onDamaged(message.message)
    if (message.kind !== 'stream-part' && message.kind !== 'stream-answer' && message.kind !== 'stream-end') return
    const worker = this.#workers.get(message.to)
    if (worker !== undefined) tell(worker, message)
    else if (message.kind === 'stream-part') {
      const asker = this.#workers.get(message.from)
      if (asker !== undefined) tell(asker, { kind: 'stream-lost', thread: message.to })
    }
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

function tell(worker: Worker, message: StreamMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the rule is about windows, this is a thread
  worker.postMessage(message)
}

/** Asks a thread to stop and waits for its end. */
async function ended(worker: Worker): Promise<void> {
  await new Promise<void>((resolve) => {
    worker.once('exit', () => resolve())
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the rule is about windows, this is a thread
    worker.postMessage(stopListening)
  })
}

/** Resolves when the thread has answered, or has ended. Throws 'not-healthy' when it cannot open a key or does not answer. */
async function refreshed(worker: Worker, message: RefreshKeys): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (why: string): void =>
      settle(() =>
        reject(new KryptonError('not-healthy', `${worker.threadName ?? 'a thread'} ${why}: its log says more`)),
      )
    const onMessage = (answer: ListenerThreadMessage): void => {
      if (answer.kind !== 'refreshed' || answer.number !== message.refresh) return
      if (answer.fault === undefined) settle(resolve)
      else refuse(`cannot open the keys as they are stored (${answer.fault})`)
    }
    const onExit = (): void => settle(resolve)
    const timer = setTimeout(() => refuse('does not answer whether it has opened new keys'), limits.keyRefreshMs)
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      worker.off('message', onMessage)
      worker.off('exit', onExit)
      act()
    }
    worker.on('message', onMessage)
    worker.on('exit', onExit)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the rule is about windows, this is a thread
    worker.postMessage(message)
  })
}

async function listening(worker: Worker): Promise<ListeningAddresses> {
  return new Promise<ListeningAddresses>((resolve, reject) => {
    const ended = (code: number): void =>
      reject(new Error(`a listener thread ended with code ${code} before it listened`))
    worker.once('error', reject)
    worker.once('exit', ended)
    worker.once('message', (message: ListenerThreadMessage) => {
      worker.off('error', reject)
      worker.off('exit', ended)
      if (message.kind === 'listening') resolve(message)
      else if (message.kind === 'refused') reject(new KryptonError(message.code, message.message))
    })
  })
}
