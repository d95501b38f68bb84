import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { KmipClientOptions } from '../support/kmip-client.ts'
import type { LoadOptions } from './victim.ts'

const command = join(import.meta.dirname, '..', '..', 'bin', 'krypton')
const defectiveServer = pathToFileURL(join(import.meta.dirname, 'defective-server.ts')).href
const smallLog = pathToFileURL(join(import.meta.dirname, 'small-log.ts')).href

/** Compiled sources, written by the first server that ends well: the others start sooner. */
const compiled = mkdtempSync(join(tmpdir(), 'krypton-compiled-'))

const saidCharactersMax = 2_000

/** What must not outlive this process. */
const running = new Set<ServerProcess>()
process.on('exit', () => {
  for (const server of running) server.signal('SIGKILL')
  rmSync(compiled, { recursive: true, force: true })
})

/** `krypton server --dev` on a directory, in a process of its own that is there to be killed. */
export class ServerProcess {
  readonly directory: string
  readonly #child: ChildProcess
  readonly #isTraced: boolean
  /** Rejects when the server ends before it serves. */
  readonly #port: Promise<number>
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>
  #hasEnded = false
  #said = ''

  constructor(directory: string, { under = [], defect }: Pick<LoadOptions, 'under' | 'defect'> = {}) {
    this.directory = directory
    this.#isTraced = under.length > 0
    const ports = ['--kmip-port', '0', '--health-port', '0']
    const line = [...under, process.execPath, command, 'server', '--dev', '--dir', directory, ...ports, '--json']
    // As it is, a server writes more than it does here before it copies its log back.
    const loaded = [...(defect === undefined ? [] : [defectiveServer]), ...(Math.random() < 0.5 ? [smallLog] : [])]
    const planted = {
      NODE_OPTIONS: loaded.map((file) => `--import=${file}`).join(' '),
      ...(defect === undefined ? {} : { CRASH_DEFECT: defect }),
    }
    const child = spawn(line[0]!, line.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: compiled, ...planted },
    })
    this.#child = child
    running.add(this)
    child.once('close', () => {
      this.#hasEnded = true
      running.delete(this)
    })
    child.stderr.on('data', (chunk: Buffer) => (this.#said = (this.#said + chunk.toString()).slice(-saidCharactersMax)))
    this.ended = once(child, 'close').then(() => undefined)
    this.#port = announced(child)
    // whoever waits for the port is told; a server that is killed early has nobody waiting
    this.#port.catch(() => undefined)
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** The end of its log. */
  get said(): string {
    return this.#said.trim()
  }

  signal(signal: NodeJS.Signals): void {
    const own = this.#child.pid!
    const pid = this.#isTraced ? childOf(own) : own
    if (!this.#hasEnded && pid !== undefined) process.kill(pid, signal)
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.signal(signal)
    await this.ended
  }

  /** How the client `demo` reaches it, once it serves. */
  async target(): Promise<KmipClientOptions> {
    const port = await this.#port
    const file = (name: string) => readFileSync(join(this.directory, name))
    return { port, ca: file('ca.pem'), cert: file('client.pem'), key: file('client.key') }
  }
}

async function announced(child: ChildProcess): Promise<number> {
  let [printed, complaints] = ['', '']
  child.stderr!.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.stdout!.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      const port = portIn(printed)
      if (port !== undefined) resolve(port)
    })
    child.once('error', reject)
    child.once('close', () => reject(new Error(`the server ended before it served: ${complaints.trim()}`)))
  })
}

/** Undefined while the document is not whole. */
function portIn(printed: string): number | undefined {
  try {
    // the command prints one document of this form with --json
    const { addresses } = JSON.parse(printed) as { addresses: { kmip: { port: number } } }
    return addresses.kmip.port
  } catch {
    return undefined
  }
}

/** The process that a tracer has started. */
function childOf(pid: number): number | undefined {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
  return child === undefined || child === '' ? undefined : Number(child)
}
