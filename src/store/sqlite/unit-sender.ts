import type { MessagePort } from 'node:worker_threads'
import { KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import type { Unit } from '../store.ts'
import type { OutcomeMessage, UnitsMessage } from './messages.ts'
import { UnitsEncoder } from './unit-codec.ts'

/**
 * One thread's way to the writer: sends units, and settles their promises as outcomes come back. What one turn of the loop brings goes in
 * few messages, so that the writer makes it durable together: sent one by one, the first of 64 clients would have a sync to itself. The writer
 * begins with the first `limits.storeUnitsSentTogether` of a long turn while the rest of it goes on.
 */
export class UnitSender {
  readonly #port: MessagePort
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: KryptonError) => void }>()
  readonly #outbox = new UnitsEncoder()
  #next = 0
  #dead: KryptonError | undefined
  #onIdle: (() => void) | undefined

  constructor(port: MessagePort) {
    this.#port = port
    port.on('message', (message: OutcomeMessage) => this.#settle(message))
    port.on('close', () => this.#die('the store was closed: start the server again'))
    port.unref()
  }

  /** Resolves when the unit is durable. Rejects as `Store.commit` says. */
  send(unit: Unit): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#dead !== undefined) throw this.#dead
      if (this.#waiting.size >= limits.storeWaitingMax) {
        throw new KryptonError('overloaded', 'too many changes wait for the disk: repeat the request later')
      }
      this.#outbox.add(unit)
      if (this.#waiting.size === 0) this.#port.ref()
      this.#waiting.set(this.#next++, { resolve, reject })
      if (this.#outbox.count >= limits.storeUnitsSentTogether) this.#post()
      else if (this.#outbox.count === 1) process.nextTick(this.#postRest)
    })
  }

  readonly #postRest = (): void => {
    if (this.#outbox.count > 0) this.#post()
  }

  #post(): void {
    const first = this.#next - this.#outbox.count
    const units = this.#outbox.take()
    this.#port.postMessage({ first, units } satisfies UnitsMessage, [units.buffer])
  }

  /** Takes no more units and waits for those that are under way. */
  async close(): Promise<void> {
    this.#dead ??= new KryptonError('store-failed', 'the store is closed: start the server again')
    if (this.#waiting.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    this.#port.close()
  }

  #settle(message: OutcomeMessage): void {
    if ('fatal' in message) return this.#die(`the store stopped, start the server again: ${message.fatal}`)
    for (const number of message.durable) this.#take(number)?.resolve()
    for (const { number, code, message: text } of message.refused)
      this.#take(number)?.reject(new KryptonError(code, text))
    if (this.#waiting.size === 0) this.#idle()
  }

  #die(message: string): void {
    const dead = (this.#dead ??= new KryptonError('store-failed', message))
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(dead)
    this.#idle()
  }

  #take(number: number) {
    const waiting = this.#waiting.get(number)
    this.#waiting.delete(number)
    return waiting
  }

  #idle(): void {
    this.#port.unref()
    this.#onIdle?.()
  }
}
