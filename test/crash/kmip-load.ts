import { Operation } from '../../src/kmip/enums.ts'
import type { GetResponse } from '../../src/kmip/payloads/get.ts'
import { isBytes } from '../../src/kmip/key-block.ts'
import { KmipClient, type KmipClientOptions } from '../support/kmip-client.ts'
import { afterGet, changeOf, creation, isGone, type KeyChange, sha256Of } from './key-changes.ts'
import type { KeyFact, KeyImage, KeyLedger } from './key-ledger.ts'
import { exchange, payloadOf, refusalIn, type Step, step } from './kmip-exchange.ts'
import type { Violation } from './victim.ts'

/** What a connection asked for after its handshake, in order. */
export interface ConnectionLog {
  readonly localPort: number
  readonly requests: ('change' | 'other')[]
}

/**
 * Clients that make, change, get and destroy keys over connections of their own, one request at a time each, until the server is gone
 * or enough changes were acknowledged. Everything acknowledged goes into the ledger; what the server should not have done is a violation.
 */
export class KmipLoad {
  readonly #ledger: KeyLedger
  readonly #changesMax: number
  readonly #idle: KeyFact[]
  /** Names that destroyed keys had: another may have them now. */
  readonly #freeNames: string[] = []
  #begun = 0
  readonly violations: Violation[] = []
  readonly connections: ConnectionLog[] = []
  readonly #clients: KmipClient[] = []
  /** Called with each acknowledgement. */
  readonly #onAcknowledged: () => void

  constructor(ledger: KeyLedger, changesMax: number, onAcknowledged: () => void) {
    this.#ledger = ledger
    this.#changesMax = changesMax
    this.#onAcknowledged = onAcknowledged
    this.#idle = [...ledger.facts].filter(({ acknowledged }) => acknowledged && !isGone(acknowledged.state))
  }

  /**
   * Resolves when every client has ended its work. Connections stay open until `close`: a server that is killed before it has written
   * nothing after its last answer, no close_notify either, so a trace of it ends with an answer.
   */
  async run(options: KmipClientOptions, clients: number): Promise<void> {
    await Promise.all(Array.from({ length: clients }, () => this.#work(options)))
  }

  close(): void {
    for (const { socket } of this.#clients) socket.destroy()
  }

  async #work(options: KmipClientOptions): Promise<void> {
    let client: KmipClient
    try {
      client = await KmipClient.connect(options)
    } catch {
      // killed before it took the connection
      return
    }
    const log: ConnectionLog = { localPort: client.socket.localPort!, requests: [] }
    this.connections.push(log)
    this.#clients.push(client)
    try {
      while (this.#begun < this.#changesMax) await this.#request(client, log)
    } catch (error) {
      // the connection broke: whatever was under way stays pending
      if (!client.socket.destroyed) throw error
    }
  }

  async #request(client: KmipClient, log: ConnectionLog): Promise<void> {
    const chosen = Math.random() < 0.6 ? this.#takeIdle() : undefined
    const { identifier, acknowledged } = chosen ?? {}
    if (chosen === undefined || identifier === undefined || acknowledged === undefined) {
      const reused = Math.random() < 0.1 ? this.#freeNames.pop() : undefined
      return this.#change(client, log, this.#ledger.newFact(), creation(reused))
    }
    const luck = Math.random()
    if (luck < 0.2) return this.#get(client, log, chosen, identifier, acknowledged)
    if (luck < 0.25) return this.#takeName(client, log, chosen, acknowledged)
    return this.#change(client, log, chosen, changeOf(identifier, acknowledged)!)
  }

  async #change(client: KmipClient, log: ConnectionLog, fact: KeyFact, { steps, after }: KeyChange): Promise<void> {
    fact.pending = after
    const results = await this.#ask(client, log, 'change', steps)
    const refusal = refusalIn(results)
    // it stays pending and is left alone
    if (refusal !== undefined) return this.#violated(`refused: ${after.name}: ${refusal}`)
    fact.identifier ??=
      payloadOf(Operation.Register, results[0])?.uniqueIdentifier ??
      payloadOf(Operation.Create, results[0])?.uniqueIdentifier
    this.#acknowledge(fact, after)
  }

  async #get(
    client: KmipClient,
    log: ConnectionLog,
    fact: KeyFact,
    uniqueIdentifier: string,
    image: KeyImage,
  ): Promise<void> {
    fact.pending = { ...image, fresh: false, changes: image.changes + (image.fresh ? 1 : 0) }
    const kind = image.fresh ? 'change' : 'other'
    const results = await this.#ask(client, log, kind, [step(Operation.Get, { uniqueIdentifier })])
    const got = payloadOf(Operation.Get, results[0])
    if (got === undefined) return this.#violated(`refused: ${image.name}: ${refusalIn(results)}`)
    const sha256 = sha256Of(materialIn(got))
    if (image.sha256 !== undefined && image.sha256 !== sha256) this.#violated(`lost: ${image.name}: other bytes`)
    this.#acknowledge(fact, afterGet(image, sha256))
  }

  /** A live key's Name is asked for again: it must be refused. */
  async #takeName(client: KmipClient, log: ConnectionLog, fact: KeyFact, { name }: KeyImage): Promise<void> {
    const other = creation(name)
    const results = await this.#ask(client, log, 'other', other.steps)
    if (refusalIn(results) === undefined) this.#violated(`duplicated: ${name}: another key got this Name too`)
    this.#idle.push(fact)
  }

  async #ask(client: KmipClient, log: ConnectionLog, kind: 'change' | 'other', steps: readonly Step[]) {
    if (kind === 'change') this.#begun++
    log.requests.push(kind)
    return exchange(client, steps)
  }

  #acknowledge(fact: KeyFact, image: KeyImage): void {
    this.#ledger.acknowledge(fact, image)
    if (isGone(image.state)) this.#freeNames.push(image.name)
    else this.#idle.push(fact)
    this.#onAcknowledged()
  }

  #takeIdle(): KeyFact | undefined {
    return this.#idle.splice(Math.floor(Math.random() * this.#idle.length), 1)[0]
  }

  #violated(violation: Violation): void {
    this.violations.push(violation)
  }
}

/** The key bytes in an answer. */
export function materialIn({ symmetricKey, secretData }: GetResponse): Uint8Array {
  const material = (symmetricKey ?? secretData)?.keyBlock.keyValue?.keyMaterial
  if (material === undefined || !isBytes(material) || !(material instanceof Uint8Array))
    throw new Error('the answer has no key bytes')
  return material
}
