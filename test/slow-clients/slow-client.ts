import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { firstSlowNumber, requestFrame } from './fast-clients.ts'
import type { ServerStarted } from './messages.ts'

/** Ways to hold a connection and give nothing for it. */
export const slowKinds = {
  'silent after TCP': (target: Target) => tcp(target, () => undefined),
  'silent after TLS': (target: Target) => tls(target, () => undefined),
  'a byte a second': (target: Target) => tls(target, drip),
  'header of 1 MiB, then nothing': (target: Target) => tls(target, (socket) => socket.write(promise)),
  'never reads': (target: Target) => tls(target, flood),
} as const
export type SlowKind = keyof typeof slowKinds

export interface Target {
  readonly server: ServerStarted
  readonly contexts: readonly SecureContext[]
  next: number
}

/** A slow client from its connection on. */
export interface SlowClient {
  readonly number: number
  /** Both in milliseconds since 1970. */
  readonly connectedAtMs: number
  readonly cutAtMs: Promise<number>
  stop(): void
}

export function newTarget(server: ServerStarted): Target {
  const contexts = server.identities.slice(1).map(({ cert, key }) => createSecureContext({ ca: server.ca, cert, key }))
  return { server, contexts, next: 0 }
}

function tcp(target: Target, begin: (socket: Socket) => void): Promise<SlowClient> {
  const socket = connectTcp(target.server.port, '127.0.0.1')
  return follow(socket, { ready: 'connect', number: firstSlowNumber + target.next++, begin })
}

function tls(target: Target, begin: (socket: TLSSocket, number: number) => void): Promise<SlowClient> {
  const { server, contexts } = target
  const number = firstSlowNumber + target.next++
  const secureContext = contexts[number % contexts.length]
  const socket = connectTls({ port: server.port, host: '127.0.0.1', servername: 'localhost', secureContext })
  return follow(socket, { ready: 'secureConnect', number, begin })
}

/** Rejects when the server does not even take the connection. */
function follow<S extends Socket>(
  socket: S,
  { ready, number, begin }: { ready: string; number: number; begin: (socket: S, number: number) => void },
): Promise<SlowClient> {
  return new Promise((resolve, reject) => {
    socket.on('error', (error) => {
      reject(error)
      socket.destroy()
    })
    socket.once(ready, () => {
      const connectedAtMs = Date.now()
      const cutAtMs = new Promise<number>((done) => socket.once('close', () => done(Date.now())))
      // A reader of nothing: without it the end of the connection is not seen.
      socket.resume()
      begin(socket, number)
      resolve({ number, connectedAtMs, cutAtMs, stop: () => socket.destroy() })
    })
  })
}

function drip(socket: TLSSocket, number: number): void {
  const bytes = requestFrame(number)
  let sent = 0
  const timer = setInterval(() => {
    if (socket.destroyed || sent === bytes.length) clearInterval(timer)
    else socket.write(bytes.subarray(sent, ++sent))
  }, 1_000)
  socket.once('close', () => clearInterval(timer))
}

/** Requests without end and no look at the answers; it sees its own end only by what it can still write. */
function flood(socket: TLSSocket, number: number): void {
  socket.pause()
  const requests = Buffer.concat(Array.from({ length: 64 }, () => requestFrame(number)))
  const timer = setInterval(() => {
    if (socket.destroyed) clearInterval(timer)
    else if (socket.writableLength === 0) socket.write(requests)
  }, 200)
  socket.once('close', () => clearInterval(timer))
}

const promise = Buffer.alloc(16)
promise.writeUInt32BE(0x42007801, 0)
promise.writeUInt32BE(1024 * 1024 - 8, 4)
