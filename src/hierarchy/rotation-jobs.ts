import type { NewJob } from '../jobs/job.ts'
import type { Scope } from './data-key.ts'
import type { SystemOfKeys, VersionedTable } from './key-versions.ts'
import { noTenant } from './key-record.ts'

/** Kinds of the jobs of keys; the names stand in rows of jobs. */
export const KeyJobKind = {
  RotateIvk: 'rotate-ivk',
  RotateTenantKey: 'rotate-tenant-key',
  RotateServiceKey: 'rotate-service-key',
  Compromise: 'compromise-key',
  DeleteVersion: 'delete-key-version',
  Destroy: 'destroy-keys',
} as const

/** A key of the hierarchy: the IVK, the Tenant Key of a system, or the Service Key of a service. */
export type KeyAddress =
  | { readonly table: 'ivks' }
  | ({ readonly table: 'tenant_keys' } & SystemOfKeys)
  | ({ readonly table: 'service_keys' } & Scope)

/** Why a key is rotated, for people. */
export type RotationReason = 'time' | 'volume' | 'command' | 'compromise' | 'link' | 'left over'

/**
 * The job that rotates a key from version `from` on. When another version is active by then, it only wraps anew what still hangs on older ones. Jobs of one tenant
 * follow each other, those of the IVK too.
 */
export function rotationJob(
  address: KeyAddress,
  request: { readonly from: number; readonly reason: RotationReason; readonly actor: string; readonly subject: string },
): NewJob {
  const { from, reason, actor, subject } = request
  const compromised = reason === 'compromise' ? 1 : 0
  const kind = kindOf[address.table]
  const parameters = {
    ...parametersOf(address),
    from,
    compromised,
    // What is below goes too: its keys were made while another key was above them, or none.
    ...(reason === 'link' ? { children: 1 } : {}),
  }
  return { kind, actor, subject, ...placeOf(address), parameters }
}

/** The job that declares a key compromised that has no active version: nothing takes its place. */
export function compromiseJob(
  address: KeyAddress,
  { actor, subject }: { readonly actor: string; readonly subject: string },
): NewJob {
  const parameters = { ...parametersOf(address), table: address.table }
  return { kind: KeyJobKind.Compromise, actor, subject, ...placeOf(address), parameters }
}

/**
 * The job that deletes a version of a key for good, once nothing refers to it any more. Cancelled before its time, it leaves the version as it is. `again` counts how often it was
 * refused before: each time is a job of its own.
 */
export function deletionJob(
  address: KeyAddress,
  request: {
    readonly version: number
    readonly due: number
    readonly actor: string
    readonly subject: string
    readonly again?: number
  },
): NewJob {
  const { version, due, actor, subject, again } = request
  const parameters = {
    ...parametersOf(address),
    table: address.table,
    version,
    ...(again === undefined ? {} : { again }),
  }
  return { kind: KeyJobKind.DeleteVersion, actor, subject, due, ...placeOf(address), parameters }
}

/** The key that a job of keys is about. */
export function addressOf(
  table: VersionedTable,
  owner: Buffer,
  parameters: Readonly<Record<string, unknown>>,
): KeyAddress {
  if (table === 'ivks') return { table }
  const system = { tenant: owner, system: idOf(parameters, 'system') }
  return table === 'tenant_keys' ? { table, ...system } : { table, ...system, service: idOf(parameters, 'service') }
}

function placeOf(address: KeyAddress): Pick<NewJob, 'owner' | 'lane'> {
  if (address.table === 'ivks') return { owner: noTenant, lane: 'ivk' }
  return { owner: address.tenant, lane: `tenant ${address.tenant.toString('hex')}` }
}

function parametersOf(address: KeyAddress): Record<string, string> {
  if (address.table === 'ivks') return {}
  const system = address.system.toString('hex')
  return address.table === 'tenant_keys' ? { system } : { system, service: address.service.toString('hex') }
}

/** An identifier among the parameters of a job. */
export function idOf(parameters: Readonly<Record<string, unknown>>, name: string): Buffer {
  return Buffer.from(String(parameters[name]), 'hex')
}

const kindOf = {
  ivks: KeyJobKind.RotateIvk,
  tenant_keys: KeyJobKind.RotateTenantKey,
  service_keys: KeyJobKind.RotateServiceKey,
} as const
