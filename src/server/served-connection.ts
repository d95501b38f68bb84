import type { TLSSocket } from 'node:tls'
import type { Peer } from '../auth/authenticate.ts'
import type { CutReason } from '../telemetry/counters.ts'
import type { ConnectionSurroundings } from './connection.ts'

/** One TLS connection after its handshake, as its listener sees it, whatever is spoken on it. */
export interface ServedConnection {
  readonly peer: Peer
  /** Bytes of frames that are not answered and of answers that are not taken. */
  readonly heldBytes: number
  /** Ends the connection when its time is over; the listener asks a few times a second. */
  enforceTime(nowMs: number): void
  /** Takes no more requests, answers those it has, then ends. */
  drain(): void
  /** Ends it at once, for a reason that is counted. */
  cut(reason: CutReason): void
}

/** What serves a connection: messages one after the other, or HTTP with a message in each request. */
export type ServeConnection = (socket: TLSSocket, peer: Peer, around: ConnectionSurroundings) => ServedConnection
