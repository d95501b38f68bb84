import { Suite } from '../crypto/aead.ts'
import { equalBytes } from '../crypto/compare.ts'
import { labels } from '../crypto/labels.ts'
import { hmac } from '../crypto/mac.ts'
import { randomIdentifier } from '../crypto/random.ts'
import { generateSecret, type Secret } from '../crypto/secret.ts'
import type { Row, TableName } from '../store/schema.ts'
import { activeIntegrityVersion, deriveByVersion, proving } from './integrity-key.ts'
import { KeyAlgorithm, keyBytes, keyContext } from './key-record.ts'
import { KeyState } from './key-state.ts'
import { linkedKeyRow, sealLinked } from './link-key.ts'
import type { IntegrityKeyVersion, WrappingKey } from './root-keys.ts'
import { type RowKeys, RowMacs, type Unauthenticated } from './row-mac.ts'
import { Purpose, sealRecord } from './wrapped-key.ts'

/** What a tenant's integrity key gives: MACs of the tenant's rows, index tokens, check values. It opens no key. */
export interface TenantKeys extends RowKeys {
  readonly tenant: Buffer
  /** What an index stores in place of a value, u32 key version ‖ 16 bytes, for who searches it. */
  indexToken(attribute: string, value: Uint8Array): Buffer
  /** All tokens that stand in the index for a value: while the integrity key is rotated, those of two versions. */
  indexTokens(attribute: string, value: Uint8Array): Buffer[]
  /** All that may stand there from the past, for who takes a value out. */
  everyIndexToken(attribute: string, value: Uint8Array): Buffer[]
  /** Those of them that nobody searches for any more. */
  oldIndexTokens(attribute: string, value: Uint8Array): Buffer[]
  /** Under which versions rows and tokens are written, as a text to compare. */
  readonly writes: string
  /** 32 bytes that tell this key from another without telling the key. */
  keyCheckValue(key: WrappingKey): Buffer
  /** What a row keeps of it: u32 version of the integrity key ‖ check value. */
  checkValue(key: WrappingKey): Buffer
  /** True if `kept` is the check value of this key. */
  fitsCheckValue(key: WrappingKey, kept: Uint8Array): boolean
}

/** TenantKeys from the opened versions of the tenant's integrity key. */
export class OpenTenantKeys implements TenantKeys {
  readonly tenant: Buffer
  readonly #macs: RowMacs
  readonly writes: string
  /** By version, the oldest first. */
  readonly #tokenKeys: ReadonlyMap<number, Secret>
  /** Of what stands in the index; the first is what is searched for. */
  readonly #written: readonly number[]
  readonly #checkKeys: ReadonlyMap<number, Secret>
  readonly #version: number

  constructor(cluster: Uint8Array, tenant: Buffer, keys: readonly IntegrityKeyVersion[]) {
    this.tenant = tenant
    this.#version = activeIntegrityVersion(keys)
    this.#macs = new RowMacs(deriveByVersion(cluster, tenant, proving(keys), labels.tenantRowMac), this.#version)
    const used = keys.filter(({ version }) => version <= this.#version).toSorted((a, b) => a.version - b.version)
    this.#tokenKeys = deriveByVersion(cluster, tenant, used, labels.indexToken)
    this.#written = used.filter(({ active, searched }) => active || searched === true).map(({ version }) => version)
    this.writes = this.#written.join()
    this.#checkKeys = deriveByVersion(cluster, tenant, keys, labels.keyCheck)
  }

  macRow<T extends TableName>(table: T, row: Unauthenticated<T>): Buffer {
    return this.#macs.macRow(table, row)
  }

  verifyRow<T extends TableName>(table: T, row: Row<T>): void {
    this.#macs.verifyRow(table, row)
  }

  indexToken(attribute: string, value: Uint8Array): Buffer {
    return this.#token(this.#written[0]!, attribute, value)
  }

  indexTokens(attribute: string, value: Uint8Array): Buffer[] {
    return this.#written.map((version) => this.#token(version, attribute, value))
  }

  everyIndexToken(attribute: string, value: Uint8Array): Buffer[] {
    return [...this.#tokenKeys.keys()].map((version) => this.#token(version, attribute, value))
  }

  oldIndexTokens(attribute: string, value: Uint8Array): Buffer[] {
    const old = [...this.#tokenKeys.keys()].filter((version) => !this.#written.includes(version))
    return old.map((version) => this.#token(version, attribute, value))
  }

  #token(version: number, attribute: string, value: Uint8Array): Buffer {
    const name = Buffer.from(attribute, 'utf8')
    const head = Buffer.alloc(2)
    head.writeUInt16BE(name.byteLength)
    const token = Buffer.alloc(20)
    token.writeUInt32BE(version, 0)
    hmac('sha256', this.#tokenKeys.get(version)!, head, name, value).copy(token, 4, 0, 16)
    return token
  }

  keyCheckValue(key: WrappingKey): Buffer {
    return keyCheckValue(this.#checkKeys.get(this.#version)!, key)
  }

  checkValue(key: WrappingKey): Buffer {
    return Buffer.concat([u32(this.#version), this.keyCheckValue(key)])
  }

  fitsCheckValue(key: WrappingKey, kept: Uint8Array): boolean {
    if (kept.byteLength !== 4 + 32) return false
    const checkKey = this.#checkKeys.get(Buffer.from(kept).readUInt32BE())
    return checkKey !== undefined && equalBytes(keyCheckValue(checkKey, key), kept.subarray(4))
  }

  /** Ends the keys. */
  wipe(): void {
    this.#macs.wipe()
    for (const key of this.#tokenKeys.values()) key.wipe()
    for (const checkKey of this.#checkKeys.values()) checkKey.wipe()
  }
}

/** A new version of a Tenant Key: the key, which the caller wipes, and its rows. */
export interface NewTenantKey {
  readonly key: WrappingKey
  readonly row: Unauthenticated<'tenant_keys'>
  /** Of one that is under a link key. */
  readonly linked: Unauthenticated<'linked_keys'> | undefined
}

/**
 * Makes a version of the Tenant Key (L2) of a system, wrapped by `ivk`, and by the link key inside of that where there is one: the first is active from the start, others are pending.
 */
export function newTenantKey(
  owner: { cluster: Uint8Array; tenant: Buffer; system: Buffer },
  under: { readonly ivk: WrappingKey; readonly link?: { readonly key: WrappingKey; readonly tenantKeys: TenantKeys } },
  version: number,
  created: number,
): NewTenantKey {
  const secret = generateSecret(keyBytes, 'wrapping')
  const key_id = randomIdentifier()
  const key = { secret, keyId: key_id, version, suite: Suite.Xaes256Gcm }
  const { ivk, link } = under
  const { tenant, system } = owner
  const state = version === 1 ? KeyState.Active : KeyState.Pending
  const row = { tenant, system, version, key_id, state, parent_version: ivk.version, created, row_version: 1 }
  if (link === undefined) {
    const context = keyContext(owner, { key_id, version }, KeyAlgorithm.Aes)
    return { key, row: { ...row, record: sealRecord(Purpose.TenantKey, ivk, context, secret) }, linked: undefined }
  }
  const { record, copy } = sealLinked(owner, { key_id, version }, { ivk, link: link.key }, secret)
  const linked = linkedKeyRow(owner, key, { ivk, link: link.key, tenantKeys: link.tenantKeys }, copy)
  return { key, row: { ...row, record }, linked }
}

function keyCheckValue(checkKey: Secret, key: WrappingKey): Buffer {
  return hmac('sha256', checkKey, key.keyId, u32(key.version), hmac('sha256', key.secret, keyCheckText))
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const keyCheckText = Buffer.from('krypton/key-check/1')
