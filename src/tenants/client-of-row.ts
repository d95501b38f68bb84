import type { Row } from '../store/schema.ts'
import { decodeAllowedOperations, decodeRoleName } from './allowed-operations.ts'
import { asBuffer, type Client, RecordState } from './records.ts'

/** A client from its row, whose MAC has been verified or was just made, and the names around it. */
export function clientOfRow(
  row: Omit<Row<'clients'>, 'row_version' | 'mac'>,
  names: Pick<Client, 'tenantName' | 'systemName' | 'serviceName'>,
): Client {
  const role = decodeRoleName(row.operations)
  return {
    ...names,
    scope: { tenant: asBuffer(row.tenant), system: asBuffer(row.system), service: asBuffer(row.service) },
    client: asBuffer(row.client),
    name: row.name,
    issuerKeyHash: asBuffer(row.issuer_key_hash),
    leafKeyHash: asBuffer(row.leaf_key_hash),
    operations: role === undefined ? decodeAllowedOperations(row.operations) : new Set(),
    role,
    state: row.state === RecordState.active ? RecordState.active : RecordState.revoked,
    created: row.created,
    revoked: row.revoked ?? undefined,
  }
}
