import type { Peer } from '../auth/authenticate.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import { oldestVersion } from '../kmip/version.ts'
import type { Answer, MaybePromise, Responder } from './answer.ts'
import { refusal, respond, type RespondParts } from './respond.ts'

/** Answers KMIP on the connections of a listener. */
export class KmipResponder implements Responder {
  readonly #parts: RespondParts

  constructor(parts: RespondParts) {
    this.#parts = parts
  }

  identify(peer: Peer): MaybePromise<unknown> {
    return this.#parts.authenticator.authenticate(peer)
  }

  respond(frame: Buffer, peer: Peer): MaybePromise<Answer> {
    return respond(frame, peer, this.#parts)
  }

  refuseUnknown(): Buffer {
    return refusal(oldestVersion, unknownClient, this.#parts).bytes
  }

  refuseFrame(error: unknown): Buffer | undefined {
    // What does not begin like KMIP was no header: whoever sent it cannot read our answer.
    return isKryptonError(error) && error.code !== 'no-frame'
      ? refusal(oldestVersion, error, this.#parts).bytes
      : undefined
  }
}

/** The same for all that are unknown, so that nobody learns how close they came; the log says why. */
export const unknownClient = new KryptonError(
  'authentication-not-successful',
  'Show a client certificate that belongs to a client of this server: have it bound with krypton client add',
)
