import type { ServedConnection } from './served-connection.ts'

/**
 * Whom the others are kept from their memory by: of the tenant that holds most, however many connections it has spread that over, the connection
 * that holds most. Undefined when nobody holds any.
 */
export function largestHolder<C extends ServedConnection>(connections: Iterable<C>): C | undefined {
  const tenants = new Map<string, { bytes: number; largest: C }>()
  for (const connection of connections) {
    const { peer, heldBytes } = connection
    if (heldBytes === 0) continue
    const name = peer.identified?.principal.tenantName ?? ''
    const tenant = tenants.get(name)
    tenants.set(name, {
      bytes: (tenant?.bytes ?? 0) + heldBytes,
      largest: tenant === undefined || heldBytes > tenant.largest.heldBytes ? connection : tenant.largest,
    })
  }
  let most: { bytes: number; largest: C } | undefined
  for (const tenant of tenants.values()) if (most === undefined || tenant.bytes > most.bytes) most = tenant
  return most?.largest
}
