import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { CertificateAuthority } from '../../src/certificates/certificate-authority.ts'
import { identityOf, newAuthority } from '../support/certificates.ts'

/** A request as it came. */
export interface Asked {
  readonly method: string
  /** Below `/v1/`. */
  readonly path: string
  readonly token: string | undefined
  readonly namespace: string | undefined
  readonly body: Readonly<Record<string, string>> & {
    readonly options?: { readonly cas: number }
    readonly data?: { readonly text: string; readonly writer: string }
  }
  /** Of the connection that it came on, counted from 1. */
  readonly connection: number
}

/** An answer, or what happens instead of one. */
export type Reply = (response: ServerResponse) => void

/** Speaks as OpenBao does as far as a key of Transit goes, over real TLS, for what the real one cannot be made to do at will. */
export class FakeOpenBao {
  readonly authority: CertificateAuthority
  readonly asked: Asked[] = []
  /** Asked before what an OpenBao would answer. */
  before: (asked: Asked) => Reply | undefined = () => undefined
  /** The tokens that are good; a login makes another one. */
  readonly tokens = new Set<string>()
  leaseSeconds = 3600
  /** What KV holds at `secret/data/krypton/anchor`, of the last version. */
  readonly kept = { version: 0, text: '', writer: '' }
  readonly #key = randomBytes(32)
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #connections = 0
  #logins = 0

  private constructor(authority: CertificateAuthority, server: Server) {
    this.authority = authority
    this.#server = server
    const numbers = new WeakMap<Socket, number>()
    server.on('secureConnection', (socket) => {
      numbers.set(socket, ++this.#connections)
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => undefined)
    })
    server.on('request', (request, response) => {
      const reply = (body: string): void => {
        const asked: Asked = {
          method: request.method ?? '',
          path: (request.url ?? '').replace('/v1/', ''),
          token: header(request.headers['x-vault-token']),
          namespace: header(request.headers['x-vault-namespace']),
          body: body === '' ? {} : (JSON.parse(body) as Asked['body']), // what the client under test writes
          connection: numbers.get(request.socket) ?? 0,
        }
        this.asked.push(asked)
        const answered = this.before(asked) ?? this.#reply(asked)
        answered(response)
      }
      text(request).then(reply, () => undefined)
    })
  }

  static async start(): Promise<FakeOpenBao> {
    const authority = await newAuthority()
    const { cert, key } = identityOf(await authority.issueServer(['127.0.0.1', 'localhost'], new Date()))
    const server = createServer({ cert, key, keepAliveTimeout: 60_000 })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FakeOpenBao(authority, server)
  }

  get address(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}` // it listens on a port
  }

  /** Cuts every connection, as a peer does that restarts. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #reply(asked: Asked): Reply {
    const { path, token, body } = asked
    if (path.endsWith('/login')) {
      if (body['secret_id'] !== 'right') return refusal(400, 'invalid role or secret ID')
      const made = `token-${++this.#logins}`
      this.tokens.add(made)
      return answer({ auth: { client_token: made, lease_duration: this.leaseSeconds, renewable: true } })
    }
    if (token === undefined || !this.tokens.has(token)) return refusal(403, 'permission denied')
    if (path === 'auth/token/renew-self')
      return answer({ auth: { client_token: token, lease_duration: this.leaseSeconds, renewable: true } })
    if (path === 'transit/keys/krypton') return answer({ data: { latest_version: 1, soft_deleted: false } })
    const associated = Buffer.from(body['associated_data'] ?? '', 'base64')
    if (path === 'transit/encrypt/krypton') {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(associated)
      const sealed = [
        nonce,
        cipher.update(Buffer.from(body['plaintext'] ?? '', 'base64')),
        cipher.final(),
        cipher.getAuthTag(),
      ]
      return answer({ data: { ciphertext: `vault:v1:${Buffer.concat(sealed).toString('base64')}`, key_version: 1 } })
    }
    if (path === 'transit/decrypt/krypton') {
      const sealed = Buffer.from((body['ciphertext'] ?? '').replace('vault:v1:', ''), 'base64')
      const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, 12))
      decipher.setAAD(associated).setAuthTag(sealed.subarray(-16))
      try {
        const plaintext = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
        return answer({ request_id: 'x', data: { plaintext: plaintext.toString('base64') }, wrap_info: null })
      } catch {
        return refusal(400, 'cipher: message authentication failed')
      }
    }
    if (path === 'secret/data/krypton/anchor') return this.#keep(asked)
    return refusal(404, `no handler for route "${path}". route entry not found.`)
  }

  #keep({ method, body: { options, data } }: Asked): Reply {
    const { version, ...kept } = this.kept
    if (method === 'GET' && version === 0) return refusal(404)
    if (method === 'GET') return answer({ data: { data: kept, metadata: { version } } })
    if (options?.cas !== version) return refusal(400, 'check-and-set parameter did not match the current version')
    Object.assign(this.kept, { version: version + 1, ...data })
    return answer({ data: { version: version + 1 } })
  }
}

export function answer(value: unknown, status = 200): Reply {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(value))
  }
}

export function refusal(status: number, ...errors: string[]): Reply {
  return answer({ errors }, status)
}

function header(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
