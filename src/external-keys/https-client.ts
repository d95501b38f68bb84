import { X509Certificate } from 'node:crypto'
import { lookup as resolve, type LookupOptions } from 'node:dns'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { ownBuffer } from '../crypto/own-buffer.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/** Whom to talk to, and how both sides prove who they are. */
export interface HttpsPeer {
  /** `https://host:port`; what else it says is not used. */
  readonly origin: URL
  /** PEM of the authorities that may have signed the other side's certificate: these and no others. */
  readonly ca: Buffer
  /** PEM of our own certificate and its key, where the other side asks for one. */
  readonly certificate?: Buffer
  readonly key?: Buffer
}

export interface HttpsRequest {
  readonly method: 'GET' | 'POST'
  /** As it stands in the request line. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Milliseconds for all of it: name, connection, handshake, request, answer. */
  readonly withinMs: number
}

export interface HttpsAnswer {
  readonly status: number
  /** A buffer of its own. It may hold a key: whoever asked wipes it. */
  readonly body: Buffer
}

/**
 * Requests to one peer over connections that are kept. Node's own client rather than undici, whose parser copies what it reads into WebAssembly's memory, where
 * nobody can wipe it (decision 13): here every buffer that the bytes of an answer pass through is wiped. Redirects are answers like others, and no TLS session
 * is resumed, so that each connection proves the peer anew.
 */
export class HttpsClient {
  readonly #agent: Agent
  readonly #host: string
  readonly #port: number

  /** @throws KryptonError config-invalid: an address that no service has; a certificate or key that is none, or of another pair */
  constructor({ origin, ca, certificate, key }: HttpsPeer) {
    this.#host = origin.hostname.replace(/^\[(.*)\]$/, '$1') // an address of IPv6, without the brackets that a URL puts around it
    this.#port = origin.port === '' ? 443 : Number(origin.port)
    if (isIP(this.#host) !== 0 && isReserved(this.#host)) throw new KryptonError('config-invalid', reserved(this.#host))
    let secureContext: SecureContext
    try {
      void new X509Certificate(ca) // what is no certificate would be taken for a list of none
      // Given apart from the agent, which would make a string of the key to name its connections by.
      secureContext = createSecureContext({
        ca,
        cert: certificate,
        key,
        minVersion: 'TLSv1.2',
        secureOptions: cleansePlaintext,
      })
    } catch (cause) {
      throw new KryptonError(
        'config-invalid',
        `the certificates for ${origin.href} cannot be used: each file must hold PEM, and the key must be that of the certificate`,
        { cause },
      )
    }
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: limits.httpsConnectionsMax,
      maxFreeSockets: limits.httpsConnectionsMax,
      maxCachedSessions: 0,
      secureContext,
      timeout: limits.httpsIdleMs,
    })
  }

  /**
   * One exchange. A kept connection that the peer has closed meanwhile is replaced by a new one, so that a request may reach it twice. Rejects with what Node says of a
   * connection, a handshake or an answer that failed, with a TimeoutError after `withinMs`.
   */
  async exchange(asked: HttpsRequest): Promise<HttpsAnswer> {
    const signal = AbortSignal.timeout(asked.withinMs)
    for (;;) {
      try {
        return await this.#once(asked, signal)
      } catch (error) {
        // What is cut short at its end has many names.
        signal.throwIfAborted()
        // Of these there are no more than are kept.
        if (!(error instanceof KeptConnectionClosed)) throw error
      }
    }
  }

  /** Closes the connections that are kept; those in use end with their exchange. */
  close(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }

  #once({ method, path, headers, body }: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    return new Promise((resolve, reject) => {
      const asking = request({
        agent: this.#agent,
        host: this.#host,
        port: this.#port,
        method,
        path,
        headers: body === undefined ? headers : { ...headers, 'content-length': String(body.byteLength) },
        maxHeaderSize: limits.httpsHeaderBytesMax,
        lookup: lookupService,
        signal,
      })
      asking.on('socket', (socket) => send(asking, socket as TLSSocket, body)) // an https agent makes no others
      asking.on('response', (response) => resolve(answerOf(response)))
      asking.on('error', (error) => reject(wasKept(asking, error) ? new KeptConnectionClosed() : error))
    })
  }
}

/** The peer closed a kept connection before it answered. */
class KeptConnectionClosed extends Error {}

function wasKept(asking: ClientRequest, error: Error): boolean {
  return asking.reusedSocket && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

/**
 * Writes the body when the handshake is done: before it Node would keep a copy of it. And one write after the other, since Node would join them in a copy. What
 * comes is wiped when Node's parser, which was there first, has copied what is the body's.
 */
function send(asking: ClientRequest, socket: TLSSocket, body: Uint8Array | undefined): void {
  Object.defineProperty(socket, '_writev', { value: undefined, configurable: true })
  const wipe = (chunk: Buffer): void => void chunk.fill(0)
  socket.on('data', wipe)
  asking.once('close', () => socket.off('data', wipe))
  if (socket.authorized) asking.end(body)
  else socket.once('secureConnect', () => asking.end(body))
}

async function answerOf(response: IncomingMessage): Promise<HttpsAnswer> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      bytes += chunk.byteLength
      if (bytes > limits.httpsAnswerBytesMax)
        throw new Error(`the answer is longer than ${limits.httpsAnswerBytesMax} bytes`)
    }
    const body = ownBuffer(bytes)
    let at = 0
    for (const chunk of chunks) {
      body.set(chunk, at)
      at += chunk.byteLength
    }
    return { status: response.statusCode ?? 0, body }
  } finally {
    for (const chunk of chunks) chunk.fill(0)
  }
}

/** As `dns.lookup`, without addresses at which no service is: a name that leads there was made to reach something else. */
export const lookupService: LookupFunction = (hostname: string, options: LookupOptions, callback) => {
  resolve(hostname, { ...options, all: true }, (error, found) => {
    const addresses = error === null ? found.filter(({ address }) => !isReserved(address)) : []
    const first = addresses[0]
    if (first === undefined) callback(error ?? new Error(reserved(hostname)), [])
    else if (options.all === true) callback(null, addresses)
    else callback(null, first.address, first.family)
  })
}

function isReserved(address: string): boolean {
  return reservedAddresses.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

function reserved(host: string): string {
  return `${host} leads to a link-local, multicast or unspecified address, where no key service is: name another`
}

/** Link-local ones lead to what a cloud tells its machines, credentials among it. */
const reservedAddresses = new BlockList()
reservedAddresses.addSubnet('0.0.0.0', 8, 'ipv4')
reservedAddresses.addSubnet('169.254.0.0', 16, 'ipv4')
reservedAddresses.addSubnet('224.0.0.0', 3, 'ipv4')
reservedAddresses.addAddress('::', 'ipv6')
reservedAddresses.addSubnet('fe80::', 10, 'ipv6')
reservedAddresses.addSubnet('ff00::', 8, 'ipv6')

/** SSL_OP_CLEANSE_PLAINTEXT of OpenSSL 3 (ssl.h, bit 1), which Node has no name for: received plaintext is wiped when it was handed over. */
const cleansePlaintext = 2
