import { auditEvent } from '../audit/audit-event.ts'
import { dateTime } from '../clock.ts'
import type { Change, Unit } from '../store/store.ts'
import type { Scope } from './data-key.ts'
import { newIntegrityKey } from './integrity-key.ts'
import type { KeyChain } from './key-chain.ts'
import type { WrappingKey } from './root-keys.ts'
import type { RowKeys } from './row-mac.ts'
import { KeyState } from './key-state.ts'
import { newServiceKey } from './service-key.ts'
import { newTenantKey, OpenTenantKeys } from './tenant-key.ts'
import { wipeWrappingKeys } from './wrapping-keys.ts'

/**
 * The rows of a new tenant's keys: its integrity key, the Tenant Key of `scope.system`, the Service Key of `scope.service`. They must
 * be durable before anything refers to them; committing them for a tenant that has keys fails with 'store-conflict'.
 */
export async function createTenantKeys(chain: KeyChain, scope: Scope, actor: string): Promise<Unit> {
  const { active: ivk } = await chain.ivksToWrap(2)
  const { cluster } = chain
  const integrity = newIntegrityKey(cluster, scope.tenant, ivk, 1)
  const tenantKeys = new OpenTenantKeys(cluster, scope.tenant, [{ version: 1, active: true, secret: integrity.secret }])
  try {
    const row = { ...integrity.row, mac: chain.system().macRow('integrity_keys', integrity.row) }
    const changes: Change[] = [{ table: 'integrity_keys', kind: 'insert', row }]
    addSystem(chain, scope, tenantKeys, ivk, changes)
    return unit(chain, scope, actor, 'TenantKeysCreate', changes)
  } finally {
    tenantKeys.wipe()
    integrity.secret.wipe()
  }
}

/**
 * The rows of a new service's key in a tenant that has keys, and of its system's Tenant Key when the system is new too. Committing
 * them for a service that has a key fails with 'store-conflict'.
 */
export async function createServiceKeys(chain: KeyChain, scope: Scope, actor: string): Promise<Unit> {
  const tenantKeys = await chain.tenant(scope.tenant)
  const parents = await chain.tenantKeys(scope.tenant, scope.system)
  const changes: Change[] = []
  try {
    const isMade = parents.isAnnounced || parents.byVersion.size + parents.retired.size > 0
    if (parents.active === undefined && isMade) throw await chain.haltOf(scope.tenant, scope.system)
    if (parents.active === undefined) {
      const { active: ivk } = await chain.ivksToWrap(1)
      addSystem(chain, scope, tenantKeys, ivk, changes)
    } else {
      addService(chain, scope, tenantKeys, parents.active, changes)
    }
  } finally {
    wipeWrappingKeys(parents)
  }
  return unit(chain, scope, actor, 'ServiceKeysCreate', changes)
}

/**
 * The row of a key that is announced: of the Tenant Key of a new system, or of the Service Key of a new service in one. It is used when it was activated.
 * @throws KryptonError wrong-key-lifecycle-state: the system's key is not active
 */
export async function announceKey(
  chain: KeyChain,
  { tenant, system, service }: Omit<Scope, 'service'> & Partial<Scope>,
  actor: string,
): Promise<Unit> {
  const { cluster, clock } = chain
  const keys = await chain.tenant(tenant)
  const state = KeyState.Pending
  if (service === undefined) {
    const { active: ivk } = await chain.ivksToWrap(1)
    const { key, row } = newTenantKey({ cluster, tenant, system }, { ivk }, 1, dateTime(clock))
    key.secret.wipe()
    const announced = { ...row, state }
    const mac = keys.macRow('tenant_keys', announced)
    const change: Change = { table: 'tenant_keys', kind: 'insert', row: { ...announced, mac } }
    return unit(chain, { tenant }, actor, 'KeyAnnounce', [change])
  }
  const parents = await chain.tenantKeys(tenant, system)
  try {
    if (parents.active === undefined) throw await chain.haltOf(tenant, system)
    const row = newServiceKey({ cluster, tenant, system, service }, parents.active, 1, dateTime(clock))
    const announced = { ...row, state }
    const mac = keys.macRow('service_keys', announced)
    const change: Change = { table: 'service_keys', kind: 'insert', row: { ...announced, mac } }
    return unit(chain, { tenant }, actor, 'KeyAnnounce', [change])
  } finally {
    wipeWrappingKeys(parents)
  }
}

function addSystem(chain: KeyChain, scope: Scope, tenantKeys: RowKeys, ivk: WrappingKey, changes: Change[]): void {
  const owner = { cluster: chain.cluster, tenant: scope.tenant, system: scope.system }
  const { key, row } = newTenantKey(owner, { ivk }, 1, dateTime(chain.clock))
  try {
    changes.push({ table: 'tenant_keys', kind: 'insert', row: { ...row, mac: tenantKeys.macRow('tenant_keys', row) } })
    addService(chain, scope, tenantKeys, key, changes)
  } finally {
    key.secret.wipe()
  }
}

function addService(
  chain: KeyChain,
  scope: Scope,
  tenantKeys: RowKeys,
  tenantKey: WrappingKey,
  changes: Change[],
): void {
  const row = newServiceKey({ cluster: chain.cluster, ...scope }, tenantKey, 1, dateTime(chain.clock))
  changes.push({ table: 'service_keys', kind: 'insert', row: { ...row, mac: tenantKeys.macRow('service_keys', row) } })
}

function unit(
  chain: KeyChain,
  scope: Pick<Scope, 'tenant'>,
  actor: string,
  operation: string,
  changes: readonly Change[],
): Unit {
  const audit = [auditEvent({ clock: chain.clock, tenant: scope.tenant, actor, operation, result: 'success' })]
  return { section: 'keys', changes, audit }
}
