import { isDeepStrictEqual } from 'node:util'
import type { Digest } from '../../src/kmip/structures.ts'
import { Operation, ResultReason, type State } from '../../src/kmip/enums.ts'
import type { GetAttributesResponse } from '../../src/kmip/payloads/get-attributes.ts'
import type { CustomValue } from '../../src/kmip/custom-value.ts'
import type { Name } from '../../src/kmip/structures.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import type { KmipClient } from '../support/kmip-client.ts'
import { afterGet, countAttribute, isGone, nameOf, sha256Of } from './key-changes.ts'
import type { KeyFact, KeyImage, KeyLedger } from './key-ledger.ts'
import { exchange, payloadOf, refusalIn, step } from './kmip-exchange.ts'
import { materialIn } from './kmip-load.ts'
import type { Violation } from './victim.ts'

/**
 * Asks a server for every key of the ledger and says what is not as it was acknowledged. A key with an unanswered request must be as
 * before it or as after it, whole, and is found by the Name that it has and no other. What is seen is what later looks expect.
 */
export async function lookOverKmip(client: KmipClient, ledger: KeyLedger): Promise<Violation[]> {
  const violations: Violation[] = []
  violations.push(...(await findPending(client, ledger)))
  const facts = [...ledger.facts]
  for (let at = 0; at < facts.length; at += keysOfRequest) {
    const some = facts.slice(at, at + keysOfRequest)
    const steps = some.flatMap((fact) => [
      step(Operation.GetAttributes, { uniqueIdentifier: fact.identifier!, attributeNames: [] }),
      step(Operation.Get, { uniqueIdentifier: fact.identifier! }),
      ...namesOf(fact).map(locateName),
    ])
    const results = await exchange(client, steps, { whatever: true })
    for (const fact of some) {
      const [attributes, got, ...located] = results.splice(0, 2 + namesOf(fact).length)
      violations.push(...judge(ledger, fact, { attributes, got, located: located.map(identifiersIn) }))
    }
  }
  return violations
}

/** Four steps each: within what a message may have. */
const keysOfRequest = 16

/** Creations that were never answered: there is a key of that Name, or there is none. */
async function findPending(client: KmipClient, ledger: KeyLedger): Promise<Violation[]> {
  const violations: Violation[] = []
  const known = new Set([...ledger.facts].map(({ identifier }) => identifier))
  for (const fact of ledger.facts) {
    if (fact.identifier !== undefined) continue
    const { name } = fact.pending!
    const [result] = await exchange(client, [locateName(name)])
    // a Name that was free may have been given to another in the meantime
    const found = identifiersIn(result).filter((identifier) => !known.has(identifier))
    if (found.length > 1) violations.push(`duplicated: ${name}: ${found.length} keys have this Name`)
    if (found.length === 0) ledger.settle(fact, undefined)
    else fact.identifier = found[0]
  }
  return violations
}

interface Seen {
  readonly attributes: ResponseBatchItem | undefined
  readonly got: ResponseBatchItem | undefined
  /** Identifiers found by each of `namesOf`. */
  readonly located: readonly (readonly string[])[]
}

function judge(ledger: KeyLedger, fact: KeyFact, { attributes, got, located }: Seen): Violation[] {
  const { acknowledged, pending } = fact
  const name = (acknowledged ?? pending!).name
  const described = payloadOf(Operation.GetAttributes, attributes)
  if (described === undefined) {
    ledger.settle(fact, undefined)
    if (attributes?.resultReason === ResultReason.ItemNotFound) return [`lost: ${name}: acknowledged, and not there`]
    return [`damaged: ${name}: ${attributes?.resultMessage ?? 'no answer'}`]
  }
  const seen = imageIn(described)
  const served = payloadOf(Operation.Get, got)
  const sha256 = served && sha256Of(materialIn(served))
  const found = [acknowledged, pending].find((image) => image !== undefined && isLike(image, seen))
  const violations: Violation[] = []
  if (found === undefined) violations.push(difference(seen, acknowledged, pending))
  if (isGone(seen.state)) {
    if (sha256 !== undefined) violations.push(`back: ${name}: destroyed, and its bytes are served`)
  } else if (sha256 === undefined) {
    violations.push(`half-written: ${name}: its record does not open: ${refusalIn([got!])}`)
  } else if ((found?.sha256 ?? sha256) !== sha256) {
    violations.push(`lost: ${name}: other bytes`)
  } else if (digestIn(described) !== sha256) {
    violations.push(`half-written: ${name}: the bytes are not those of its Digest`)
  }
  for (const [at, candidate] of namesOf(fact).entries()) {
    const expected = candidate === seen.name && !isGone(seen.state)
    if (located[at]!.includes(fact.identifier!) !== expected)
      violations.push(`half-written: ${candidate}: ${expected ? 'not found' : 'found'} by this Name`)
    if (located[at]!.length > 1) violations.push(`duplicated: ${candidate}: ${located[at]!.length} keys have this Name`)
  }
  const image: KeyImage = { ...(found ?? acknowledged ?? pending!), ...seen }
  ledger.settle(fact, sha256 === undefined ? image : afterGet(image, sha256))
  return violations
}

/** What of an image Get Attributes shows. */
type Attributes = Pick<KeyImage, 'state' | 'name' | 'groups' | 'count' | 'fresh'>

function imageIn({ attributes }: GetAttributesResponse): Attributes {
  const values = (wanted: string) => (attributes ?? []).filter(({ name }) => name === wanted).map(({ value }) => value)
  // the codec reads each attribute's value as its own type
  const name = values('name')[0] as Name | undefined
  const count = values(countAttribute)[0] as CustomValue | undefined
  return {
    state: values('state')[0] as State,
    name: name?.nameValue ?? '',
    groups: values('objectGroup') as string[],
    count: String(count?.value),
    fresh: values('fresh')[0] === true,
  }
}

function digestIn({ attributes }: GetAttributesResponse): string {
  const digest = (attributes ?? []).find(({ name }) => name === 'digest')?.value as Digest | undefined
  return Buffer.from(digest?.digestValue ?? []).toString('hex')
}

function isLike(image: KeyImage, seen: Attributes): boolean {
  return fields.every((field) => isDeepStrictEqual(image[field], seen[field]))
}

/** Neither before nor after: a mixture of the two, or something older. */
function difference(seen: Attributes, before: KeyImage | undefined, after: KeyImage | undefined): Violation {
  const { name } = (before ?? after)!
  const what = `found ${JSON.stringify(seen)}, acknowledged ${JSON.stringify(before)}, pending ${JSON.stringify(after)}`
  if (before !== undefined && isGone(before.state) && !isGone(seen.state)) return `back: ${name}: ${what}`
  const isMixture = fields.every((field) =>
    [before, after].some((image) => image !== undefined && isDeepStrictEqual(image[field], seen[field])),
  )
  return isMixture || before === undefined ? `half-written: ${name}: ${what}` : `lost: ${name}: ${what}`
}

const fields = ['state', 'name', 'groups', 'count', 'fresh'] as const

function namesOf({ acknowledged, pending }: KeyFact): string[] {
  return [...new Set([acknowledged, pending].flatMap((image) => (image === undefined ? [] : [image.name])))]
}

function locateName(name: string) {
  return step(Operation.Locate, { attributes: [nameOf(name)] })
}

function identifiersIn(result: ResponseBatchItem | undefined): readonly string[] {
  return payloadOf(Operation.Locate, result)?.uniqueIdentifiers ?? []
}
