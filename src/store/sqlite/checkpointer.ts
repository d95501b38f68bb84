import { extname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { limits } from '../../limits.ts'

/** What the thread that copies the log of a section back is started with: the section's file. */
export interface CheckpointData {
  readonly path: string
}

/** That it has copied what it could, or what the disk says. */
export interface CheckpointAnswer {
  readonly failed?: string
}

/**
 * Has the write-ahead log of a section copied back into its file by a thread of its own, while the writer goes on: by the writer itself each copy of a thousand pages held up
 * the commits behind it for 5 to 7 ms, a sixth of its time under 64 clients, who have a tenth to a fifth more Creates a second now, and the same p99 (`bench/durable`, alternating). The thread starts with the first `limits.storeCheckpointPages`: a
 * server that writes little has none. SQLite begins the log anew at a commit that finds all of it copied; under a load that never lets the thread come to its end the writer copies what is left
 * at `limits.storeLogPages`, which is little.
 */
export class Checkpointer {
  readonly #path: string
  readonly #log: StatementSync
  readonly #onFailed: (message: string) => void
  #worker: Worker | undefined
  #isAtWork = false

  /** `database` is the writer's connection to the file at `path`; `onFailed` is called when a copy could not be made durable: the store must stop then. */
  constructor(database: DatabaseSync, path: string, onFailed: (message: string) => void) {
    this.#path = path
    this.#log = database.prepare('PRAGMA wal_checkpoint(NOOP)')
    this.#onFailed = onFailed
  }

  /** After a transaction: has the log copied back when enough of it is not. It takes the writer a microsecond. */
  look(): void {
    if (this.#isAtWork) return
    const { log, checkpointed } = this.#log.get()!
    if (Number(log) - Number(checkpointed) < limits.storeCheckpointPages) return
    this.#isAtWork = true
    this.#worker ??= this.#start()
    this.#worker.postMessage(null)
  }

  /** Ends the thread, with what it is at. */
  async close(): Promise<void> {
    this.#isAtWork = true
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const worker = new Worker(new URL(`./checkpoint-thread${extname(import.meta.url)}`, import.meta.url), {
      workerData: { path: this.#path } satisfies CheckpointData,
      name: 'store-checkpoint',
    })
    worker.on('message', ({ failed }: CheckpointAnswer) => {
      this.#isAtWork = false
      if (failed !== undefined) this.#onFailed(failed)
    })
    // A thread that cannot be had, for lack of memory say, is asked no more: the writer copies by itself.
    worker.on('error', () => undefined)
    worker.unref()
    return worker
  }
}
