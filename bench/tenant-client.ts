import { createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { AdminClient } from '../src/admin/client.ts'
import { Connection } from '../src/bench/connection.ts'
import { createKeys, queryOperations } from '../src/bench/messages.ts'
import type { Target } from '../src/bench/target.ts'
import { newClientKey } from '../src/cli/client-key.ts'
import { ResultStatus } from '../src/kmip/enums.ts'
import { decodeResponse } from '../src/kmip/response-message.ts'

/** Creates in one message: what every server of 1.4 must take. */
const batchItems = 32

/** Makes a tenant with one client. */
export async function newTenant(admin: AdminClient, name: string): Promise<TenantClient> {
  await admin.createTenant(name)
  const { privateKeyPem, csr } = newClientKey()
  const where = { tenant: name, system: 'default', service: 'default' }
  const { certificatePem, caPem } = await admin.createClient({ ...where, name: 'bench', csr })
  return new TenantClient(createSecureContext({ cert: certificatePem, key: privateKeyPem, ca: caPem }))
}

/** The one client of a tenant, with the keys that it has made. */
export class TenantClient {
  readonly #secureContext: SecureContext
  readonly #identifiers: string[] = []
  readonly #waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = []
  #connection: Connection | undefined
  #nextCold = 1

  constructor(secureContext: SecureContext) {
    this.#secureContext = secureContext
  }

  /** The key that is asked for again and again. */
  get warm(): string {
    return this.#identifiers[0]!
  }

  /** One that was not asked for before, as long as there is one. */
  nextCold(): string {
    return this.#identifiers[this.#nextCold++]!
  }

  /** Resolves when a first request was answered, which opens no key: a server cuts who connects and says nothing. */
  async connect({ host, port }: Target): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#connection = new Connection(
        { host, port, secureContext: this.#secureContext, servername: 'localhost' },
        {
          ready: () => resolve(),
          answer: (frame) => this.#waiting.shift()?.resolve(Buffer.from(frame)),
          closed: (reason) => {
            const error = new Error(`a client of the bench lost its connection: ${reason}`)
            this.#connection = undefined
            reject(error)
            for (const { reject } of this.#waiting.splice(0)) reject(error)
          },
        },
      )
    })
    await this.ask(queryOperations())
  }

  disconnect(): void {
    this.#connection?.close()
  }

  ask(request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#connection === undefined) return reject(new Error('a client of the bench has no connection any more'))
      this.#waiting.push({ resolve, reject })
      this.#connection.send(request)
    })
  }

  /** Keys whose first Get changes nothing. Throws with the first that is refused. */
  async createObjects(count: number): Promise<void> {
    while (this.#identifiers.length < count) {
      const first = this.#identifiers.length
      const names = Array.from({ length: Math.min(batchItems, count - first) }, (_, nth) => `key ${first + nth}`)
      for (const item of decodeResponse(await this.ask(createKeys(names, 0))).batchItems) {
        if (item.resultStatus !== ResultStatus.Success) throw new Error(`Create: ${item.resultMessage}`)
        const created = item.responsePayload as { readonly uniqueIdentifier: string } // the answer to a Create
        this.#identifiers.push(created.uniqueIdentifier)
      }
    }
  }
}
