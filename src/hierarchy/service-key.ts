import { randomIdentifier } from '../crypto/random.ts'
import { generateSecret } from '../crypto/secret.ts'
import type { Scope } from './data-key.ts'
import { KeyAlgorithm, keyBytes, keyContext } from './key-record.ts'
import { KeyState } from './key-state.ts'
import type { WrappingKey } from './root-keys.ts'
import type { Unauthenticated } from './row-mac.ts'
import { Purpose, sealRecord } from './wrapped-key.ts'

/** Makes a version of the Service Key (L3) of a service, wrapped by its Tenant Key: the first is active from the start, others are pending. */
export function newServiceKey(
  owner: { cluster: Uint8Array } & Scope,
  tenantKey: WrappingKey,
  version: number,
  created: number,
): Unauthenticated<'service_keys'> {
  const secret = generateSecret(keyBytes, 'wrapping')
  try {
    const key_id = randomIdentifier()
    const record = sealRecord(
      Purpose.ServiceKey,
      tenantKey,
      keyContext(owner, { key_id, version }, KeyAlgorithm.Aes),
      secret,
    )
    const { tenant, system, service } = owner
    const state = version === 1 ? KeyState.Active : KeyState.Pending
    return {
      tenant,
      system,
      service,
      version,
      key_id,
      state,
      parent_version: tenantKey.version,
      created,
      record,
      row_version: 1,
    }
  } finally {
    secret.wipe()
  }
}
