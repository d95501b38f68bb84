import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection } from '../src/bench/connection.ts'
import { wireAttribute } from '../src/kmip/attributes-1x.ts'
import { CryptographicAlgorithm, CryptographicUsageMask, NameType, ObjectType, Operation } from '../src/kmip/enums.ts'
import { encodeRequest } from '../src/kmip/request-message.ts'
import { decodeResponse } from '../src/kmip/response-message.ts'
import { protocolVersion } from '../src/kmip/version.ts'
import { startKrypton } from './servers/krypton.ts'
import type { Section } from './table.ts'

export interface ForeignOptions {
  /** Requests for each of the two, in each row. */
  readonly requests: number
  readonly onProgress: (line: string) => void
}

/**
 * How long a client waits for the answer that there is no such object, when it is another tenant's and when it is nobody's: the bytes of the two are
 * the same, and the times ought to be. The two alternate in a random order on one connection, and as many of each are asked for again and again: what
 * was asked before is answered sooner, whoever it belongs to.
 */
export async function benchForeign({ requests, onProgress }: ForeignOptions): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-foreign-'))
  try {
    const instance = join(directory, 'server')
    const server = await startKrypton(instance)
    try {
      const other = join(directory, 'other')
      const krypton = (...args: string[]) =>
        execFileSync(process.execPath, [command, ...args, '--dir', instance], { stdio: 'ignore' })
      krypton('tenant', 'add', 'other')
      krypton('client', 'add', 'stranger', '--tenant', 'other', '--out', other)
      const owner = await Exchange.open(server.target.port, instance)
      const foreign: Reference[] = []
      for (let nth = 0; nth < references; nth++) {
        const name = randomUUID()
        const [created] = decodeResponse(await owner.ask(creation(name))).batchItems
        const { uniqueIdentifier } = created!.responsePayload as { uniqueIdentifier: string } // a Create was asked
        foreign.push({ uniqueIdentifier, name })
      }
      owner.close()
      const missing = foreign.map(() => ({ uniqueIdentifier: randomUUID(), name: randomUUID() }))
      const stranger = await Exchange.open(server.target.port, other)
      const rows: string[][] = []
      for (const [title, request] of Object.entries(asked)) {
        const times = await measure(stranger, requests, {
          foreign: foreign.map((reference) => request(reference)),
          missing: missing.map((reference) => request(reference)),
        })
        rows.push([title, ...figuresOf(times)])
        onProgress(`${title}: ${rows.at(-1)!.join(' ')}`)
      }
      stranger.close()
      return { table: tableOf(rows, requests), figures: [] }
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Times {
  readonly foreign: number[]
  readonly missing: number[]
}

async function measure(
  exchange: Exchange,
  requests: number,
  of: Readonly<Record<keyof Times, readonly Buffer[]>>,
): Promise<Times> {
  const times: Times = { foreign: [], missing: [] }
  for (let i = -requests / 4; i < requests; i++) {
    const order = Math.random() < 0.5 ? (['foreign', 'missing'] as const) : (['missing', 'foreign'] as const)
    const nth = Math.floor(Math.random() * references)
    for (const which of order) {
      const request = of[which][nth]!
      const start = performance.now()
      await exchange.ask(request)
      // The first ones compile the code.
      if (i >= 0) times[which].push((performance.now() - start) * 1000)
    }
  }
  return times
}

/** Medians, how far apart they are, and Welch's t of the two without the slowest twentieth of each. */
function figuresOf({ foreign, missing }: Times): string[] {
  const [a, b] = [foreign.toSorted((x, y) => x - y), missing.toSorted((x, y) => x - y)]
  const median = (values: readonly number[]) => values[Math.floor(values.length / 2)]!
  const difference = median(a) - median(b)
  const cut = (values: readonly number[]) => values.slice(0, Math.ceil(values.length * 0.95))
  const [left, right] = [momentsOf(cut(a)), momentsOf(cut(b))]
  const t = (left.mean - right.mean) / Math.sqrt(left.variance / left.count + right.variance / right.count)
  return [median(a).toFixed(1), median(b).toFixed(1), difference.toFixed(1), t.toFixed(1)]
}

function momentsOf(values: readonly number[]) {
  const count = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1)
  return { count, mean, variance }
}

function tableOf(rows: string[][], requests: number): Section['table'] {
  return {
    title: 'An object of another tenant beside one that does not exist',
    columns: ['Request', 'foreign, µs', 'missing, µs', 'difference, µs', 't'],
    rows,
    notes: [
      `Medians of ${requests} answers each, one connection, a random order. t is Welch's, without the slowest twentieth: beyond 4.5 in both of two runs, the two can be told apart.`,
    ],
  }
}

/** Objects of the other tenant, and identifiers and names that nobody has. */
const references = 64

type Reference = { readonly uniqueIdentifier: string; readonly name: string }

const asked: Readonly<Record<string, (to: Reference) => Buffer>> = {
  Get: ({ uniqueIdentifier }) => message(Operation.Get, { uniqueIdentifier }),
  Decrypt: ({ uniqueIdentifier }) =>
    message(Operation.Decrypt, { uniqueIdentifier, data: Buffer.alloc(64), ivCounterNonce: Buffer.alloc(12) }),
  'Locate by Unique Identifier': ({ uniqueIdentifier }) =>
    message(Operation.Locate, { attributes: [wireAttribute('uniqueIdentifier', undefined, uniqueIdentifier)] }),
  'Locate by Name': ({ name }) => message(Operation.Locate, { attributes: [named(name)] }),
}

function message(operation: number, requestPayload: unknown): Buffer {
  return encodeRequest({
    requestHeader: { protocolVersion: protocolVersion(14), batchCount: 1 },
    batchItems: [{ operation, requestPayload }],
  })
}

function creation(name: string): Buffer {
  const attributes = [
    wireAttribute('cryptographicAlgorithm', undefined, CryptographicAlgorithm.AES),
    wireAttribute('cryptographicLength', undefined, 256),
    wireAttribute('cryptographicUsageMask', undefined, CryptographicUsageMask.Decrypt),
    named(name),
  ]
  return message(Operation.Create, {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: { names: [], attributes },
  })
}

const named = (nameValue: string) =>
  wireAttribute('name', undefined, { nameValue, nameType: NameType.UninterpretedTextString })

/** One request after the other on one connection. */
class Exchange {
  readonly #connection: Connection
  #answered: { readonly resolve: (frame: Buffer) => void; readonly reject: (error: Error) => void } | undefined

  private constructor(port: number, directory: string, ready: () => void, failed: (error: Error) => void) {
    const file = (name: string) => readFileSync(join(directory, name))
    const options = { host: '127.0.0.1', port, servername: 'localhost' }
    this.#connection = new Connection(
      { ...options, ca: file('ca.pem'), cert: file('client.pem'), key: file('client.key') },
      {
        ready,
        answer: (frame) => this.#answered?.resolve(Buffer.from(frame)),
        closed: (reason) => {
          failed(new Error(reason))
          this.#answered?.reject(new Error(reason))
        },
      },
    )
  }

  static open(port: number, directory: string): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      const exchange: Exchange = new Exchange(port, directory, () => resolve(exchange), reject)
    })
  }

  ask(request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#answered = { resolve, reject }
      this.#connection.send(request)
    })
  }

  close(): void {
    this.#connection.close()
  }
}

const command = join(import.meta.dirname, '../bin/krypton')
