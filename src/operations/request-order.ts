import { Operation } from '../kmip/enums.ts'
import type { RequestMessage } from '../kmip/request-message.ts'

/**
 * Has the requests of one connection see what those before them have changed: who sends several without waiting for the answers, Activate and then Encrypt, means them in this order. A request waits for the
 * earlier ones that are under way and that it may depend on; all others go on beside each other, so that many Creates of one connection are made durable together. `asker` is the connection.
 * Returns what `request` has to wait for, and whoever executes it says so with `isUnderWay`.
 */
export function earlierThan(request: RequestMessage, asker: object): Promise<unknown> | undefined {
  const underWay = requestsUnderWay.get(asker)
  return underWay === undefined || underWay.length === 0 ? undefined : waitFor(underWay, request)
}

/** The request has an answer later; until then others may have to wait for it. */
export function isUnderWay(request: RequestMessage, asker: object, answer: Promise<unknown>): void {
  let underWay = requestsUnderWay.get(asker)
  if (underWay === undefined) requestsUnderWay.set(asker, (underWay = []))
  const all = underWay
  const end = (): void => void all.splice(all.indexOf(one), 1)
  const one: UnderWay = { request, ended: answer.then(end, end), effect: undefined }
  all.push(one)
}

interface UnderWay {
  readonly request: RequestMessage
  readonly ended: Promise<void>
  effect: Effect | undefined
}

/** Of connections that have sent one that was not answered at once. */
const requestsUnderWay = new WeakMap<object, UnderWay[]>()

function waitFor(underWay: readonly UnderWay[], request: RequestMessage): Promise<unknown> | undefined {
  const later = effectOf(request)
  const before = underWay.filter((one) => dependsOn((one.effect ??= effectOf(one.request)), later))
  return before.length === 0 ? undefined : Promise.all(before.map(({ ended }) => ended))
}

/** What a request does, so far as it shows before it is executed. */
interface Effect {
  /** Only objects that nobody knows yet; it may take Names. */
  readonly makes: boolean
  readonly changes: boolean
  /** It may give or take Names of objects that exist. */
  readonly renames: boolean
  /** The identifiers of what it uses and changes; undefined where any object may be meant. */
  readonly objects: ReadonlySet<string> | undefined
}

function dependsOn(earlier: Effect, later: Effect): boolean {
  if (!earlier.changes && !later.changes) return false
  if (earlier.makes && later.makes) return false
  if (earlier.makes !== later.makes) {
    const other = earlier.makes ? later : earlier
    // A new object is told of by nothing but its Name.
    if (other.objects !== undefined && !other.renames) return other.changes && meet(earlier, later)
    return true
  }
  return meet(earlier, later)
}

function meet({ objects: one }: Effect, { objects: other }: Effect): boolean {
  return one === undefined || other === undefined || !one.isDisjointFrom(other)
}

function effectOf({ batchItems }: RequestMessage): Effect {
  const objects = new Set<string>()
  let isAny = false
  let makes = true
  let changes = false
  let renames = false
  let isOwn = false
  for (const item of batchItems) {
    const { operation } = item
    const named = addIdentifiers(objects, item.requestPayload, identifiersDepthMax)
    if (makers.has(operation)) {
      isOwn = true
      changes = true
      continue
    }
    // Without an identifier it is for what an item before it has made, which nobody else knows.
    if (isOwn && !named && !finders.has(operation)) continue
    if (aboutNothing.has(operation)) continue
    makes = false
    if (!named) isAny = true
    if (readers.has(operation)) continue
    changes = true
    renames ||= !keepsNames.has(operation)
  }
  return { makes: makes && changes, changes, renames, objects: isAny ? undefined : objects }
}

/** Puts the identifiers in a payload into `found`, those of keys that wrap and of linked objects too; false if there are none. */
function addIdentifiers(found: Set<string>, payload: unknown, depth: number): boolean {
  if (typeof payload !== 'object' || payload === null || payload instanceof Uint8Array || depth === 0) return false
  let named = false
  for (const [name, value] of Object.entries(payload)) {
    if (!/(?:niqueIdentifier|ObjectIdentifier)s?$/.test(name)) named = addIdentifiers(found, value, depth - 1) || named
    else
      for (const identifier of Array.isArray(value) ? value : [value]) {
        if (typeof identifier !== 'string') continue
        found.add(identifier)
        named = true
      }
  }
  return named
}

const makers: ReadonlySet<number> = new Set([Operation.Create, Operation.CreateKeyPair, Operation.Register])

/** These look for objects, or at what is kept of other requests. */
const finders: ReadonlySet<number> = new Set([Operation.Locate, Operation.Poll, Operation.Cancel])

const aboutNothing: ReadonlySet<number> = new Set([
  Operation.Query,
  Operation.DiscoverVersions,
  Operation.RNGRetrieve,
  Operation.RNGSeed,
  Operation.Hash,
])

/** These change nothing that another request could miss: what the server counts for them, uses and the first Get, it counts by itself. */
const readers: ReadonlySet<number> = new Set([
  Operation.Locate,
  Operation.Check,
  Operation.Get,
  Operation.GetAttributes,
  Operation.GetAttributeList,
  Operation.Validate,
  Operation.Encrypt,
  Operation.Decrypt,
  Operation.Sign,
  Operation.SignatureVerify,
  Operation.MAC,
  Operation.MACVerify,
  Operation.Export,
])

/** Of those that change: no Name is taken or let go of. */
const keepsNames: ReadonlySet<number> = new Set([
  Operation.Activate,
  Operation.Revoke,
  Operation.Archive,
  Operation.Recover,
  Operation.ObtainLease,
  Operation.GetUsageAllocation,
])

/** Payloads of the specification are not as deep. */
const identifiersDepthMax = 8
