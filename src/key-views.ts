import { setImmediate } from 'node:timers/promises'
import type { KeyVersion } from './admin/services.ts'
import { madeAt, versionsOf } from './hierarchy/integrity-rotation.ts'
import { expiryTime, type MaintenancePolicy, rotationTime } from './hierarchy/key-maintenance.ts'
import { noTenant } from './hierarchy/key-record.ts'
import { KeyState } from './hierarchy/key-state.ts'
import { allowance, type KeyRole } from './hierarchy/key-use.ts'
import { type KeyWork, verified, type VersionedTable } from './hierarchy/key-versions.ts'
import { countByVersion } from './hierarchy/mac-renewal.ts'
import { referencesOf } from './hierarchy/references.ts'
import { addressOf, type KeyAddress, KeyJobKind } from './hierarchy/rotation-jobs.ts'
import { keyAt } from './hierarchy/versioned-keys.ts'
import type { JobRow } from './jobs/job.ts'
import { timeText } from './key-job-view.ts'
import type { KeyNames } from './key-names.ts'
import type { Row } from './store/schema.ts'
import type { TenantRegistry } from './tenants/tenant-registry.ts'

/** What views of keys are made of. */
export interface KeyViewsParts {
  readonly work: KeyWork
  readonly policy: MaintenancePolicy
  readonly names: KeyNames
  readonly registry: TenantRegistry
  /** Epoch of the MasterKey, under which the IVK is. */
  readonly epoch: () => number
  /** The jobs that have not ended. */
  readonly openJobs: () => readonly JobRow[]
}

/** The keys of the hierarchy as administrators see them: their versions, states and times, and never the keys themselves. */
export class KeyViews {
  readonly #parts: KeyViewsParts

  constructor(parts: KeyViewsParts) {
    this.#parts = parts
  }

  /** The versions of the keys of a tenant, or of all. Throws 'not-found'. */
  async all(tenant: string | undefined): Promise<KeyVersion[]> {
    const { registry, names } = this.#parts
    const only = tenant === undefined ? undefined : (await registry.tenantNamed(tenant)).tenant
    const found: KeyVersion[] = []
    if (only === undefined) found.push(...(await this.of({ table: 'ivks' })), ...(await this.#ofIntegrityKey(noTenant)))
    const tenants = (await registry.listTenants()).filter((one) => only === undefined || one.tenant.equals(only))
    for (const { tenant: owner } of tenants) found.push(...(await this.#ofIntegrityKey(owner)))
    for (const table of ['tenant_keys', 'service_keys'] as const) {
      for (const address of await this.#addresses(table, only)) {
        found.push(...(await this.of(address, await names.nameOf(address))))
      }
    }
    return found.toSorted((a, b) =>
      a.level === 'IVK' ? -1 : b.level === 'IVK' ? 1 : a.key < b.key ? -1 : a.key > b.key ? 1 : a.version - b.version,
    )
  }

  /** The keys above or below a key. Throws 'not-found', 'invalid-field'. */
  async related(name: string, which: 'ancestors' | 'descendants'): Promise<KeyVersion[]> {
    await this.#parts.names.addressOf(name)
    const all = await this.all(name === 'ivk' ? undefined : name.split('/')[0])
    if (which === 'descendants')
      return all.filter(({ key }) => key !== 'ivk' && (name === 'ivk' || key.startsWith(`${name}/`)))
    const ivks = name === 'ivk' ? [] : await this.of({ table: 'ivks' })
    return [...ivks, ...all.filter(({ key }) => name.startsWith(`${key}/`))]
  }

  /** The versions of a key, with what is under each. Throws 'not-found', 'invalid-field'. */
  async withReferences(name: string): Promise<KeyVersion[]> {
    const { names, work } = this.#parts
    const owner = await names.ownerOfIntegrityKey(name)
    if (owner !== undefined) {
      const counts = await countByVersion(work.store, owner, () => setImmediate())
      const integrityKeys = await this.#ofIntegrityKey(owner)
      return integrityKeys.map((view) => ({ ...view, holds: rowsText(counts.get(view.version) ?? 0) }))
    }
    const address = await names.addressOf(name)
    const views = await this.of(address, name)
    return Promise.all(
      views.map(async (view) => {
        const isThis = (version: number): boolean => version === view.version
        const { held } = await referencesOf(work.store, address, isThis, () => setImmediate())
        return { ...view, holds: held }
      }),
    )
  }

  /** The versions of the key at an address, whose name is the IVK's where none is given. */
  async of(address: KeyAddress, name = 'ivk'): Promise<KeyVersion[]> {
    const { work, policy, epoch } = this.#parts
    const rows = await verified(keyAt(work, address, policy.ivkSuite))
    const days = await this.#daysOf(address)
    return rows.map((row) => ({
      key: name,
      level: levels[address.table],
      version: row.version,
      state: stateNames[row.state] ?? String(row.state),
      ...this.#processing(address, row.state as KeyState),
      parentVersion: 'parent_version' in row ? row.parent_version : epoch(),
      created: timeText(row.created),
      ...this.#expiry(address, rows, row.version),
      ...(row.state === KeyState.Active ? { rotates: timeText(rotationTime(row, days)) } : {}),
    }))
  }

  /** The second axis of a version's life: whether it is being made usable, can be used, or what hangs on it is being moved. */
  #processing(address: KeyAddress, state: KeyState): Pick<KeyVersion, 'processing'> {
    const isMoving = this.#parts.openJobs().some((job) => isRotationOf(address, job))
    if (state === KeyState.Pending) return isMoving ? { processing: 'activating' } : {}
    if (state === KeyState.Active || !isMoving) {
      const isUsable = allowance(levelRoles[address.table], state, 'unwrap') === 'yes'
      return isUsable ? { processing: 'usable' } : {}
    }
    return allowance(levelRoles[address.table], state, 'move') === 'yes' ? { processing: 're-wrapping' } : {}
  }

  /** When a version of the IVK expires that another has replaced. */
  #expiry(
    { table }: KeyAddress,
    rows: readonly { readonly version: number; readonly created: number; readonly state: number }[],
    version: number,
  ): Pick<KeyVersion, 'expires'> {
    const next = rows.find((row) => row.version > version && row.state !== KeyState.Pending)
    const isGone = rows.some((row) => row.version === version && row.state === KeyState.Retired)
    if (table !== 'ivks' || next === undefined || isGone) return {}
    return { expires: timeText(expiryTime(next, this.#parts.policy)) }
  }

  async #ofIntegrityKey(tenant: Buffer): Promise<KeyVersion[]> {
    const { work, policy, names } = this.#parts
    const rows = await versionsOf(work, tenant)
    const key = await names.nameOfIntegrityKey(tenant)
    return Promise.all(
      rows.map(async (row) => {
        const created = (await madeAt(work, row)) ?? 0
        const rotates = rotationTime({ created, key_id: row.key_id }, policy.integrityKeyDays)
        return {
          key,
          level: 'integrity' as const,
          version: row.version,
          state: stateNames[row.state] ?? String(row.state),
          parentVersion: row.parent_version,
          created: timeText(created),
          ...(row.state === KeyState.Active ? { rotates: timeText(rotates) } : {}),
        }
      }),
    )
  }

  async #daysOf(address: KeyAddress): Promise<number> {
    const { policy } = this.#parts
    if (address.table === 'ivks') return policy.ivkDays
    const { tenantKeyDays, serviceKeyDays } = await policy.periodsOf(address.tenant)
    return address.table === 'tenant_keys' ? tenantKeyDays : serviceKeyDays
  }

  /** The keys of a table, each once. */
  async #addresses(table: 'tenant_keys' | 'service_keys', only: Buffer | undefined): Promise<KeyAddress[]> {
    const found = new Map<string, KeyAddress>()
    const { store } = this.#parts.work
    const rows: Row<typeof table>[] =
      only === undefined ? await store.find(table, {}) : await store.find(table, { tenant: only })
    for (const row of rows) {
      const { tenant, system } = row
      const address: KeyAddress =
        'service' in row
          ? { table: 'service_keys', tenant, system, service: row.service }
          : { table: 'tenant_keys', tenant, system }
      found.set(JSON.stringify(address), address)
    }
    return [...found.values()]
  }
}

/** What hangs on an integrity key, in words. */
export function rowsText(count: number): string {
  return count === 0 ? 'nothing' : `the MACs of ${count} rows`
}

/** True if the job puts versions of that key in the place of others: its own rotation, or the replacement of a compromised key above it. */
function isRotationOf(address: KeyAddress, { kind, owner, parameters: text }: JobRow): boolean {
  // What the queue has written, in a row whose MAC was verified.
  const parameters = JSON.parse(text) as Record<string, unknown>
  if (address.table === 'ivks') return kind === KeyJobKind.RotateIvk
  if (kind !== KeyJobKind.RotateTenantKey && kind !== KeyJobKind.RotateServiceKey) return false
  const meant = addressOf(kind === KeyJobKind.RotateTenantKey ? 'tenant_keys' : 'service_keys', owner, parameters)
  if (meant.table === 'ivks' || !meant.tenant.equals(address.tenant) || !meant.system.equals(address.system))
    return false
  if (meant.table === 'service_keys') return address.table === 'service_keys' && meant.service.equals(address.service)
  return address.table === 'tenant_keys' || parameters['compromised'] === 1
}

const stateNames: Readonly<Record<number, string>> = {
  [KeyState.Pending]: 'pending',
  [KeyState.Active]: 'active',
  [KeyState.Grace]: 'grace',
  [KeyState.Deprecated]: 'deprecated',
  [KeyState.Retired]: 'retired',
  [KeyState.Compromised]: 'compromised',
  [KeyState.Suspended]: 'suspended',
  [KeyState.Deactivated]: 'deactivated',
  [KeyState.Expired]: 'expired',
}

const levels: Readonly<Record<VersionedTable, KeyVersion['level']>> = {
  ivks: 'IVK',
  tenant_keys: 'L2',
  service_keys: 'L3',
}

const levelRoles: Readonly<Record<VersionedTable, KeyRole>> = {
  ivks: 'ivk',
  tenant_keys: 'tenant key',
  service_keys: 'service key',
}
