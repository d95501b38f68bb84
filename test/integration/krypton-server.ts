import { join } from 'node:path'
import type { Output } from '../support/counterparts.ts'
import { TestProcess, projectDirectory, run, runWell } from '../support/counterparts.ts'
import type { Provider } from '../support/mongodb.ts'
import type { Target } from './kmip-connection.ts'

/** The command of the sources, or what KRYPTON_EXECUTABLE names: the published form is tested so. */
export const commandFile = process.env['KRYPTON_EXECUTABLE'] ?? join(projectDirectory, 'bin', 'krypton')

/** Runs `krypton` with these arguments to its end. */
export function krypton(...args: readonly string[]): Promise<Output> {
  return run(process.execPath, [commandFile, ...args])
}

/** A client's files, wherever they were made. */
export interface Identity {
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  readonly bundleFile: string
}

export function identityIn(directory: string): Identity {
  return {
    caFile: join(directory, 'ca.pem'),
    certFile: join(directory, 'client.pem'),
    keyFile: join(directory, 'client.key'),
    bundleFile: join(directory, 'client-bundle.pem'),
  }
}

export interface StartOptions {
  /** Absent: a free one. A restart names the old one, so that clients find it again. */
  readonly port?: number
  readonly healthPort?: number
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/** `krypton server --dev` in a process of its own, as a user would start it. */
export class KryptonServer {
  readonly directory: string
  readonly port: number
  readonly httpsPort: number
  readonly healthPort: number
  readonly process: TestProcess
  readonly #options: StartOptions

  private constructor(
    directory: string,
    addresses: Announcement['addresses'],
    process: TestProcess,
    options: StartOptions,
  ) {
    this.directory = directory
    this.port = addresses.kmip.port
    this.httpsPort = addresses.https.port
    this.healthPort = addresses.health.port
    this.process = process
    this.#options = options
  }

  /** Resolves when the server says that it is up. */
  static async start(directory: string, options: StartOptions = {}): Promise<KryptonServer> {
    const started = KryptonServer.launch(directory, options)
    const { addresses } = await started.until(() => announced(started.stdout), 'the start of krypton server --dev')
    return new KryptonServer(directory, addresses, started, options)
  }

  /** The bare process, for a start that must fail. */
  static launch(directory: string, options: StartOptions = {}): TestProcess {
    const { port = 0, healthPort = 0, args = [], env } = options
    const ports = ['--kmip-port', String(port), '--health-port', String(healthPort)]
    const own = ['server', '--dev', '--dir', directory, ...ports, '--json', ...args]
    return new TestProcess(process.execPath, [commandFile, ...own], env === undefined ? {} : { env })
  }

  /** The same directory and ports again, after `stop` or `kill`. */
  restart(): Promise<KryptonServer> {
    const { port, healthPort } = this
    return KryptonServer.start(this.directory, { ...this.#options, port, healthPort })
  }

  /** The identity `demo` that `--dev` makes. */
  get demo(): Identity {
    return identityIn(this.directory)
  }

  /** Runs a command against this server; it must succeed. Returns what it printed as data. */
  command(...args: readonly string[]): Promise<string> {
    return runWell(process.execPath, [commandFile, ...args, '--dir', this.directory])
  }

  /** Makes a client in a tenant that is made too where it is not there. */
  async addClient(name: string, tenant: string, ...more: readonly string[]): Promise<Identity> {
    // The command prints a list of tenants with their names.
    const tenants = JSON.parse(await this.command('tenant', 'list', '--json')) as { name: string }[]
    if (!tenants.some((known) => known.name === tenant)) await this.command('tenant', 'add', tenant)
    const out = join(this.directory, 'clients', `${tenant}-${name}`)
    await this.command('client', 'add', name, '--tenant', tenant, '--out', out, ...more)
    return identityIn(out)
  }

  async revokeClient(name: string, tenant: string): Promise<void> {
    await this.command('client', 'revoke', name, '--tenant', tenant)
  }

  target(identity: Identity = this.demo): Target {
    const { caFile, certFile, keyFile } = identity
    return { host: '127.0.0.1', port: this.port, caFile, certFile, keyFile }
  }

  /** The server as MongoDB's driver is told of it. */
  provider(identity: Identity = this.demo): Provider {
    return { endpoint: `127.0.0.1:${this.port}`, ca: identity.caFile, bundle: identity.bundleFile }
  }

  stop(): Promise<string> {
    return this.process.stop()
  }

  kill(): Promise<void> {
    return this.process.kill()
  }
}

/** The document that the server prints when it is up. */
interface Announcement {
  readonly addresses: Readonly<Record<'kmip' | 'https' | 'health', { readonly port: number }>>
}

/** Undefined while the document is not whole. */
function announced(stdout: string): Announcement | undefined {
  try {
    // The command prints one document of this form with --json.
    return JSON.parse(stdout) as Announcement
  } catch {
    // Not all of it is there yet: the next chunk is looked at again.
    return undefined
  }
}
