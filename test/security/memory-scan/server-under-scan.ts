import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectDirectory, runWell, sleep } from '../../support/counterparts.ts'
import { identityIn } from '../../integration/krypton-server.ts'
import type { Target } from '../../integration/kmip-connection.ts'
import type { Command } from './inside.ts'

const command = join(projectDirectory, 'bin', 'krypton')
const source = join(projectDirectory, 'src', 'cli', 'main.ts')

export type Native = 'required' | 'off'

export interface StartOptions {
  /** Of `makeShowPages`: the server keeps its right to a core file, and its locked pages can be read. */
  readonly library?: string
  /** Flags of `krypton server`. */
  readonly flags?: readonly string[]
}

/** A production instance and its server, started as `krypton server` starts it, with the harness's module in each of its threads. */
export class ServerUnderScan {
  readonly instance: string
  readonly #child: ChildProcess
  readonly #hold: string
  #port = 0
  #log = ''
  /** How it ended. */
  readonly ended: Promise<string>

  private constructor(instance: string, native: Native, { library, flags: more = [] }: StartOptions) {
    this.instance = instance
    this.#hold = join(instance, '..', `hold-${process.hrtime.bigint()}`)
    mkdirSync(this.#hold)
    const flags = [
      '--disable-warning=ExperimentalWarning',
      '--disable-sigusr1',
      `--openssl-config=${join(projectDirectory, 'bin', 'openssl.cnf')}`,
      '--expose-gc',
      `--import=${new URL('./inside.ts', import.meta.url).href}`,
    ]
    const config = join(instance, 'krypton.yaml')
    const server = ['server', '--config', config, '--health-port', '0', '--json', ...more]
    // The library comes after the shell, whose right to a limit it would take too.
    const preload = library === undefined ? [] : ['/usr/bin/env', `LD_PRELOAD=${library}`]
    const line = [...preload, process.execPath, ...flags, source, ...server]
    // The shell sets the limit of core files, which Node cannot, and is the server from there on.
    const coreLimit = library === undefined ? '0' : 'unlimited'
    this.#child = spawn('/bin/sh', ['-c', 'ulimit -c "$0"; exec "$@"', coreLimit, ...line], {
      cwd: join(instance, '..'),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A server of production refuses the folder of compiled code that CI has.
      env: { ...process.env, NODE_COMPILE_CACHE: undefined, KRYPTON_NATIVE: native, MEMORY_SCAN_HOLD: this.#hold },
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#log += text))
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
    })
  }

  /** Makes an instance as `krypton init` does. */
  static async makeInstance(directory: string): Promise<void> {
    await runWell(process.execPath, [command, 'init', '--dir', directory, '--kmip-port', '0'])
  }

  /** Resolves when it serves; one that ends instead is not waited for. */
  static async start(instance: string, native: Native, options: StartOptions = {}): Promise<ServerUnderScan> {
    const server = new ServerUnderScan(instance, native, options)
    let text = ''
    await new Promise<void>((resolve, reject) => {
      const look = setInterval(() => {
        if (!server.#isHeld) return
        server.#child.kill('SIGKILL')
        inVain('held at its end')
      }, 100)
      const inVain = (how: string): void => {
        clearInterval(look)
        reject(new Error(`the server did not start (${how}): ${server.#log}`))
      }
      void server.ended.then(inVain)
      server.#child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        const port = /"port": (\d+)/.exec(text)?.[1]
        if (port === undefined || !text.trimEnd().endsWith('}')) return
        server.#port = Number(port)
        clearInterval(look)
        resolve()
      })
    })
    return server
  }

  /** For a start that must fail: resolves when it is at its end, its memory still there. */
  static async startInVain(instance: string, native: Native, options: StartOptions = {}): Promise<ServerUnderScan> {
    const server = new ServerUnderScan(instance, native, options)
    await server.untilHeld()
    return server
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get log(): string {
    return this.#log
  }

  async client(name: string): Promise<Target> {
    const out = join(this.instance, '..', `client-${name}`)
    const ask = (...words: string[]): Promise<string> =>
      runWell(process.execPath, [command, ...words, '--dir', this.instance])
    await ask('tenant', 'add', name)
    await ask('client', 'add', name, '--tenant', name, '--out', out)
    return this.target(name)
  }

  /** Where a client of that name, of this start or an earlier one, finds the server. */
  target(name: string): Target {
    const { caFile, certFile, keyFile } = identityIn(join(this.instance, '..', `client-${name}`))
    return { host: '127.0.0.1', port: this.#port, caFile, certFile, keyFile }
  }

  /** Has every thread of the server do it, and waits until all have. */
  async order(command: Command): Promise<void> {
    const done = new Promise((resolve) => this.#child.once('message', resolve))
    this.#child.send(command)
    await Promise.race([done, this.ended])
    // Other threads get it over a channel of their own and take their turn.
    await sleep(1_000)
  }

  /** SIGTERM; resolves when it is at its end, its memory still there. */
  async stopAndHold(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.untilHeld()
  }

  async untilHeld(): Promise<void> {
    for (let waited = 0; !this.#isHeld; waited += 50) {
      if (waited > heldMsMax) throw new Error(`the server did not come to its end:\n${this.#log}`)
      await sleep(50)
    }
  }

  get #isHeld(): boolean {
    return existsSync(join(this.#hold, 'held'))
  }

  /** Lets a held process end and says how it did. */
  async release(): Promise<string> {
    writeFileSync(join(this.#hold, 'go'), '')
    return this.ended
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}

const heldMsMax = 20_000
