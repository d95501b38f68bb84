import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Agent, request } from 'undici'
import { projectDirectory, run, runWell } from '../support/counterparts.ts'

const script = join(process.env['KRYPTON_SHARED'] ?? resolve(projectDirectory, '../shared'), 'counterparts/openbao.sh')

/** Why there is no OpenBao to test with; undefined when there is one. */
export const openBaoMissing = existsSync(script) ? undefined : `${script} is not there: nothing was tested with OpenBao`

/** The real server: with TLS, with storage on disk, and with what `openbao.sh` sets up in it. */
export class OpenBaoServer {
  readonly address: string
  readonly caFile: string
  readonly ca: string
  readonly roleId: string
  readonly secretId: string
  /** PEM of a certificate that may log in, and of its key. */
  readonly clientPem: string
  readonly #directory: string
  readonly #rootToken: string
  readonly #dispatcher: Agent

  private constructor(directory: string, said: ReadonlyMap<string, string>) {
    const value = (name: string): string => {
      const found = said.get(name)
      if (found === undefined) throw new Error(`openbao.sh said nothing of ${name}`)
      return found
    }
    this.#directory = directory
    this.address = value('BAO_ADDR')
    this.caFile = value('BAO_CACERT')
    this.ca = readFileSync(this.caFile, 'utf8')
    this.roleId = value('BAO_ROLE_ID')
    this.secretId = value('BAO_SECRET_ID')
    this.clientPem = readFileSync(value('BAO_CLIENT_CERT'), 'utf8') + readFileSync(value('BAO_CLIENT_KEY'), 'utf8')
    this.#rootToken = value('BAO_ROOT_TOKEN')
    this.#dispatcher = new Agent({ connect: { ca: this.ca } })
  }

  /** Starts one in that directory, or the one that was there. A machine that is slow gets more than the script's own patience. */
  static async start(directory: string): Promise<OpenBaoServer> {
    for (let attempt = 1; ; attempt++) {
      const { code, stdout, stderr } = await run(script, ['start', directory], { timeoutMs: 590_000 })
      if (code === 0) {
        const lines = stdout.matchAll(/^export (\w+)=(.*)$/gm)
        return new OpenBaoServer(directory, new Map([...lines].map(([, name = '', value = '']) => [name, value])))
      }
      await run(script, ['stop', directory])
      if (attempt === 5) throw new Error(`OpenBao did not start:\n${stderr}`)
    }
  }

  seal(): Promise<string> {
    return runWell(script, ['seal', this.#directory])
  }

  unseal(): Promise<string> {
    return runWell(script, ['unseal', this.#directory])
  }

  /** As by a crash. */
  kill(): Promise<string> {
    return runWell(script, ['kill', this.#directory])
  }

  /** After `kill`, on the same port and with the same data. */
  async back(): Promise<void> {
    await OpenBaoServer.start(this.#directory)
  }

  async stop(): Promise<void> {
    await this.#dispatcher.close()
    await runWell(script, ['stop', this.#directory])
  }

  /** As its administrator. Throws on an answer that is no success. */
  async admin(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await request(`${this.address}/v1/${path}`, {
      dispatcher: this.#dispatcher,
      method,
      headers: { 'x-vault-token': this.#rootToken },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(`OpenBao: ${method} ${path}: ${answer.statusCode} ${text}`)
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) // OpenBao answers with an object
  }
}
