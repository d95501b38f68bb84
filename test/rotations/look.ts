import { wipeWrappingKeys } from '../../src/hierarchy/wrapping-keys.ts'
import { objectRows } from '../../src/hierarchy/wrapped-rows.ts'
import type { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { noTenant } from '../../src/hierarchy/key-record.ts'
import { KeyState } from '../../src/hierarchy/key-state.ts'
import { rowOwner } from '../../src/hierarchy/row-owner.ts'
import { differencesOf, faultOf, setTables } from '../../src/hierarchy/sets.ts'
import { tableNames } from '../../src/store/schema.ts'
import type { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { RotationLedger } from './ledger.ts'
import type { RotationRealm } from './realm.ts'

/** What is wrong with a store after a rotation was killed: lines for people. `ledger` is brought up to what was found. */
export async function look(
  { store, chain }: RotationRealm,
  ledger: RotationLedger,
  isFinished: boolean,
): Promise<string[]> {
  const wrong: string[] = []
  for (const scopeText of ledger.scopes) {
    const [tenant, system, service] = [scopeText.tenant, scopeText.system, scopeText.service].map((id) =>
      Buffer.from(id, 'hex'),
    )
    const scope = { tenant: tenant!, system: system!, service: service! }
    const keys = await chain.service(scope)
    // What is under a compromised key opens for who moves it alone.
    const wrapping = await chain.serviceWrappingKeys(scope)
    for (const id of scopeText.objects) {
      const object = Buffer.from(id, 'hex')
      const row = store.get('objects', { ...scope, object })
      try {
        keys.verifyRow('objects', row!)
        const { object_type: objectType, algorithm, length_bits: lengthBits, blob_version: blobVersion } = row!
        const context = { object, objectVersion: 1, objectType, algorithm, lengthBits, blobVersion }
        const secret =
          isFinished && row!.key_version === keys.activeVersion
            ? keys.openObject(context, row!.key_version, row!.record)
            : objectRows.open(chain.cluster, row!, wrapping.byVersion)
        const material = Buffer.alloc(secret.byteLength)
        secret.copyInto(material, 0)
        secret.wipe()
        if (material.toString('hex') !== ledger.objects[id]) wrong.push(`lost: object ${id} opens to another key`)
        if (isFinished && row!.key_version !== keys.activeVersion)
          wrong.push(`left: object ${id} is under version ${row!.key_version}`)
      } catch (error) {
        wrong.push(`lost: object ${id}: ${String(error)}`)
      }
    }
    wipeWrappingKeys(wrapping)
  }
  const versions = [
    ...store.find('ivks', {}).map((row) => ({ ...row, key: 'ivk' })),
    ...store.find('tenant_keys', {}).map((row) => ({ ...row, key: `L2 ${row.system.toString('hex')}` })),
    ...store.find('service_keys', {}).map((row) => ({ ...row, key: `L3 ${row.service.toString('hex')}` })),
    ...store.find('integrity_keys', {}).map((row) => ({
      ...row,
      key: row.tenant.equals(noTenant) ? 'SIK' : `TIK ${row.tenant.toString('hex')}`,
    })),
  ]
  const systemOf = new Map(
    store
      .find('service_keys', {})
      .map(({ service, system }) => [`L3 ${service.toString('hex')}`, system.toString('hex')]),
  )
  const manifest = store.get('manifest', { id: 'manifest' })!
  const seals = store.find('seals', {})
  if (seals.length !== 1 || seals[0]!.epoch !== manifest.epoch)
    wrong.push(`${seals.length} seals, of epoch ${seals.map(({ epoch }) => epoch).join(', ')}`)
  if (manifest.epoch < (ledger.active['MasterKey'] ?? 1)) wrong.push(`resurrected: epoch ${manifest.epoch} is back`)
  for (const difference of await differencesOf(store, setTables, async () => undefined))
    wrong.push(`lost: ${faultOf(difference).message}`)
  wrong.push(...faultsOfSystemRows(store, chain))
  for (const row of isFinished ? versions : []) {
    if (row.record.byteLength === 0 || !('parent_version' in row)) continue
    if (row.key === 'SIK') {
      if (row.parent_version !== manifest.epoch)
        wrong.push(`left: SIK ${row.version} is of epoch ${row.parent_version}`)
      continue
    }
    const above = row.key.startsWith('L3 ') ? `L2 ${systemOf.get(row.key)}` : 'ivk'
    const parent = versions.find((other) => other.key === above && other.state === KeyState.Active)
    if (row.parent_version !== parent?.version)
      wrong.push(`left: ${row.key} ${row.version} is under version ${row.parent_version}`)
  }
  const knownKeys = new Set([
    'ivk',
    'SIK',
    ...ledger.scopes.flatMap(({ tenant, system, service }) => [`TIK ${tenant}`, `L2 ${system}`, `L3 ${service}`]),
  ])
  const active: Record<string, number> = {}
  for (const key of new Set(versions.map((row) => row.key))) {
    const own = versions.filter((row) => row.key === key)
    const wrapping = own.filter(({ state }) => state === KeyState.Active)
    // A key that was announced by itself is pending, active, or destroyed.
    const isAnnounced = !knownKeys.has(key)
    if (wrapping.length !== 1 && !(isAnnounced && wrapping.length === 0 && own.length === 1))
      wrong.push(`${key} has ${wrapping.length} active versions`)
    if (isFinished && !isAnnounced && own.some(({ state }) => state === KeyState.Pending))
      wrong.push(`left: ${key} has a pending version`)
    active[key] = wrapping[0]?.version ?? 0
    // What was destroyed is looked for below.
    if (!isAnnounced && active[key] < (ledger.active[key] ?? 1))
      wrong.push(`resurrected: ${key} is back at version ${active[key]}`)
    if (isFinished && active[key] > (ledger.active[key] ?? 1) + 2) wrong.push(`${key} was rotated twice at once`)
  }
  const retired = versions.filter(({ state, record }) => state === KeyState.Retired && record.byteLength === 0)
  const retiredNames = retired.map(({ key, version }) => `${key} ${version}`)
  for (const name of ledger.retired)
    if (!retiredNames.includes(name)) wrong.push(`resurrected: ${name} was deleted and is back`)
  if (isFinished) {
    const previous = [...store.find('previous_key_records', {}), ...store.find('previous_object_records', {})]
    if (previous.length > 0) wrong.push(`left: ${previous.length} old records`)
    ledger.active = { ...active, MasterKey: manifest.epoch }
  }
  ledger.retired = retiredNames
  return wrong
}

/** Rows of the system that are not proven. */
function faultsOfSystemRows(store: SqliteStore, chain: KeyChain): string[] {
  const faults: string[] = []
  for (const table of tableNames) {
    for (const row of store.find(table, {})) {
      if (rowOwner(table, row as never) !== undefined) continue
      try {
        chain.system().verifyRow(table, row)
      } catch (error) {
        faults.push(`lost: ${String(error)}`)
      }
    }
  }
  return faults
}
