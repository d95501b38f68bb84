import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/**
 * Bytes of answers that batches of this thread have so far and cannot send yet, because they have let others on or wait for the store. A client that begins many
 * batches at once fills its own part and no other's.
 */
export class UnfinishedAnswers {
  #bytes = 0
  readonly #ofClients = new Map<string, number>()

  /**
   * Counts `bytes` more for a client.
   * @throws KryptonError overloaded: it has as much as it may, or the thread has
   */
  hold(client: string, bytes: number): void {
    const ofClient = (this.#ofClients.get(client) ?? 0) + bytes
    if (ofClient > limits.unfinishedAnswersOfClientBytesMax) {
      throw new KryptonError('overloaded', 'Wait for the answers to earlier batches, then send the request again')
    }
    if (this.#bytes + bytes > limits.unfinishedAnswersBytesMax) {
      throw new KryptonError(
        'overloaded',
        'Send the request again later, or in smaller batches: too many are under way',
      )
    }
    this.#bytes += bytes
    this.#ofClients.set(client, ofClient)
  }

  /** Ends what `hold` has counted. */
  release(client: string, bytes: number): void {
    this.#bytes -= bytes
    const left = (this.#ofClients.get(client) ?? 0) - bytes
    if (left > 0) this.#ofClients.set(client, left)
    else this.#ofClients.delete(client)
  }
}
