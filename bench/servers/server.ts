import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import type { Target } from '../../src/bench/target.ts'

/** A server that runs for the bench, in processes of its own. */
export interface BenchServer {
  readonly name: string
  readonly target: Target
  readonly pid: number
  /** When it was first seen to listen, on the clock of `performance.now`; absent where nobody looked. */
  readonly listeningAt?: number
  stop(): Promise<void>
}

/** The core of the server under test; the generator has the others, or shares it on a machine with one core. */
export const serverCpu = '0'
export const allCpus = `0-${availableParallelism() - 1}`

const startMsMax = 30_000
/** How often a server that starts is asked whether it is ready: the error of a start's figure. */
const askMs = 5

/** Starts a command on these cores, in a process group of its own, and keeps the end of what it prints for errors. */
export function startOn(
  cpus: string,
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): StartedProcess {
  const env = { ...process.env, ...environment }
  return new StartedProcess(
    spawn('taskset', ['-c', cpus, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env }),
  )
}

/** What still runs; ended with the bench, however it ends, since process groups of their own do not see its terminal. */
const running = new Set<StartedProcess>()
process.once('exit', () => {
  for (const started of running) started.kill()
})

export class StartedProcess {
  readonly #child: ChildProcess
  #printed = ''
  #ended: string | undefined

  constructor(child: ChildProcess) {
    this.#child = child
    running.add(this)
    const keep = (chunk: Buffer): void => {
      this.#printed = (this.#printed + chunk.toString('utf8')).slice(-4000)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.once('error', (error) => (this.#ended = error.message))
    child.once('exit', (code, signal) => {
      this.#ended = `exit code ${code ?? signal}`
    })
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get printed(): string {
    return this.#printed
  }

  /** Waits until `ready` says so. Throws with what the process printed when it ends or takes too long. */
  async until(ready: () => Promise<boolean> | boolean): Promise<void> {
    const deadline = performance.now() + startMsMax
    while (!(await ready())) {
      if (this.#ended !== undefined) throw new Error(`the server did not start (${this.#ended}):\n${this.#printed}`)
      if (performance.now() > deadline) {
        await this.stop()
        throw new Error(`the server was not ready within ${startMsMax / 1000} s:\n${this.#printed}`)
      }
      await new Promise((resolve) => setTimeout(resolve, askMs))
    }
  }

  kill(): void {
    this.#signal('SIGKILL')
  }

  /** Ends the whole process group: politely, then not. */
  async stop(): Promise<void> {
    await this.#end()
    running.delete(this)
  }

  async #end(): Promise<void> {
    for (const [signal, waitMs] of [
      ['SIGTERM', 3000],
      ['SIGKILL', 2000],
    ] as const) {
      if (!this.#signal(signal)) return
      const deadline = performance.now() + waitMs
      while (performance.now() < deadline) {
        if (!this.#signal(0)) return
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  #signal(signal: NodeJS.Signals | 0): boolean {
    try {
      return this.pid > 0 && process.kill(-this.pid, signal)
    } catch {
      return false
    }
  }
}

/** A TCP port on loopback that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
