import type { Peer } from '../auth/authenticate.ts'
import type { EncodedResponse } from '../kmip/response-message.ts'

export type MaybePromise<T> = T | Promise<T>

/** What goes back for one frame. */
export interface Answer extends EncodedResponse {
  /** The stream cannot be read on after this frame: the connection ends with this answer. */
  readonly close?: boolean
}

/** Who answers what comes over a connection; `respond.ts` in the server, something smaller in tests. */
export interface Responder {
  /**
   * Who is this? Asked when the handshake is done, before a byte is read.
   * @throws KryptonError client-unknown: the peer gets the one fixed answer
   */
  identify(peer: Peer): MaybePromise<unknown>
  /**
   * Answers a frame, which is the responder's until it has answered and is wiped then.
   * @throws KryptonError client-unknown: the peer is no longer what it was
   */
  respond(frame: Buffer, peer: Peer): MaybePromise<Answer>
  /** The fixed answer for whoever is unknown: made without a look at what was sent. */
  refuseUnknown(): Buffer
  /** The answer for bytes that cannot be cut into frames, if any may be given, and for a frame that was not kept. */
  refuseFrame(error: unknown): Buffer | undefined
}
