import { extname } from 'node:path'
import type { Piscina } from 'piscina'
import { KryptonError } from '../errors.ts'
import { FairQueue } from './fair-queue.ts'
import { nativeAddon, type NativeSetting } from './native.ts'
import { valueOf } from './worker-task.ts'
import type { WorkerAnswer, WorkerFunctionName, WorkerInput, WorkerOutput, WorkerTask } from './worker-task.ts'

export interface WorkerPoolOptions {
  readonly threads: number
  /** Tasks that are handed to a thread before it has ended the first: it never waits for the next one to be brought. */
  readonly tasksPerThread: number
  /** Tasks that may wait. */
  readonly waitingMax: number
  /** Tasks of one owner that may wait. */
  readonly waitingPerOwnerMax: number
  /** Entry of a thread; `worker.ts` unless a test has another. */
  readonly entry?: URL
}

interface Waiting {
  readonly task: WorkerTask
  readonly resolve: (answer: WorkerAnswer<unknown>) => void
  readonly reject: (error: unknown) => void
}

/**
 * Threads that do what would hold up the event loop. They start with the first task. What waits is bounded and taken from each owner in turn; a full
 * queue refuses at once. When a thread dies, the tasks that it had are answered by an error, and another takes its place.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #waiting = new FairQueue<Waiting>()
  readonly #running = new Set<Waiting>()
  #threads: Promise<Piscina> | undefined
  #closing = false
  #drained: (() => void) | undefined

  constructor(options: WorkerPoolOptions) {
    this.#options = options
  }

  /** Tasks that wait for a thread. */
  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Does a task of `owner`. Rejects as the task itself does; with 'overloaded' when too much waits already or the pool ends; with an Error when
   * the thread died.
   */
  async run<N extends WorkerFunctionName>(owner: string, name: N, input: WorkerInput<N>): Promise<WorkerOutput<N>> {
    const { waitingMax, waitingPerOwnerMax } = this.#options
    if (this.#closing) throw stopping()
    if (this.#waiting.size >= waitingMax || this.#waiting.sizeOf(owner) >= waitingPerOwnerMax) {
      throw new KryptonError('overloaded', 'Send the request again later: too many others of its kind wait already')
    }
    const answer = await new Promise<WorkerAnswer<unknown>>((resolve, reject) => {
      this.#waiting.push(owner, { task: { name, input }, resolve, reject })
      this.#dispatch()
    })
    return valueOf(answer) as WorkerOutput<N> // what this task's function returned
  }

  /** Refuses what is new and what waits, lets the threads end what they have for `drainMs` at most, then ends them. */
  async close(drainMs: number): Promise<void> {
    this.#closing = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next.reject(stopping())
    if (this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, drainMs)
        this.#drained = () => {
          clearTimeout(late)
          resolve()
        }
      })
    }
    this.#failRunning(stopping())
    await (await this.#threads)?.destroy()
  }

  #dispatch(): void {
    const capacity = this.#options.threads * this.#options.tasksPerThread
    while (this.#running.size < capacity) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#running.add(next)
      void this.#runNext(next)
    }
  }

  async #runNext(next: Waiting): Promise<void> {
    try {
      const threads = await (this.#threads ??= this.#start())
      next.resolve((await threads.run(next.task)) as WorkerAnswer<unknown>) // worker.ts answers so
    } catch (cause) {
      next.reject(new Error('a worker thread ended before its task', { cause }))
    }
    this.#running.delete(next)
    this.#dispatch()
    if (this.#running.size === 0) this.#drained?.()
  }

  async #start(): Promise<Piscina> {
    const { Piscina } = await import('piscina')
    const { threads, tasksPerThread, entry } = this.#options
    const started = new Piscina({
      filename: (entry ?? new URL(`./worker${extname(import.meta.url)}`, import.meta.url)).href,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: tasksPerThread,
      // Who holds secrets is decided once for the process.
      workerData: (nativeAddon() === undefined ? 'off' : 'auto') satisfies NativeSetting,
      idleTimeout: Infinity,
      // A thread without a task sleeps in the kernel: it is woken by one store to shared memory, at half the cost of a message.
      atomics: 'sync',
      recordTiming: false,
    })
    // A thread that died without a task, at its start for example: those that wait for it would wait for ever.
    started.on('error', (error: unknown) => {
      this.#threads = undefined
      this.#failRunning(error)
      void started.destroy()
    })
    return started
  }

  #failRunning(error: unknown): void {
    for (const task of this.#running) task.reject(error)
    this.#running.clear()
  }
}

function stopping(): KryptonError {
  return new KryptonError('overloaded', 'Send the request again: the server is stopping')
}
