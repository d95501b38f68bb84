import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { requestFrame } from './fast-clients.ts'
import type { ServerStarted } from './messages.ts'

/** Ways to hold a connection and give nothing for it. */
export const slowKinds = {
  'silent after TCP': (target: Target) => tcp(target, () => undefined),
  'silent after TLS': (target: Target) => tls(target, () => undefined),
  'a byte a second': (target: Target) => tls(target, (socket) => drip(socket)),
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
  /** Resolves with how long it was suffered, in milliseconds: since its connection, or since the server last took anything of a flood. */
  readonly cut: Promise<number>
  stop(): void
}

export function newTarget(server: ServerStarted): Target {
  const contexts = server.identities.slice(1).map(({ cert, key }) => createSecureContext({ ca: server.ca, cert, key }))
  return { server, contexts, next: 0 }
}

function tcp({ server }: Target, then: (socket: Socket) => void): Promise<SlowClient> {
  const socket = connectTcp(server.port, '127.0.0.1')
  return follow(socket, 'connect', then)
}

function tls(target: Target, then: (socket: TLSSocket, taken: () => void) => void): Promise<SlowClient> {
  const { server, contexts } = target
  const secureContext = contexts[target.next++ % contexts.length]
  const socket = connectTls({ port: server.port, host: '127.0.0.1', servername: 'localhost', secureContext })
  return follow(socket, 'secureConnect', then)
}

/** Rejects when the server does not even take the connection. */
function follow<S extends Socket>(
  socket: S,
  ready: string,
  then: (socket: S, taken: () => void) => void,
): Promise<SlowClient> {
  return new Promise((resolve, reject) => {
    socket.on('error', (error) => {
      reject(error)
      socket.destroy()
    })
    socket.once(ready, () => {
      let start = performance.now()
      const cut = new Promise<number>((done) => socket.once('close', () => done(performance.now() - start)))
      // A reader of nothing: without it the end of the connection is not seen.
      socket.resume()
      then(socket, () => (start = performance.now()))
      resolve({ cut, stop: () => socket.destroy() })
    })
  })
}

function drip(socket: TLSSocket): void {
  const bytes = requestFrame(1)
  let sent = 0
  const timer = setInterval(() => {
    if (socket.destroyed || sent === bytes.length) clearInterval(timer)
    else socket.write(bytes.subarray(sent, ++sent))
  }, 1_000)
  socket.once('close', () => clearInterval(timer))
}

/**
 * Requests without end and no look at the answers. While the kernel still takes answers it is a client with much to do; slow it is from the
 * moment in which the server takes no more requests.
 */
function flood(socket: TLSSocket, taken: () => void): void {
  socket.pause()
  const requests = Buffer.concat(Array.from({ length: 32 }, (_, number) => requestFrame(number)))
  const timer = setInterval(() => {
    if (socket.destroyed) clearInterval(timer)
    else if (socket.writableLength === 0) socket.write(requests, (error) => (error ? undefined : taken()))
  }, 200)
  socket.once('close', () => clearInterval(timer))
}

const promise = Buffer.alloc(16)
promise.writeUInt32BE(0x42007801, 0)
promise.writeUInt32BE(1024 * 1024 - 8, 4)
