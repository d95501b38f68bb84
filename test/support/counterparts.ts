import { execFile, spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** The checkout. */
export const projectDirectory = resolve(import.meta.dirname, '../..')

/** Where real clients and stand-ins are installed once and kept between runs. */
export const counterpartsDirectory =
  process.env['KRYPTON_COUNTERPARTS'] ?? join(homedir(), '.cache', 'krypton-counterparts')

const outputCharactersMax = 8_000
/** A machine that others use too may take a minute for what takes a second. */
const startMsMax = 150_000
const stopMsMax = 60_000

/**
 * The folder with golden exchanges, vectors and the conformance runner: `KRYPTON_SHARED`, or `shared` beside the checkout.
 * Throws when it is missing, so that a test never passes by not running.
 */
export function sharedFile(...path: readonly string[]): string {
  const root = process.env['KRYPTON_SHARED'] ?? resolve(projectDirectory, '../shared')
  const file = join(root, ...path)
  if (!existsSync(file)) throw new Error(`${file} is missing: set KRYPTON_SHARED to the folder of shared test material`)
  return file
}

/** A new folder that only its owner may read; `removeDirectory` ends it. */
export function temporaryDirectory(name: string): string {
  return mkdtempSync(join(tmpdir(), `krypton-${name}-`))
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true })
}

/**
 * Runs `install` into an empty folder of the cache unless an earlier run finished with the same `version`. An installation that
 * was cut off is made anew, since its mark is written last.
 */
export async function installed(
  name: string,
  version: string,
  install: (directory: string) => Promise<void>,
): Promise<string> {
  const directory = join(counterpartsDirectory, name)
  const mark = join(directory, '.installed')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === version) return directory
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  await install(directory)
  writeFileSync(mark, version)
  return directory
}

export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly timeoutMs?: number
}

/** Runs a command to its end and returns what it printed, whatever its exit code. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Output> {
  const { cwd, env, timeoutMs = 300_000 } = options
  return new Promise((resolve, reject) => {
    execFile(
      command,
      [...args],
      { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, maxBuffer: 1 << 26, encoding: 'utf8' },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number')
          reject(new Error(`${command}: ${error.message}\n${stderr}`))
        else resolve({ code: Number(error?.code ?? 0), stdout, stderr })
      },
    )
  })
}

/** Runs a command that must succeed; throws with the end of what it printed. Returns its stdout. */
export async function runWell(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options)
  if (code === 0) return stdout
  throw new Error(
    `${[command, ...args].join(' ')} ended with ${code}:\n${`${stdout}\n${stderr}`.slice(-outputCharactersMax)}`,
  )
}

/** A process of a test's own in a process group of its own, so that stopping it stops its children. */
export class TestProcess {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #listeners = new Set<() => void>()
  readonly #ended: Promise<string>
  #stdout = ''
  #stderr = ''
  #end: string | undefined

  constructor(command: string, args: readonly string[], options: Omit<RunOptions, 'timeoutMs'> = {}) {
    this.#child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#printed(() => (this.#stdout += text)))
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => this.#printed(() => (this.#stderr += text)))
    // A process that ended has closed its stdin: who writes to it learns that from the answer that does not come.
    this.#child.stdin.on('error', () => undefined)
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#printed(() => (this.#end ??= how))
        resolve(how)
      }
      this.#child.once('error', (error) => end(error.message))
      this.#child.once('close', (code, signal) => end(signal ?? `exit code ${code}`))
    })
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** How it ended: `exit code 0`, `SIGKILL`; undefined while it runs. */
  get ended(): string | undefined {
    return this.#end
  }

  write(text: string): void {
    this.#child.stdin.write(text)
  }

  /** Resolves with the first value that `look` finds; asks again after all that is printed and when the process ends. */
  until<T>(look: () => T | undefined, what: string, timeoutMs = startMsMax): Promise<T> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer)
        this.#listeners.delete(ask)
      }
      const ask = (): void => {
        const found = look()
        if (found === undefined && this.#end === undefined) return
        finish()
        if (found === undefined) reject(this.#problem(`${what}: the process ended (${this.#end})`))
        else resolve(found)
      }
      const timer = setTimeout(() => {
        finish()
        reject(this.#problem(`${what}: nothing within ${timeoutMs} ms`))
      }, timeoutMs)
      this.#listeners.add(ask)
      ask()
    })
  }

  /** Waits for the end of the process and says how it ended. */
  end(timeoutMs = stopMsMax): Promise<string> {
    return this.until(() => this.#end, 'the end of the process', timeoutMs)
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#end === undefined && this.pid > 0) process.kill(-this.pid, signal)
  }

  /** Politely, then not. Returns how it ended. */
  async stop(): Promise<string> {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (this.#end !== undefined) break
      this.signal(signal)
      await Promise.race([this.#ended, sleep(stopMsMax)])
    }
    return await this.#ended
  }

  /** SIGKILL to the whole group, and its end awaited. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#ended
  }

  #printed(keep: () => void): void {
    keep()
    for (const listener of this.#listeners) listener()
  }

  #problem(what: string): Error {
    return new Error(`${what}\n${`${this.#stdout}\n${this.#stderr}`.slice(-outputCharactersMax)}`)
  }
}

/** A TCP port on loopback that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** Waits until somebody listens on the port of loopback. Throws when the process that should has ended, or too late. */
export async function untilListening(port: number, owner: TestProcess): Promise<void> {
  const deadline = performance.now() + startMsMax
  while (!(await listens(port))) {
    if (owner.ended !== undefined || performance.now() > deadline) {
      throw new Error(
        `nobody listens on port ${port} (${owner.ended ?? 'too late'}):\n${owner.stdout}\n${owner.stderr}`,
      )
    }
    await sleep(50)
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
