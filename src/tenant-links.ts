import { setImmediate } from 'node:timers/promises'
import type {
  ForeseenLinkAct,
  Link,
  LinkAct,
  LinkEffect,
  NewLink,
  RecoveryEffect,
  RecoveryFile,
} from './admin/services.ts'
import { KryptonError } from './errors.ts'
import type { ExternalKeyProvider } from './external-keys/external-key.ts'
import { hex } from './hex.ts'
import { countBelow } from './hierarchy/key-destruction.ts'
import type { KeyWork, SystemOfKeys } from './hierarchy/key-versions.ts'
import type { L1Leases } from './hierarchy/l1-leases.ts'
import { LinkActs } from './hierarchy/link-acts.ts'
import { LinkMode, LinkSwitch, newestLink } from './hierarchy/link-key.ts'
import { KeyState } from './hierarchy/key-state.ts'
import { limits } from './limits.ts'
import type { Row } from './store/schema.ts'
import type { TenantRegistry } from './tenants/tenant-registry.ts'

/** What the links of tenants are made of. */
export interface TenantLinksParts {
  readonly work: KeyWork
  readonly leases: L1Leases
  readonly registry: TenantRegistry
  readonly providers: readonly ExternalKeyProvider[]
  readonly development: boolean
}

/** The links of systems with their tenants' own keys (L1), by the names that people use. */
export class TenantLinks {
  readonly #work: KeyWork
  readonly #leases: L1Leases
  readonly #registry: TenantRegistry
  readonly #acts: LinkActs

  constructor({ work, leases, registry, providers, development }: TenantLinksParts) {
    this.#work = work
    this.#leases = leases
    this.#registry = registry
    this.#acts = new LinkActs(work, leases, { providers, development })
  }

  /** The links of a tenant, or of all. Throws 'not-found'. */
  async list(tenantName?: string): Promise<Link[]> {
    const { store, chain } = this.#work
    const only = tenantName === undefined ? undefined : (await this.#registry.tenantNamed(tenantName)).tenant
    const rows = await store.find('l1_links', only === undefined ? {} : { tenant: only })
    const systems = new Map(rows.map(({ tenant, system }) => [`${hex(tenant)}${hex(system)}`, { tenant, system }]))
    const found: Link[] = []
    for (const { tenant, system } of systems.values()) {
      const newest = newestLink(await chain.links(tenant, system))
      if (newest !== undefined) found.push(await this.#view(newest))
    }
    return found
  }

  /** Links a system, or gives a linked one another L1. Throws as `LinkActs`. */
  async link(tenant: string, system: string, request: NewLink, isSwitch: boolean, actor: string): Promise<Link> {
    const asked = { actor, subject: `${tenant}/${system}` }
    const { provider, key, settings = {}, credentials, mode = 'strict' } = request
    const { leaseSeconds = limits.leaseSecondsDefault } = request
    const bytes = Buffer.from(credentials ?? '', 'base64')
    try {
      const link = { provider, key, settings, credentials: bytes, mode: modes[mode], leaseSeconds }
      const address = await this.#system(tenant, system)
      await (isSwitch ? this.#acts.switch(address, link, asked) : this.#acts.link(address, link, asked))
      return await this.#show(address)
    } finally {
      bytes.fill(0)
    }
  }

  /** Does one of the acts that need nothing but the system. Throws as `LinkActs`. */
  async act(tenant: string, system: string, act: LinkAct, actor: string): Promise<Link> {
    const address = await this.#system(tenant, system)
    if (act === 'check') await this.#acts.check(address)
    else await this.#acts[act](address, { actor, subject: `${tenant}/${system}` })
    return this.#show(address)
  }

  /** Throws as `LinkActs`. */
  async recoveryFile(tenant: string, system: string, publicKey: string, actor: string): Promise<RecoveryFile> {
    const asked = { actor, subject: `${tenant}/${system}` }
    return this.#acts.recoveryFile(await this.#system(tenant, system), publicKey, asked)
  }

  /** What is below the keys of a system: what an act would touch, or keep from being served. Throws what the act would be refused with before it asks an L1. */
  async foresee(tenant: string, system: string, act: ForeseenLinkAct): Promise<LinkEffect> {
    const address = await this.#system(tenant, system)
    await this.#acts.foresee(address, act)
    return this.#below(address)
  }

  /** What a recovery file would open, and for whom. Throws as `recoveryFile`. */
  async foreseeRecoveryFile(tenant: string, system: string, publicKey: string): Promise<RecoveryEffect> {
    const address = await this.#system(tenant, system)
    const recipient = await this.#acts.foreseeRecoveryFile(address, publicKey)
    return { recipient, ...(await this.#below(address)) }
  }

  #below(address: SystemOfKeys): Promise<LinkEffect> {
    const isMeant = (): boolean => true
    return countBelow(this.#work.store, address, { isMeant, isHolding: isMeant }, () => setImmediate())
  }

  async #show({ tenant, system }: SystemOfKeys): Promise<Link> {
    const newest = newestLink(await this.#work.chain.links(tenant, system))
    if (newest === undefined)
      throw new KryptonError('not-found', 'this system is not linked: krypton tenant link gives it an L1')
    return this.#view(newest)
  }

  async #system(tenant: string, system: string): Promise<SystemOfKeys> {
    const { tenant: tenantId, system: systemId } = await this.#registry.scopes.at({ tenant, system })
    return { tenant: tenantId, system: systemId }
  }

  async #view(row: Row<'l1_links'>): Promise<Link> {
    const report = this.#leases.report(row.tenant, row.system)
    const [tenant = '', system = ''] = (await this.#registry.scopes.pathOf(row)).split('/')
    return {
      tenant,
      system,
      provider: row.provider,
      key: row.key_name,
      mode: row.mode === LinkMode.Available ? 'available' : 'strict',
      leaseSeconds: row.lease_seconds,
      state: stateOf(row),
      version: row.version,
      leaseLeft: report.left,
      ...(report.renewed === undefined ? {} : { renewed: new Date(report.renewed * 1000).toISOString() }),
      ...(report.error === undefined ? {} : { lastError: report.error }),
    }
  }
}

const modes = { strict: LinkMode.Strict, available: LinkMode.Available } as const

/** What an operator has made of it comes first: what is locked is served to nobody, wherever it is going. */
function stateOf({ state, switch_state: switched }: Row<'l1_links'>): Link['state'] {
  const name = switchNames[switched] ?? 'locked'
  return name === 'enabled' && state !== KeyState.Active ? 'detaching' : name
}

const switchNames: Readonly<Record<number, Link['state']>> = {
  [LinkSwitch.Enabled]: 'enabled',
  [LinkSwitch.DecryptOnly]: 'decrypt-only',
  [LinkSwitch.Locked]: 'locked',
  [LinkSwitch.Unlinked]: 'unlinked',
}
