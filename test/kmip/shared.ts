import { existsSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { join, resolve } from 'node:path'

/** Where the material is that lies beside the checkout: golden exchanges, the OASIS cases. Undefined where there is none. */
export const sharedDirectory: string | undefined = [
  process.env['KRYPTON_SHARED'],
  resolve(import.meta.dirname, '../../../shared'),
].find((path) => path !== undefined && existsSync(join(path, 'mongo', 'samples.json')))

export const absent = 'the shared material is neither at KRYPTON_SHARED nor beside the checkout'

export interface Sample {
  readonly id: string
  readonly protocolVersion: string
  readonly requestHex: string
  readonly responseHex: string
}

/** Exchanges of libmongocrypt. */
export function mongoSamples(shared: string): readonly Sample[] {
  return (JSON.parse(readFileSync(join(shared, 'mongo', 'samples.json'), 'utf8')) as { samples: Sample[] }).samples
}

export interface OasisMessage {
  readonly id: string
  readonly request: Buffer
  readonly response: Buffer
}

interface XmlItem {
  readonly type: string
  readonly value: unknown
}

/** The steps of the OASIS cases as TTLV, with some value for each placeholder. */
export async function oasisMessages(shared: string): Promise<OasisMessage[]> {
  const load = (name: string): Promise<Record<string, (...values: unknown[]) => unknown>> =>
    import(pathToFileURL(join(shared, 'oasis', name)).href) as Promise<
      Record<string, (...values: unknown[]) => unknown>
    >
  const { findCases, loadCase } = await load('case.mjs')
  const { mapLeaves, isPlaceholder } = await load('message.mjs')
  const { encode } = await load('ttlv.mjs')
  const bytesOf = (item: unknown) =>
    encode!(
      mapLeaves!(item, (leaf: XmlItem) => (isPlaceholder!(leaf.value) === true ? someValue(leaf.type) : leaf.value)),
    ) as Buffer
  const messages: OasisMessage[] = []
  for (const path of findCases!([join(shared, 'oasis', 'cases')]) as string[]) {
    const { id, steps } = loadCase!(path) as { id: string; steps: { request: unknown; response: unknown }[] }
    steps.forEach(({ request, response }, step) => {
      messages.push({ id: `${id} step ${step + 1}`, request: bytesOf(request), response: bytesOf(response) })
    })
  }
  return messages
}

function someValue(type: string): unknown {
  switch (type) {
    case 'DateTime':
    case 'LongInteger':
      return 1_700_000_000n
    case 'TextString':
      return 'id-1'
    case 'ByteString':
    case 'BigInteger':
      return Buffer.alloc(8, 1)
    default:
      return 1
  }
}
