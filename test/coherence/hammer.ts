import { randomUUID } from 'node:crypto'
import { Operation } from '../../src/kmip/enums.ts'
import { exchange, payloadOf, refusalIn } from '../crash/kmip-exchange.ts'
import { KmipClient, type KmipClientOptions } from '../support/kmip-client.ts'
import { changes, creation, type Key, questions } from './key-life.ts'

/** Keys that live at the same time: few, so that every thread has each of them in its cache while it changes. */
const keysMax = 24

/**
 * Connections that change keys and ask for them all the time. Whoever asks after a change was acknowledged, on whichever connection, must be
 * answered from the state after it: nothing here looks at a clock, only at what was known when a question was sent.
 */
export class Hammer {
  readonly #clients: readonly KmipClient[]
  readonly #keys: Key[] = []
  #left: number
  /** Lines for people. */
  readonly stale: string[] = []
  acknowledged = 0
  answers = 0

  private constructor(clients: readonly KmipClient[], changeCount: number) {
    this.#clients = clients
    this.#left = changeCount
  }

  static async connect(options: KmipClientOptions, connections: number, changeCount: number): Promise<Hammer> {
    return new Hammer(await connectMany(options, connections), changeCount)
  }

  /** Half of the connections change keys until so many changes were acknowledged, the other half ask until then. */
  async run(): Promise<void> {
    const half = this.#clients.length / 2
    await Promise.all(this.#clients.map((client, index) => (index < half ? this.#change(client) : this.#ask(client))))
    for (const client of this.#clients) client.socket.destroy()
  }

  async #change(client: KmipClient): Promise<void> {
    let mine: Key | undefined
    while (this.#left > 0) {
      this.#left -= 1
      mine =
        mine === undefined || mine.asked === changes.length ? await this.#create(client) : await this.#age(client, mine)
    }
  }

  async #create(client: KmipClient): Promise<Key> {
    const name = `key ${randomUUID()}`
    const items = await exchange(client, [creation(name)])
    const created = payloadOf(Operation.Create, items[0])
    if (created === undefined) throw new Error(`Create: ${refusalIn(items)}`)
    const key = { identifier: created.uniqueIdentifier, name, acknowledged: 0, asked: 0 }
    this.#keys.push(key)
    if (this.#keys.length > keysMax) this.#keys.shift()
    this.acknowledged += 1
    return key
  }

  async #age(client: KmipClient, key: Key): Promise<Key | undefined> {
    key.asked += 1
    const items = await exchange(client, [changes[key.asked - 1]!(key.identifier)])
    const refusal = refusalIn(items)
    if (refusal !== undefined) {
      // Nobody else changes this key: it was refused for what it was like before.
      this.stale.push(`change ${key.asked} of '${key.name}' was refused: ${refusal}`)
      return undefined
    }
    key.acknowledged = key.asked
    this.acknowledged += 1
    return key
  }

  async #ask(client: KmipClient): Promise<void> {
    while (this.#left > 0) {
      const key = oneOf(this.#keys)
      if (key === undefined) {
        await new Promise((resolve) => setImmediate(resolve))
        continue
      }
      const { ask, ages } = oneOf(questions)!
      const known = key.acknowledged
      const question = ask(key)
      const [item] = await exchange(client, [question])
      const { from, to } = ages(item!)
      this.answers += 1
      // What nobody has asked for yet cannot have happened: an answer that fits an early and a late age is from the early one.
      if (Math.min(to, key.asked < to && from <= key.asked ? key.asked : to) < known || from > key.asked)
        this.stale.push(
          `operation ${question.operation} on '${key.name}' was answered from age ${from} to ${to}; ${known} was acknowledged before, ${key.asked} asked for`,
        )
    }
  }
}

/** Connections of a client that is revoked while they work. Says what was answered after the revocation was acknowledged. */
export async function hammerWhileRevoked(
  options: KmipClientOptions,
  connections: number,
  revoke: () => Promise<void>,
): Promise<string[]> {
  const clients = await connectMany(options, connections)
  const served: string[] = []
  let isRevoked = false
  let answers = 0
  const busy = Promise.withResolvers<void>()
  const work = async (client: KmipClient, index: number): Promise<void> => {
    for (;;) {
      const asked = isRevoked
      const items = await exchange(client, [questions[0]!.ask(nobodys)]).catch(() => undefined)
      // Refused as somebody unknown: the connection ends.
      if (items === undefined || client.socket.destroyed || items[0]?.operation === undefined) return
      answers += 1
      if (answers === connections * 10) busy.resolve()
      if (asked) return void served.push(`connection ${index} was served after its client was revoked`)
    }
  }
  const working = Promise.all(clients.map(work))
  await Promise.race([busy.promise, working])
  await revoke()
  isRevoked = true
  await working
  for (const client of clients) client.socket.destroy()
  return served
}

/** A key that is not there: that it is not, only a client that is known is told. */
const nobodys: Key = { identifier: randomUUID(), name: '', acknowledged: 0, asked: 0 }

function connectMany(options: KmipClientOptions, connections: number): Promise<KmipClient[]> {
  return Promise.all(Array.from({ length: connections }, () => KmipClient.connect(options)))
}

function oneOf<T>(choices: readonly T[]): T | undefined {
  return choices[Math.floor(Math.random() * choices.length)]
}
