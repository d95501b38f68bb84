import { Suite } from '../crypto/aead.ts'
import { randomIdentifier } from '../crypto/random.ts'
import { bytesOfSecret, generateSecret, type Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import type { Row } from '../store/schema.ts'
import { derivationContext } from './master-key.ts'
import { KeyAlgorithm, keyBytes, keyContext, type KeyOwner } from './key-record.ts'
import { KeyState, opens } from './key-state.ts'
import type { WrappingKey } from './root-keys.ts'
import type { Unauthenticated } from './row-mac.ts'
import type { TenantKeys } from './tenant-key.ts'
import { openRecord, plaintextBytes, Purpose, type RecordContext, sealRecord } from './wrapped-key.ts'

/** What a tenant with a key of its own asks for; 0 is nobody's. The number stands in rows. */
export const LinkMode = {
  /** Keys are used for one lease after the L1's last word. */
  Strict: 1,
  /** Keys are used for `limits.availableSeconds` after it, while the L1 cannot be reached. */
  Available: 2,
} as const
export type LinkMode = (typeof LinkMode)[keyof typeof LinkMode]

/** What an operator has made of a link, whatever its L1 says. The number stands in rows. */
export const LinkSwitch = {
  Enabled: 1,
  /** Keys open what they hold and take nothing new. */
  DecryptOnly: 2,
  /** Nothing is served. */
  Locked: 3,
  /** Nothing is served, and the credentials for the L1 are gone. */
  Unlinked: 4,
} as const
export type LinkSwitch = (typeof LinkSwitch)[keyof typeof LinkSwitch]

/** The version of a link that counts: the newest that still opens. */
export function newestLink<T extends { readonly version: number; readonly state: number }>(
  links: readonly T[],
): T | undefined {
  return links.filter(({ state }) => opens(state)).at(-1)
}

/** The version of a link that new Tenant Keys are made under; none where the system is not linked, or is on its way out of a link. */
export function activeLink<T extends { readonly state: number }>(links: readonly T[]): T | undefined {
  return links.find(({ state }) => state === KeyState.Active)
}

/** Makes a version of the link key S of a system. The caller wipes it. */
export function newLinkKey(version: number): WrappingKey {
  return linkKey({ key_id: randomIdentifier(), version }, generateSecret(keyBytes, 'wrapping'))
}

/** S, as the L1 gave it. It wraps in suite 0x03: who holds the L1 knows S, and could choose another that opens the same bytes. */
export function linkKey(link: { readonly key_id: Uint8Array; readonly version: number }, secret: Secret): WrappingKey {
  return { secret, keyId: link.key_id, version: link.version, suite: Suite.Xaes256GcmCommitted }
}

/** What the L1 binds S to: "krypton/link/1" ‖ 0 ‖ lv(cluster) ‖ lv(tenant) ‖ lv(system) ‖ lv(identifier of S) ‖ u32 version. */
export function linkContext(
  { cluster, tenant, system }: Required<Pick<KeyOwner, 'cluster' | 'tenant' | 'system'>>,
  link: { readonly key_id: Uint8Array; readonly version: number },
): Buffer {
  return Buffer.concat([linkLabel, derivationContext(link.version, cluster, tenant, system, link.key_id)])
}

/** A Tenant Key under S under the IVK, twice: in the column `record` of its row, and the copy that a damaged one is made anew from. */
export interface LinkedRecords {
  readonly record: Buffer
  readonly copy: Buffer
}

/** Wraps a Tenant Key by S, and that by the IVK: neither the MasterKey nor the L1 opens it alone. */
export function sealLinked(
  owner: KeyOwner,
  key: KeyOfRecord,
  { link, ivk }: { readonly link: WrappingKey; readonly ivk: WrappingKey },
  secret: Secret,
): LinkedRecords {
  const inner = sealRecord(Purpose.TenantKeyUnderLink, link, keyContext(owner, key, KeyAlgorithm.Aes), secret)
  return {
    record: sealRecord(Purpose.TenantKey, ivk, outerContext(owner, key, inner.byteLength), inner),
    copy: sealRecord(Purpose.TenantKey, ivk, copyContext(owner, key, inner.byteLength), inner),
  }
}

/**
 * The Tenant Key in such a record. What S opens is used only if its check value is the one that stands in the row.
 * @throws KryptonError record-invalid, record-does-not-open
 */
export function openLinked(
  owner: KeyOwner,
  row: KeyOfRecord & { readonly record: Uint8Array },
  under: {
    readonly link: WrappingKey
    readonly ivk: WrappingKey
    readonly tenantKeys: TenantKeys
    readonly linked: Row<'linked_keys'>
  },
): Secret {
  const inner = openOuter(outerContext(owner, row, innerBytes), under.ivk, row.record)
  return openInner(owner, row, under, inner)
}

/** The same from the copy. */
export function openLinkedCopy(owner: KeyOwner, under: Parameters<typeof openLinked>[2]): Secret {
  const inner = openOuter(copyContext(owner, under.linked, innerBytes), under.ivk, under.linked.record)
  return openInner(owner, under.linked, under, inner)
}

function openOuter(context: RecordContext, ivk: WrappingKey, record: Uint8Array): Buffer {
  // What it holds is a record, no key: S is not in the database.
  return bytesOfSecret(openRecord(Purpose.TenantKey, ivk, context, record, 'object'))
}

function openInner(
  owner: KeyOwner,
  key: KeyOfRecord,
  { link, tenantKeys, linked }: Parameters<typeof openLinked>[2],
  inner: Buffer,
): Secret {
  const context = keyContext(owner, key, KeyAlgorithm.Aes)
  const secret = openRecord(Purpose.TenantKeyUnderLink, link, context, inner, 'wrapping')
  const opened = { secret, keyId: key.key_id, version: key.version, suite: Suite.Xaes256Gcm }
  if (tenantKeys.fitsCheckValue(opened, linked.check_value)) return secret
  secret.wipe()
  throw new KryptonError(
    'record-does-not-open',
    'a Tenant Key opened to another one than was made: it is not used; look after the L1 and the store',
  )
}

/** What stands in `tenant_keys` of a linked key: no key, but the record of one. */
export function outerContext(owner: KeyOwner, key: KeyOfRecord, bytes: number): RecordContext {
  return { ...keyContext(owner, key, KeyAlgorithm.Aes), algorithm: 0, lengthBits: bytes * 8 }
}

/** What stands in `linked_keys`. */
export function copyContext(owner: KeyOwner, key: KeyOfRecord, bytes: number): RecordContext {
  return { ...outerContext(owner, key, bytes), extra: copyText }
}

/** The credentials for an L1 in `l1_links`, of any length. */
export function credentialsContext(owner: KeyOwner, link: KeyOfRecord, bytes: number): RecordContext {
  return { ...keyContext(owner, link, KeyAlgorithm.Aes), algorithm: 0, lengthBits: bytes * 8 }
}

/** Opens the credentials in a row; none where it has none. Whoever asks wipes them. */
export function openCredentials(
  owner: KeyOwner,
  row: Pick<Row<'l1_links'>, 'key_id' | 'version' | 'record' | 'parent_version'>,
  ivks: ReadonlyMap<number, WrappingKey>,
): Buffer {
  if (row.record.byteLength === 0) return Buffer.alloc(0)
  const ivk = ivks.get(row.parent_version)
  if (ivk === undefined) {
    throw new KryptonError(
      'record-invalid',
      'the credentials of a link name an IVK that is not here: restore the keys section from a backup',
    )
  }
  const context = credentialsContext(owner, row, plaintextBytes(row.record, ivk.suite))
  return bytesOfSecret(openRecord(Purpose.SystemSecret, ivk, context, row.record, 'object'))
}

/** The row of a new version of a Tenant Key that is under S, besides its row in `tenant_keys`. */
export function linkedKeyRow(
  owner: { readonly tenant: Buffer; readonly system: Buffer },
  key: WrappingKey,
  under: { readonly link: WrappingKey; readonly ivk: WrappingKey; readonly tenantKeys: TenantKeys },
  copy: Buffer,
): Unauthenticated<'linked_keys'> {
  return {
    tenant: owner.tenant,
    system: owner.system,
    version: key.version,
    key_id: Buffer.from(key.keyId),
    link_version: under.link.version,
    check_value: under.tenantKeys.checkValue(key),
    parent_version: under.ivk.version,
    record: copy,
    row_version: 1,
  }
}

interface KeyOfRecord {
  readonly key_id: Uint8Array
  readonly version: number
}

const linkLabel = Buffer.from('krypton/link/1\0')
const copyText = Buffer.from('copy')

/** A record KRW1 of 32 bytes in suite 0x03: header 28, nonce 24, commitment 32, length 4, key 32, tag 16. */
export const innerBytes = 28 + 24 + 32 + 4 + keyBytes + 16
