import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { KmipClient } from '../support/kmip-client.ts'
import { lookIntoDatabase } from './database-look.ts'
import { KeyLedger } from './key-ledger.ts'
import { KmipLoad } from './kmip-load.ts'
import { lookOverKmip } from './kmip-look.ts'
import { ServerProcess } from './server-process.ts'
import type { SystemCall } from './system-calls.ts'
import type { Acknowledgement, LoadOptions, RunningVictim, Trial, Victim, Violation } from './victim.ts'

/**
 * The whole server, as `krypton server --dev` starts it, under clients that speak KMIP over mutual TLS. What it acknowledged is what its
 * clients were answered, and they live in another process. What it left is judged by a server started on it, over KMIP, and by a look
 * into the files.
 */
export const kmipVictim: Victim = { name: 'KMIP server', deathsMax: 10, newTrial: () => new KmipTrial() }

class KmipTrial implements Trial {
  readonly #ledger = new KeyLedger()
  #violations: Violation[] = []
  #server: ServerProcess | undefined
  #load: KmipLoad | undefined

  get changes(): number {
    return this.#ledger.changes
  }

  start(directory: string, options: LoadOptions): RunningVictim {
    const { clients, changes = Number.POSITIVE_INFINITY } = options
    const first = Promise.withResolvers<void>()
    const load = new KmipLoad(this.#ledger, changes, () => first.resolve())
    this.#load = load
    let server: ServerProcess | undefined
    const ended = (async () => {
      server = await this.#serverOn(directory, options)
      const target = await server.target().catch(() => undefined)
      if (target !== undefined) await load.run(target, clients)
      // a load of so many changes is at its end
      if (changes !== Number.POSITIVE_INFINITY) server.signal('SIGKILL')
      await server.ended
      load.close()
      this.#server = undefined
      this.#violations.push(...load.violations)
    })()
    return {
      working: Promise.race([first.promise, ended]),
      ended,
      signal: (signal) => server?.signal(signal),
      drained: () => this.#drained(),
    }
  }

  async verify(directory: string): Promise<Violation[]> {
    const server = new ServerProcess(directory)
    this.#server = server
    const violations = await this.#look(server)
    violations.push(...lookIntoDatabase(join(directory, 'data'), this.#ledger.facts))
    return [...this.#violations.splice(0), ...violations]
  }

  /** A server that still runs may have cut a connection on which nothing moved, as on a machine that stands still: it is asked once more. */
  async #look(server: ServerProcess, attempts = 2): Promise<Violation[]> {
    try {
      const client = await KmipClient.connect(await server.target())
      const violations = await lookOverKmip(client, this.#ledger)
      client.socket.destroy()
      return violations
    } catch (error) {
      const said = `${error instanceof Error ? error.message : String(error)}; the server said: ${server.said}`
      if (server.hasEnded || attempts === 1) throw new Error(said, { cause: error })
      process.stderr.write(`a look that failed is repeated: ${said}\n`)
      return this.#look(server, attempts - 1)
    }
  }

  acknowledgements(calls: readonly SystemCall[]): Acknowledgement[] {
    return this.#load!.connections.flatMap(({ localPort, requests }) => {
      const own = calls.filter(({ target }) => target.startsWith('TCP') && target.endsWith(`:${localPort}]`))
      // an answer is the first that is written after something was read: what follows without a read belongs to it, or to an end
      const moves = own.filter(({ name, result }) => writing.has(name) || (reading.has(name) && result > 0))
      const answers = moves
        .filter(({ name }, at) => writing.has(name) && reading.has(moves[at - 1]?.name ?? ''))
        .slice(-requests.length)
      if (answers.length !== requests.length) throw new Error(`${requests.length} requests, ${answers.length} answers`)
      return answers.flatMap(({ begunAt }, at) => {
        if (requests[at] !== 'change') return []
        const asked = own.findLast((call) => reading.has(call.name) && call.result > 0 && call.returnedAt < begunAt)
        return asked === undefined ? [] : [{ askedAt: asked.returnedAt, saidAt: begunAt }]
      })
    })
  }

  async close(): Promise<void> {
    await this.#server?.end('SIGKILL')
    this.#server = undefined
  }

  /** A defective server gets a directory that a sound one has made: what is lost then are keys. */
  async #serverOn(directory: string, options: LoadOptions): Promise<ServerProcess> {
    if (this.#server?.directory === directory && !this.#server.hasEnded) return this.#server
    await this.close()
    if (options.defect !== undefined && !existsSync(join(directory, 'client-bundle.pem'))) {
      const sound = new ServerProcess(directory)
      await sound.target()
      await sound.end('SIGTERM')
    }
    return (this.#server = new ServerProcess(directory, options))
  }

  /** Answers that were on their way have come when none came for a while. */
  async #drained(): Promise<void> {
    for (let before = -1; before !== this.#ledger.changes;) {
      before = this.#ledger.changes
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

const writing: ReadonlySet<string> = new Set(['write', 'writev', 'sendmsg', 'sendto'])
const reading: ReadonlySet<string> = new Set(['read', 'readv', 'recvmsg', 'recvfrom'])
