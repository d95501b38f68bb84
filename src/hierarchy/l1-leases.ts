import { type BootClock, type Clock, dateTime } from '../clock.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import type { ExternalKey, ExternalKeyProvider } from '../external-keys/external-key.ts'
import { providerNamed } from '../external-keys/providers.ts'
import { limits } from '../limits.ts'
import type { Row } from '../store/schema.ts'
import type { MaybePromise } from '../store/store.ts'
import type { KeyChain } from './key-chain.ts'
import { opens } from './key-state.ts'
import { HeldLeases, Lease, type Leases, systemText } from './lease.ts'
import { LeaseCells, type LeaseEnd } from './lease-cells.ts'
import { LinkMode, LinkSwitch, newestLink, openCredentials } from './link-key.ts'
import { openLinkKey, wrappedIn } from './link-wrapping.ts'
import type { WrappingKey } from './root-keys.ts'
import { wipeWrappingKeys } from './wrapping-keys.ts'

/** What is known of the lease of a system, for status. */
export interface LeaseReport {
  readonly running: boolean
  /** Seconds until it ends. */
  readonly left: number
  /** Seconds since 1970, of the L1's last real decryption of S. */
  readonly renewed: number | undefined
  /** Why the last try failed, in the provider's words; undefined when it did not. */
  readonly error: string | undefined
}

/** A system whose L1 gives no lease, or does not renew one. */
export interface L1Refused {
  readonly tenant: Buffer
  readonly system: Buffer
  /** By its names. */
  readonly name: string
  readonly error: KryptonError
}

/** What leases are made with. */
export interface L1LeasesParts {
  readonly chain: KeyChain
  readonly clock: Clock
  readonly bootClock: BootClock
  readonly providers: readonly ExternalKeyProvider[]
  /** Says that the rows of a tenant's links and keys are those that were written: an older one would end what its owner has locked. Throws 'rows-changed'. */
  readonly checkRows: (tenant: Buffer) => Promise<void>
  /** Told of each lease that has ended, in the thread that keeps them. */
  readonly onEnded: (tenant: Buffer, system: Buffer) => void
  /** A system by its names, for people. */
  readonly nameOf: (tenant: Buffer, system: Buffer) => Promise<string>
  /** Told when an L1 refuses, or for another reason than before. */
  readonly onRefused: (refused: L1Refused) => Promise<void>
  /** Told when an L1 opens again that has refused. */
  readonly onReopened: (tenant: Buffer) => void
  readonly onFault: (error: unknown) => void
}

interface Known {
  readonly tenant: Buffer
  readonly system: Buffer
  lease: Lease | undefined
  /** While the L1 is asked for a lease that does not run. */
  asking: Promise<Lease> | undefined
  renewing: boolean
  /** Counts how often somebody has ended it: what the L1 was asked before says nothing then. */
  ends: number
  /** Tells whoever waits for the L1 that it was ended: a lock needs nobody. */
  onEnd: (() => void) | undefined
  /** When it is to be renewed, by the boot-time clock. */
  renewAt: number
  renewed: number | undefined
  /** `told`: to whoever asks for a key below. */
  refusal: { readonly error: KryptonError; readonly told: KryptonError; readonly untilMs: number } | undefined
  error: string | undefined
  name: string
}

/**
 * The leases of linked systems: the main thread alone asks L1s, keeps what they open in slots, and tells every thread through the cells until when it may be used. A lease begins and is renewed by a real
 * decryption of S, whose check value must fit; it is renewed while somebody uses the keys below, and is over for the others, whose next use asks anew.
 */
export class L1Leases implements Leases {
  readonly cells: LeaseCells
  readonly #parts: L1LeasesParts
  readonly #held: HeldLeases
  readonly #known = new Map<string, Known>()

  constructor(parts: L1LeasesParts) {
    this.#parts = parts
    this.cells = new LeaseCells(parts.clock, parts.bootClock)
    this.#held = new HeldLeases((tenant, system) => {
      const known = this.#of(tenant, system)
      if (known.lease !== undefined) this.cells.end(known.lease.place.cell)
      known.lease = undefined
      parts.onEnded(tenant, system)
    })
  }

  of(tenant: Buffer, system: Buffer): MaybePromise<Lease> {
    const running = this.#held.running(tenant, system)
    if (running !== undefined) return running
    this.#held.look()
    const known = this.#of(tenant, system)
    if (known.refusal !== undefined && this.#parts.clock.monotonic() < known.refusal.untilMs) throw known.refusal.told
    known.asking ??= this.#begin(known).finally(() => (known.asking = undefined))
    return known.asking
  }

  /** Ends what has run out, and begins to renew what soon will. */
  look(): void {
    this.#held.look()
    for (const known of this.#known.values()) {
      const { lease } = known
      if (lease === undefined || known.renewing || this.cells.bootTime() < known.renewAt) continue
      if (!this.cells.takeUsed(lease.place)) continue
      known.renewing = true
      void this.#renew(known, lease).finally(() => (known.renewing = false))
    }
  }

  /** Asks the L1 of a system now, whether its lease runs or not. Throws as `of`; a running lease that is refused by the key's owner has ended then. */
  async ask(tenant: Buffer, system: Buffer): Promise<void> {
    const known = this.#of(tenant, system)
    // What it is being asked for others may have been asked before what is to be seen.
    await known.asking?.catch(() => undefined)
    known.refusal = undefined
    const refusal = (): Known['refusal'] => known.refusal
    try {
      if (known.lease === undefined) await this.of(tenant, system)
      else await this.#renew(known, known.lease)
    } catch (error) {
      throw refusal()?.error ?? error
    }
    const { error } = refusal() ?? {}
    if (error !== undefined) throw error
  }

  /** Ends the lease of a system at once, in every thread: what hung on it is wiped when each has looked. */
  end(tenant: Buffer, system: Buffer): void {
    const known = this.#of(tenant, system)
    known.ends += 1
    known.onEnd?.()
    const { lease } = known
    if (lease === undefined) return
    this.cells.extend(lease.place.cell, { wall: 0, boot: 0 })
    this.#held.look()
  }

  report(tenant: Buffer, system: Buffer): LeaseReport {
    const { lease, renewed, error } = this.#of(tenant, system)
    const left = lease === undefined ? 0 : Math.floor(this.cells.secondsLeft(lease.place))
    return { running: left > 0, left, renewed, error }
  }

  /** The systems whose L1 has refused last, and why, in words. */
  troubles(): string[] {
    return [...this.#known.values()].flatMap(({ name, error }) => (error === undefined ? [] : [`${name}: ${error}`]))
  }

  forget(): void {
    this.#held.forget()
  }

  #of(tenant: Buffer, system: Buffer): Known {
    const name = systemText(tenant, system)
    let known = this.#known.get(name)
    if (known === undefined) {
      known = {
        tenant,
        system,
        lease: undefined,
        asking: undefined,
        renewing: false,
        ends: 0,
        onEnd: undefined,
        renewAt: 0,
        renewed: undefined,
        refusal: undefined,
        error: undefined,
        name: '',
      }
      this.#known.set(name, known)
    }
    return known
  }

  async #begin(known: Known): Promise<Lease> {
    for (;;) {
      const ended = new Promise<undefined>((resolve) => (known.onEnd = () => resolve(undefined)))
      const trying = this.#tryToBegin(known)
      // One that nobody waits for any more lets go of what it gets.
      trying.catch(() => undefined)
      const lease = await Promise.race([trying, ended])
      if (lease !== undefined) return lease
    }
  }

  /** Undefined when somebody has locked it, or wants it to be asked for anew, while the L1 was asked. */
  async #tryToBegin(known: Known): Promise<Lease | undefined> {
    const { tenant, system } = known
    // The keys of what changed meanwhile are asked for with the next lease.
    const begun = this.#now()
    const { ends } = known
    const links = await this.#parts.chain.links(tenant, system)
    const newest = newestLink(links)
    if (newest === undefined)
      throw new KryptonError('not-found', 'this system is not linked: krypton tenant link gives it an L1')
    // That somebody has locked it is told by whoever did: no L1 has refused.
    if (isLocked(newest)) throw locked(newest)
    try {
      await this.#parts.checkRows(tenant)
      const linkKeys = await this.#open(links.filter(({ state }) => opens(state)))
      if (known.ends !== ends) {
        wipeWrappingKeys({ byVersion: linkKeys })
        return undefined
      }
      const place = this.cells.begin(endOf(newest, begun))
      if (place === undefined) {
        wipeWrappingKeys({ byVersion: linkKeys })
        throw new KryptonError(
          'overloaded',
          `more than ${limits.leasesMax} linked systems are in use: use another server`,
        )
      }
      const lease = new Lease(this.cells, place, {
        linkKeys,
        opensOnly: newest.switch_state === LinkSwitch.DecryptOnly,
      })
      known.lease = lease
      this.#held.add(tenant, system, lease)
      this.#renewed(known, newest, begun)
      return lease
    } catch (error) {
      throw this.#refused(known, error).told
    }
  }

  async #renew(known: Known, lease: Lease): Promise<void> {
    const { tenant, system } = known
    const begun = this.#now()
    try {
      const links = await this.#parts.chain.links(tenant, system)
      const newest = newestLink(links)
      if (newest === undefined || isLocked(newest)) return this.end(tenant, system)
      await this.#parts.checkRows(tenant)
      const linkKeys = await this.#open([newest])
      wipeWrappingKeys({ byVersion: linkKeys })
      // It may have ended meanwhile: nothing brings that one back.
      if (known.lease !== lease || !this.cells.isRunning(lease.place)) return
      this.cells.extend(lease.place.cell, endOf(newest, begun))
      this.#renewed(known, newest, begun)
    } catch (error) {
      this.#refused(known, error)
      const isOwnersWord = isKryptonError(error) && !isNoWord(error)
      if (isOwnersWord && known.lease === lease) this.end(tenant, system)
      else known.renewAt = begun.boot + limits.leaseRetrySeconds
      this.cells.markUsed(lease.place)
    }
  }

  #renewed(known: Known, link: Row<'l1_links'>, begun: LeaseEnd): void {
    known.renewAt = begun.boot + Math.floor(link.lease_seconds * limits.leaseRenewFrom)
    known.renewed = begun.wall
    known.refusal = undefined
    const hasRefused = known.error !== undefined
    known.error = undefined
    if (hasRefused) this.#parts.onReopened(known.tenant)
  }

  #refused(known: Known, error: unknown): NonNullable<Known['refusal']> {
    if (!isKryptonError(error)) this.#parts.onFault(error)
    const refusal = isKryptonError(error)
      ? error
      : new KryptonError('external-key-unreachable', 'the L1 could not be asked: the log says more', { cause: error })
    const untilMs = this.#parts.clock.monotonic() + limits.externalKeyRestMs
    known.refusal = { error: refusal, told: forClients(refusal), untilMs }
    const isNews = known.error !== refusal.message
    known.error = refusal.message
    if (isNews) void this.#tell(known, refusal)
    return known.refusal
  }

  async #tell(known: Known, error: KryptonError): Promise<void> {
    const { tenant, system } = known
    try {
      known.name = await this.#parts.nameOf(tenant, system)
      await this.#parts.onRefused({ tenant, system, name: known.name, error })
    } catch (fault) {
      this.#parts.onFault(fault)
    }
  }

  /** S in each of these versions, by its L1. */
  async #open(links: readonly Row<'l1_links'>[]): Promise<Map<number, WrappingKey>> {
    const opened = new Map<number, WrappingKey>()
    try {
      for (const link of links) opened.set(link.version, await this.#openOne(link))
      return opened
    } catch (error) {
      wipeWrappingKeys({ byVersion: opened })
      throw error
    }
  }

  async #openOne(link: Row<'l1_links'>): Promise<WrappingKey> {
    const external = await this.external(link)
    try {
      return await openLinkKey(this.#parts.chain, external, link, { link, wrapped: wrappedIn(link) })
    } finally {
      external.wipe()
    }
  }

  /** The outside key of a version of a link: whoever asks wipes it. */
  async external(link: Row<'l1_links'>): Promise<ExternalKey> {
    const { chain, providers } = this.#parts
    const owner = { cluster: chain.cluster, tenant: link.tenant, system: link.system }
    const credentials = openCredentials(owner, link, (await chain.ivks()).byVersion)
    try {
      const settings = JSON.parse(link.settings) as Record<string, string> // as it was written, in a row whose MAC was verified
      return providerNamed(providers, link.provider).open({ key: link.key_name, settings, credentials })
    } finally {
      credentials.fill(0)
    }
  }

  #now(): LeaseEnd {
    return { wall: dateTime(this.#parts.clock), boot: Math.floor(this.cells.bootTime()) }
  }
}

/** True for what says nothing of the key: it is tried again, and a lease that runs goes on. */
function isNoWord({ code }: KryptonError): boolean {
  return code === 'external-key-unreachable' || code === 'external-key-throttled'
}

/** What a provider says of itself is for the operator: a client is told whom to ask. */
function forClients(cause: KryptonError): KryptonError {
  if (cause.code === 'rows-changed') {
    return new KryptonError(
      'external-key-disabled',
      'Ask the operator of this server: rows of its database that say how this system hangs on its L1 were changed from outside',
      { cause },
    )
  }
  const message = isNoWord(cause)
    ? "Repeat the request later: the tenant's own key (L1) does not answer, and what hangs on it is not served meanwhile"
    : "Ask the owner of the tenant's own key (L1): it is switched off or does not open, and what hangs on it is not served until it does"
  return new KryptonError(cause.code, message, { cause })
}

/** Until when keys may be used after a decryption that began at that time. */
function endOf(link: Row<'l1_links'>, begun: LeaseEnd): LeaseEnd {
  const seconds = link.mode === LinkMode.Available ? limits.availableSeconds : link.lease_seconds
  return { wall: begun.wall + seconds, boot: begun.boot + seconds }
}

function isLocked({ switch_state: state }: Row<'l1_links'>): boolean {
  return state === LinkSwitch.Locked || state === LinkSwitch.Unlinked
}

function locked({ switch_state: state }: Row<'l1_links'>): KryptonError {
  return new KryptonError(
    'external-key-disabled',
    state === LinkSwitch.Locked
      ? 'Ask the operator of this server: the keys of this system are locked, krypton tenant enable ends that'
      : 'Ask the operator of this server: this system is unlinked from its L1, krypton tenant link ends that',
  )
}
