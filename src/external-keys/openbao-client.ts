import { type Clock, systemClock } from '../clock.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { type CredentialSource, lineOf } from './credential-source.ts'
import type { HttpsAnswer, HttpsClient } from './https-client.ts'
import { loginBody, type OpenBaoLogin, wipeLogin } from './openbao-login.ts'

/** Where an OpenBao is, how it proves that it is the one, and how we prove who we are. */
export interface OpenBaoOptions {
  /** `https://HOST:PORT`: a name that stays, not that of one node. */
  readonly address: string
  /** PEM of the authorities that sign its certificate: no others are believed. */
  readonly ca: CredentialSource
  readonly namespace: string | undefined
  readonly login: OpenBaoLogin
  /** Milliseconds for each call, with the login where one is needed. */
  readonly callMs?: number
  readonly clock?: Clock
}

/** An answer that OpenBao gave as one that is unsealed and knows us. */
export interface OpenBaoAnswer {
  /** 200 to 499, but 403 and 429. */
  readonly status: number
  /** JSON, if it is OpenBao's. It may hold a key: whoever asked wipes it. */
  readonly body: Buffer
}

interface Token {
  readonly value: string
  /** By the monotonic clock in ms: from then on another one is asked for before it is used. */
  readonly untilMs: number
}

/**
 * Calls to one OpenBao, or Vault. It logs in with the first call, again before a token ends, and once more on an answer of 403, which alone does not tell a token that has
 * ended from a policy that forbids. Credentials are read anew for each login and for the first connection after one that failed.
 */
export class OpenBaoClient {
  readonly #origin: URL
  readonly #options: OpenBaoOptions
  readonly #callMs: number
  readonly #clock: Clock
  #https: Promise<HttpsClient> | undefined
  #token: Token | undefined
  /** The login under way: everybody waits for the same. */
  #entering: Promise<Token> | undefined
  #renewal: NodeJS.Timeout | undefined
  #isWiped = false

  /** @throws KryptonError invalid-field: what is no address of this form, no namespace, no mount */
  constructor(options: OpenBaoOptions) {
    this.#origin = originOf(options.address)
    if (options.namespace !== undefined) checkOpenBaoPath('the namespace', options.namespace)
    if (options.login.method !== 'token') checkOpenBaoPath('the mount of the login', options.login.mount)
    this.#options = options
    this.#callMs = options.callMs ?? limits.externalKeyMs
    this.#clock = options.clock ?? systemClock
  }

  /** For messages. */
  get name(): string {
    return `OpenBao at ${this.#origin.host}`
  }

  /**
   * Asks for `path`, which stands below `/v1/`. A request may reach OpenBao twice.
   * @throws KryptonError external-key-unreachable: no answer, or none that an OpenBao gives that is unsealed; external-key-denied; external-key-throttled
   */
  async call(method: 'GET' | 'POST', path: string, body?: Uint8Array): Promise<OpenBaoAnswer> {
    const untilMs = this.#clock.monotonic() + this.#callMs
    const token = await this.#currentToken(untilMs)
    const answer = await this.#exchange({ method, path, body, token: token.value, untilMs })
    if (answer.status !== 403) return answer
    const newer = await this.#tokenAfter(token, untilMs)
    if (newer.value !== token.value) {
      const again = await this.#exchange({ method, path, body, token: newer.value, untilMs })
      if (again.status !== 403) return again
    }
    throw new KryptonError(
      'external-key-denied',
      `${this.name} forbids ${path} to this login: its policy does not allow it, or its token has ended and no newer one was found`,
    )
  }

  /** Ends the connections and forgets the credentials: nothing is asked after it. */
  wipe(): void {
    this.#isWiped = true
    clearTimeout(this.#renewal)
    this.#token = undefined
    this.#disconnect()
    wipeLogin(this.#options.login)
  }

  async #currentToken(untilMs: number): Promise<Token> {
    const token = this.#token
    if (token !== undefined && this.#clock.monotonic() < token.untilMs) return token
    return this.#tokenAfter(token, untilMs)
  }

  /** A newer token than `used`: that of somebody who was here before, or of a login. */
  async #tokenAfter(used: Token | undefined, untilMs: number): Promise<Token> {
    if (this.#token !== undefined && this.#token !== used) return this.#token
    this.#entering ??= this.#enter(untilMs).finally(() => (this.#entering = undefined))
    return this.#entering
  }

  async #enter(untilMs: number): Promise<Token> {
    this.#assertHeld()
    clearTimeout(this.#renewal)
    const { login } = this.#options
    try {
      if (login.method === 'token') return this.#keep(await lineOf(login.token))
      // The certificate may be another one by now.
      if (login.method === 'certificate') this.#disconnect()
      const body = await loginBody(login)
      try {
        return this.#take(await this.#exchange({ method: 'POST', path: `auth/${login.mount}/login`, body, untilMs }))
      } finally {
        body.fill(0)
      }
    } catch (error) {
      throw this.#isRefusal(error) ? error : this.#unreachable(error)
    }
  }

  /** A token that was given to us is used until it is refused. */
  #keep(value: string): Token {
    this.#token = { value, untilMs: Number.POSITIVE_INFINITY }
    this.#renewal = setTimeout(() => void this.#renew(value), 0).unref()
    return this.#token
  }

  #take(answer: HttpsAnswer): Token {
    const granted = grantIn(answer)
    if (granted === undefined) {
      throw new KryptonError(
        'external-key-denied',
        `${this.name} refuses the login (status ${answer.status}): its credential has ended or was taken away, or the method is not mounted there`,
      )
    }
    const { value, seconds } = granted
    this.#token = { value, untilMs: this.#clock.monotonic() + seconds * 1000 * limits.openBaoTokenUsed }
    return this.#token
  }

  /** Keeps a token that was given to us alive, if it may be. */
  async #renew(value: string): Promise<void> {
    const again = (inMs: number): void => {
      if (!this.#isWiped && this.#token?.value === value)
        this.#renewal = setTimeout(() => void this.#renew(value), Math.min(inMs, timerMsMax)).unref()
    }
    if (this.#isWiped) return
    const untilMs = this.#clock.monotonic() + this.#callMs
    const body = Buffer.from('{}')
    try {
      const answer = await this.#exchange({
        method: 'POST',
        path: 'auth/token/renew-self',
        body,
        token: value,
        untilMs,
      })
      const renewed = grantIn(answer)
      if (renewed !== undefined && renewed.renewable) again((renewed.seconds * 1000) / 2)
    } catch (error) {
      if (!this.#isRefusal(error)) throw error
      again(limits.openBaoRenewRetryMs)
    }
  }

  async #exchange({ method, path, body, token, untilMs }: Exchange): Promise<HttpsAnswer> {
    this.#assertHeld()
    const { namespace } = this.#options
    const headers = {
      'x-vault-request': 'true',
      ...(token === undefined ? {} : { 'x-vault-token': token }),
      ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    let answer: HttpsAnswer
    try {
      this.#https ??= this.#connect()
      const https = await this.#https
      const withinMs = Math.max(1, Math.ceil(untilMs - this.#clock.monotonic()))
      answer = await https.exchange({ method, path: `/v1/${path}`, headers, body, withinMs })
    } catch (cause) {
      this.#disconnect()
      throw this.#unreachable(cause)
    }
    const { status } = answer
    if ((status >= 200 && status < 300) || (status >= 400 && status < 500 && status !== 429)) return answer
    if (status === 429) {
      throw new KryptonError('external-key-throttled', `${this.name} has had too many requests: raise its quota`)
    }
    const why = status === 503 ? 'it is sealed or on its way up' : `it answers ${status}`
    throw new KryptonError('external-key-unreachable', `${this.name} cannot serve now: ${why}`)
  }

  async #connect(): Promise<HttpsClient> {
    const { login, ca } = this.#options
    // Loaded by whoever calls: a start needs none of it.
    const { HttpsClient } = await import('./https-client.ts')
    const authorities = await ca.read()
    if (login.method !== 'certificate') return new HttpsClient({ origin: this.#origin, ca: authorities })
    const certificate = await login.certificate.read()
    const key = await login.key.read()
    try {
      return new HttpsClient({ origin: this.#origin, ca: authorities, certificate, key })
    } finally {
      key.fill(0)
    }
  }

  #disconnect(): void {
    this.#https?.then(
      (https) => https.close(),
      () => undefined, // told to whoever asked for it
    )
    this.#https = undefined
  }

  #assertHeld(): void {
    if (this.#isWiped) throw new Error('an OpenBao was asked after it was let go')
  }

  #isRefusal(error: unknown): error is KryptonError {
    return error instanceof KryptonError && error.code.startsWith('external-key-')
  }

  #unreachable(cause: unknown): KryptonError {
    return new KryptonError('external-key-unreachable', `${this.name} cannot be reached: ${this.#reasonOf(cause)}`, {
      cause,
    })
  }

  /** In words of ours: what the other side sent does not stand in them. */
  #reasonOf(cause: unknown): string {
    if (!(cause instanceof Error)) return 'no answer'
    if (cause.name === 'AbortError' || cause.name === 'TimeoutError') return `no answer within ${this.#callMs} ms`
    return cause instanceof KryptonError || !('code' in cause) ? cause.message : String(cause.code)
  }
}

interface Exchange {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: Uint8Array | undefined
  readonly token?: string
  /** By the monotonic clock. */
  readonly untilMs: number
}

/** JSON of an answer that holds no key; an empty object when it is none. */
export function objectIn(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(body.toString('utf8')))
  } catch {
    return {}
  }
}

/** An empty object for what is none. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  // The cast holds: the members of an object are unknown.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** What an answer says is wrong, for us to read: messages have our own words. */
export function errorsIn(body: Buffer): string[] | undefined {
  const { errors } = objectIn(body)
  return Array.isArray(errors) ? errors.filter((error) => typeof error === 'string') : undefined
}

/**
 * A mount, the name of a key or of a namespace, as it goes into the path of a request.
 * @throws KryptonError invalid-field, with `what` it is
 */
export function checkOpenBaoPath(what: string, path: string): void {
  if (path.length <= limits.openBaoPathMax && /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(path)) return
  throw new KryptonError(
    'invalid-field',
    `${what} must be letters, digits, dots, hyphens and underscores, in parts with / between them`,
  )
}

function grantIn({ status, body }: HttpsAnswer): { value: string; seconds: number; renewable: boolean } | undefined {
  const { client_token: value, lease_duration: seconds, renewable } = asObject(objectIn(body)['auth'])
  body.fill(0)
  if (status !== 200 || typeof value !== 'string' || typeof seconds !== 'number') return undefined
  // 0 is a token that does not end.
  return { value, seconds: seconds > 0 ? seconds : Number.POSITIVE_INFINITY, renewable: renewable === true }
}

function originOf(address: string): URL {
  const origin = URL.parse(address)
  const rest = origin === null ? '' : `${origin.pathname}${origin.search}${origin.hash}${origin.username}`
  if (origin?.protocol === 'https:' && rest === '/') return origin
  throw new KryptonError('invalid-field', 'the address of OpenBao must be https://HOST:PORT and nothing more')
}

/** The longest that a timer of Node waits. */
const timerMsMax = 2 ** 31 - 1
