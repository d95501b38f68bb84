import { limits } from '../limits.ts'

/** The bounds of connections that a configuration may set, each with its default and reason in `limits.ts`. */
export interface ConnectionLimits {
  readonly connectionsMax: number
  readonly connectionsPerCertificateMax: number
  readonly connectionsPerAddressMax: number
  readonly handshakesMax: number
  readonly handshakeMs: number
  readonly firstByteMs: number
  readonly frameMs: number
  readonly frameGraceMs: number
  readonly writeMs: number
  readonly idleMs: number
}

export const defaultConnectionLimits: ConnectionLimits = limits
