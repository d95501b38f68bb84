import { Suite } from '../crypto/aead.ts'
import { labels } from '../crypto/labels.ts'
import { hmac } from '../crypto/mac.ts'
import { randomIdentifier } from '../crypto/random.ts'
import { generateSecret, type Secret } from '../crypto/secret.ts'
import type { Row, TableName } from '../store/schema.ts'
import { activeIntegrityVersion, deriveByVersion } from './integrity-key.ts'
import { KeyAlgorithm, keyBytes, keyContext } from './key-record.ts'
import { KeyState } from './key-state.ts'
import type { IntegrityKeyVersion, WrappingKey } from './root-keys.ts'
import { type RowKeys, RowMacs, type Unauthenticated } from './row-mac.ts'
import { Purpose, sealRecord } from './wrapped-key.ts'

/** What a tenant's integrity key gives: MACs of the tenant's rows, index tokens, check values. It opens no key. */
export interface TenantKeys extends RowKeys {
  readonly tenant: Buffer
  /** What an index stores in place of a value: u32 key version ‖ 16 bytes. */
  indexToken(attribute: string, value: Uint8Array): Buffer
  /** 32 bytes that tell this key from another without telling the key. */
  keyCheckValue(key: WrappingKey): Buffer
}

/** TenantKeys from the opened versions of the tenant's integrity key. */
export class OpenTenantKeys implements TenantKeys {
  readonly tenant: Buffer
  readonly #macs: RowMacs
  readonly #tokenKey: Secret
  readonly #checkKey: Secret
  readonly #version: number

  constructor(cluster: Uint8Array, tenant: Buffer, keys: readonly IntegrityKeyVersion[]) {
    this.tenant = tenant
    this.#version = activeIntegrityVersion(keys)
    this.#macs = new RowMacs(deriveByVersion(cluster, tenant, keys, labels.tenantRowMac), this.#version)
    const active = keys.filter((key) => key.active)
    this.#tokenKey = deriveByVersion(cluster, tenant, active, labels.indexToken).get(this.#version)!
    this.#checkKey = deriveByVersion(cluster, tenant, active, labels.keyCheck).get(this.#version)!
  }

  macRow<T extends TableName>(table: T, row: Unauthenticated<T>): Buffer {
    return this.#macs.macRow(table, row)
  }

  verifyRow<T extends TableName>(table: T, row: Row<T>): void {
    this.#macs.verifyRow(table, row)
  }

  indexToken(attribute: string, value: Uint8Array): Buffer {
    const name = Buffer.from(attribute, 'utf8')
    const head = Buffer.alloc(2)
    head.writeUInt16BE(name.byteLength)
    const token = Buffer.alloc(20)
    token.writeUInt32BE(this.#version, 0)
    hmac('sha256', this.#tokenKey, head, name, value).copy(token, 4, 0, 16)
    return token
  }

  keyCheckValue(key: WrappingKey): Buffer {
    const version = Buffer.alloc(4)
    version.writeUInt32BE(key.version)
    return hmac('sha256', this.#checkKey, key.keyId, version, hmac('sha256', key.secret, keyCheckText))
  }

  /** Ends the keys. */
  wipe(): void {
    this.#macs.wipe()
    this.#tokenKey.wipe()
    this.#checkKey.wipe()
  }
}

/** Makes a version of the Tenant Key (L2) of a system, wrapped by `ivk`: the first is active from the start, others are pending. The caller wipes the key. */
export function newTenantKey(
  owner: { cluster: Uint8Array; tenant: Buffer; system: Buffer },
  ivk: WrappingKey,
  version: number,
  created: number,
): { key: WrappingKey; row: Unauthenticated<'tenant_keys'> } {
  const secret = generateSecret(keyBytes, 'wrapping')
  const key_id = randomIdentifier()
  const record = sealRecord(Purpose.TenantKey, ivk, keyContext(owner, { key_id, version }, KeyAlgorithm.Aes), secret)
  const { tenant, system } = owner
  const parent_version = ivk.version
  const state = version === 1 ? KeyState.Active : KeyState.Pending
  return {
    key: { secret, keyId: key_id, version, suite: Suite.Xaes256Gcm },
    row: { tenant, system, version, key_id, state, parent_version, created, record, row_version: 1 },
  }
}

const keyCheckText = Buffer.from('krypton/key-check/1')
