import { constants } from 'node:crypto'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { peerOf } from '../auth/authenticate.ts'
import type { Clock } from '../clock.ts'
import { limits } from '../limits.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { Log } from '../telemetry/log.ts'
import { StrangerLog } from '../telemetry/stranger-log.ts'
import type { Responder } from './answer.ts'
import { Connection, type ConnectionSurroundings } from './connection.ts'
import { type ConnectionLimits, defaultConnectionLimits } from './connection-limits.ts'
import { FrameMemory } from './frame-memory.ts'
import { HandshakeGate } from './handshake-gate.ts'
import { largestHolder } from './largest-holder.ts'
import type { ServeConnection, ServedConnection } from './served-connection.ts'
import { Turn } from './turn.ts'

export interface ListenerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** PEM. */
  readonly certificate: string | Buffer
  /** PEM. */
  readonly privateKey: string | Buffer
  readonly tlsMin?: 'TLSv1.2' | 'TLSv1.3'
  /** AES-GCM suites, curves and hashes that FIPS 140-3 approves, and no others. */
  readonly approved?: boolean
  /** TLS profile `kmip-1.x-interop`: an RSA certificate and key beside the others (PEM), and the suites that old clients ask for. */
  readonly interop?: { readonly certificate: string | Buffer; readonly privateKey: string | Buffer }
  /** Several threads listen on the same port and the kernel spreads the connections. */
  readonly reusePort?: boolean
  readonly limits?: Partial<ConnectionLimits>
}

/** What a listener works with. */
export interface ListenerParts {
  readonly responder: Responder
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
  /** What serves its connections; messages one after the other where nothing else is said. */
  readonly serve?: ServeConnection
}

/** The TLS socket of one thread and all its connections. */
export class Listener {
  readonly #server: Server
  readonly #limits: ConnectionLimits
  readonly #around: ConnectionSurroundings
  readonly #gate: HandshakeGate
  readonly #serve: ServeConnection
  readonly #connections = new Map<ServedConnection, TLSSocket>()
  /** Where the look at their timeouts has come to. */
  #round = this.#connections.keys()
  readonly #perCertificate = new Map<string, number>()
  readonly #perAddress = new Map<string, number>()
  /** Sockets below TLS, for the end. */
  readonly #raw = new Set<Socket>()
  readonly #sweep: NodeJS.Timeout
  #stopping = false

  private constructor(options: ListenerOptions, parts: ListenerParts) {
    this.#limits = { ...defaultConnectionLimits, ...options.limits }
    this.#around = {
      ...parts,
      strangers: new StrangerLog(parts.log, parts.clock, parts.counters),
      turn: new Turn(),
      limits: this.#limits,
      frameMemory: new FrameMemory(),
      queuedAnswersBytes: 0,
      relieve: () => this.#relieve(),
    }
    this.#serve = parts.serve ?? ((socket, peer, around) => new Connection(socket, peer, around))
    this.#server = createServer(tlsOptions(options, this.#limits))
    this.#server.maxConnections = this.#limits.connectionsMax
    // Node's own listener begins the handshake on an accepted socket; the gate decides when it may.
    const [begin] = this.#server.listeners('connection')
    this.#server.removeAllListeners('connection')
    this.#gate = new HandshakeGate(
      (socket) => begin?.call(this.#server, socket),
      this.#limits,
      parts.clock,
      parts.counters,
    )
    this.#server.on('connection', (socket: Socket) => this.#onAccepted(socket))
    this.#server.on('drop', () => parts.counters.cut('too-many-connections'))
    this.#server.on('secureConnection', (socket) => this.#onSecure(socket))
    this.#server.on('tlsClientError', (error, socket) => this.#onHandshakeFailed(error, socket))
    this.#sweep = setInterval(() => this.#enforceTime(), limits.sweepMs)
    this.#sweep.unref()
  }

  /** Listens. Rejects when the address cannot be had or the certificate and key are wrong. */
  static async listen(options: ListenerOptions, parts: ListenerParts): Promise<Listener> {
    const listener = new Listener(options, parts)
    const server = listener.#server
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        const { host, port, reusePort = false } = options
        server.listen({ host, port, backlog: acceptBacklog, ...(reusePort ? { reusePort } : {}) }, () => {
          server.off('error', reject)
          resolve()
        })
      })
    } catch (error) {
      clearInterval(listener.#sweep)
      throw error
    }
    server.on('error', (error) => parts.log.error('the KMIP socket failed', error))
    return listener
  }

  /** Where it listens. */
  get address(): { host: string; port: number } {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server that listens has an AddressInfo
    const { address, port } = this.#server.address() as AddressInfo
    return { host: address, port }
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /**
   * Takes no more connections, answers the requests that have come, ends every connection; after `drainMs` whatever is left. One without a request
   * is gone as soon as its client has ended it too, `limits.lingerMs` later at the latest, and whoever is in the handshake at once.
   */
  async stop(drainMs: number = limits.drainMs): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#gate.stop()
    this.#cutHandshakes()
    for (const connection of this.#connections.keys()) connection.drain()
    const deadline = setTimeout(() => this.#cutAll(), drainMs)
    await closed
    clearTimeout(deadline)
    clearInterval(this.#sweep)
  }

  /** Cuts whoever holds most: the one that asked for the last of the memory may hold next to none. */
  #relieve(): void {
    largestHolder(this.#connections.keys())?.cut('memory')
  }

  #cutHandshakes(): void {
    const addressOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`
    const served = new Set([...this.#connections.values()].map(addressOf))
    for (const socket of this.#raw) {
      if (socket.destroyed || served.has(addressOf(socket))) continue
      this.#around.counters.cut('drain')
      socket.destroy()
    }
  }

  #cutAll(): void {
    for (const connection of this.#connections.keys()) connection.cut('drain')
    for (const socket of this.#raw) socket.destroy()
  }

  #onAccepted(socket: Socket): void {
    const { counters } = this.#around
    counters.add('connectionsTotal')
    // Undefined when the other side is gone already.
    const address = socket.remoteAddress ?? ''
    if ((this.#perAddress.get(address) ?? 0) >= this.#limits.connectionsPerAddressMax) {
      counters.cut('too-many-of-address')
      socket.on('error', () => socket.destroy())
      socket.destroy()
      return
    }
    addTo(this.#perAddress, address, 1)
    this.#raw.add(socket)
    socket.once('close', () => {
      this.#raw.delete(socket)
      addTo(this.#perAddress, address, -1)
    })
    this.#gate.admit(socket)
  }

  #onSecure(socket: TLSSocket): void {
    this.#gate.ended()
    // Clients that close their side after the request still get its answer.
    socket.allowHalfOpen = true
    const { counters } = this.#around
    counters.add('handshakesOk')
    const peer = peerOf(socket.getPeerX509Certificate()?.raw)
    const count = this.#perCertificate.get(peer.fingerprint) ?? 0
    if (this.#stopping || count >= this.#limits.connectionsPerCertificateMax) {
      counters.cut(this.#stopping ? 'drain' : 'too-many-of-certificate')
      socket.on('error', () => socket.destroy())
      socket.destroy()
      return
    }
    addTo(this.#perCertificate, peer.fingerprint, 1)
    counters.add('connectionsOpen')
    const connection = this.#serve(socket, peer, this.#around)
    this.#connections.set(connection, socket)
    socket.once('close', () => this.#onClosed(connection))
  }

  #onClosed(connection: ServedConnection): void {
    this.#connections.delete(connection)
    this.#around.counters.add('connectionsOpen', -1)
    addTo(this.#perCertificate, connection.peer.fingerprint, -1)
  }

  #onHandshakeFailed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    this.#gate.ended()
    const { counters, log } = this.#around
    counters.add('handshakesFailed')
    if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') counters.cut('handshake-slow')
    log.debug('handshake failed', { reason: error.message, remote: socket.remoteAddress })
    socket.destroy()
  }

  #enforceTime(): void {
    const nowMs = this.#around.clock.monotonic()
    this.#gate.enforceTime(nowMs)
    this.#around.strangers.enforceTime(nowMs)
    this.#enforceTimeOfConnections(nowMs)
  }

  /** Of a part of them, so that each has its turn once in `limits.sweepRoundMs`; of few, all. */
  #enforceTimeOfConnections(nowMs: number): void {
    const part = Math.ceil((this.#connections.size * limits.sweepMs) / limits.sweepRoundMs)
    let left = Math.min(Math.max(part, limits.sweepConnectionsMin), this.#connections.size)
    while (left > 0 && this.#connections.size > 0) {
      const { value, done } = this.#round.next()
      if (done === true) {
        this.#round = this.#connections.keys()
        continue
      }
      value.enforceTime(nowMs)
      left -= 1
    }
  }
}

/** Counts up or down; who has none left is forgotten. */
function addTo(counts: Map<string, number>, key: string, amount: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + amount
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}

function tlsOptions(options: ListenerOptions, bounds: ConnectionLimits) {
  const { interop } = options
  return {
    cert: interop === undefined ? options.certificate : [options.certificate, interop.certificate],
    key: interop === undefined ? options.privateKey : [options.privateKey, interop.privateKey],
    minVersion: options.tlsMin ?? ('TLSv1.2' as const),
    maxVersion: 'TLSv1.3' as const,
    ...(options.approved === true ? approvedTls : {}),
    ...(interop === undefined ? {} : interopTls),
    requestCert: true,
    // TLS proves that the client holds its key; who it is `auth/` decides. An empty list of authorities sends no names and verifies no chain,
    // and spares the loading of Node's own list.
    rejectUnauthorized: false,
    ca: [],
    // Without tickets and without a session cache nobody resumes past the check of a certificate, and a handshake is cheaper. For TLS 1.3 this
    // makes tickets that open nothing; `NumTickets = 0` in OpenSSL's configuration leaves them out.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | cleansePlaintext,
    handshakeTimeout: Number.isFinite(bounds.handshakeMs) ? bounds.handshakeMs : 2 ** 31 - 1,
    noDelay: true,
    // Whoever goes in its handshake is gone at once, and holds no place until its time is over.
    allowHalfOpen: false,
    pauseOnConnect: false,
  }
}

/**
 * What is good first, then what clients of KMIP 1.0 to 1.2 must speak (profiles 1.0 to 1.2, section 3.1.3): CBC with SHA-1 and key transport by RSA. The
 * server chooses, so that nobody who knows better gets these.
 */
const interopTls = {
  ciphers: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'DHE-RSA-AES256-GCM-SHA384',
    'DHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES256-SHA384',
    'ECDHE-RSA-AES128-SHA256',
    'ECDHE-RSA-AES256-SHA',
    'ECDHE-RSA-AES128-SHA',
    'AES256-GCM-SHA384',
    'AES128-GCM-SHA256',
    'AES256-SHA256',
    'AES128-SHA256',
    'AES256-SHA',
    'AES128-SHA',
  ].join(':'),
  honorCipherOrder: true,
  dhparam: 'auto',
} as const

/** SP 800-52 revision 2 section 3.3.1, without CBC and RSA key transport. */
const approvedTls = {
  ciphers: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
  ].join(':'),
  ecdhCurve: 'P-256:P-384:P-521',
} as const

/** SSL_OP_CLEANSE_PLAINTEXT of OpenSSL 3 (ssl.h, bit 1), which Node has no name for: received plaintext is wiped when it was handed over. */
export const cleansePlaintext = 2

/** Connections that the kernel holds until they are accepted: a fleet that reconnects at once; the kernel's own bound applies too. */
const acceptBacklog = 4_096
