import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import type { Row, TableName } from '../store/schema.ts'
import type { Grant } from './break-glass.ts'
import type { Lease } from './lease.ts'
import type { WrappingKey } from './root-keys.ts'
import type { Unauthenticated } from './row-mac.ts'
import type { TenantKeys } from './tenant-key.ts'
import { openRecord, Purpose, type RecordContext, sealRecord } from './wrapped-key.ts'
import { type WrappingKeys, wipeWrappingKeys } from './wrapping-keys.ts'

/** Whose keys: 16 bytes each. */
export interface Scope {
  readonly tenant: Buffer
  readonly system: Buffer
  readonly service: Buffer
}

/** What the associated data of an object's record says of the object, besides where it lives. */
export interface ObjectContext {
  /** Unique Identifier, 16 bytes. */
  readonly object: Uint8Array
  readonly objectVersion: number
  readonly objectType: number
  readonly algorithm: number
  readonly lengthBits: number
  /** Counts the rewrites of this record. */
  readonly blobVersion: number
}

/** A service's keys: those of its tenant, and what seals and opens the service's objects (L4 under L3). */
export interface ServiceKeys extends TenantKeys {
  readonly scope: Scope
  /** Until when these keys may be used; absent where the system is not linked. */
  readonly lease: Lease | undefined
  /** The version of the Service Key that new records are sealed under: the object's `key_version`; 0 while none takes anything new. */
  readonly activeVersion: number
  /** True while an operator's grant opens what is under a compromised key: nobody keeps what was opened, so that it ends with the grant. */
  readonly isUnderGrant: boolean
  /** The record of an object's key material, under the active version. Throws 'wrong-key-lifecycle-state' when there is none. */
  sealObject(context: ObjectContext, material: Uint8Array | Secret): Buffer
  /** The material in `record`, of class `object`. Throws 'wrong-key-lifecycle-state' when its key was destroyed or is compromised, 'record-invalid' or 'record-does-not-open'. */
  openObject(context: ObjectContext, keyVersion: number, record: Uint8Array): Secret
}

/** ServiceKeys over opened versions of the Service Key. */
export class OpenServiceKeys implements ServiceKeys {
  readonly scope: Scope
  readonly tenant: Buffer
  readonly activeVersion: number
  readonly isUnderGrant: boolean
  readonly lease: Lease | undefined
  readonly #cluster: Uint8Array
  readonly #tenantKeys: TenantKeys
  readonly #active: WrappingKey | undefined
  readonly #byVersion: ReadonlyMap<number, WrappingKey>
  /** Versions that open by the grant alone; wiped where there is none. */
  readonly #compromised: ReadonlyMap<number, WrappingKey>
  readonly #grant: Grant | undefined
  readonly #retired: ReadonlySet<number>

  constructor(cluster: Uint8Array, scope: Scope, tenantKeys: TenantKeys, keys: WrappingKeys, grant?: Grant) {
    this.#cluster = cluster
    this.scope = scope
    this.tenant = scope.tenant
    this.#tenantKeys = tenantKeys
    const isCompromised = ([version]: readonly [number, WrappingKey]): boolean => keys.compromised.has(version)
    const versions = [...keys.byVersion]
    this.#byVersion =
      keys.compromised.size === 0 ? keys.byVersion : new Map(versions.filter((one) => !isCompromised(one)))
    this.#compromised = new Map(versions.filter(isCompromised))
    if (grant === undefined) wipeWrappingKeys({ byVersion: this.#compromised })
    this.#grant = grant
    this.isUnderGrant = grant !== undefined
    this.#active = keys.active !== undefined && this.#byVersion.has(keys.active.version) ? keys.active : undefined
    this.#retired = keys.retired
    this.activeVersion = this.#active?.version ?? 0
    this.lease = keys.lease
    this.lease?.hold(this)
  }

  macRow<T extends TableName>(table: T, row: Unauthenticated<T>): Buffer {
    return this.#tenantKeys.macRow(table, row)
  }

  verifyRow<T extends TableName>(table: T, row: Row<T>): void {
    this.#tenantKeys.verifyRow(table, row)
  }

  indexToken(attribute: string, value: Uint8Array): Buffer {
    return this.#tenantKeys.indexToken(attribute, value)
  }

  indexTokens(attribute: string, value: Uint8Array): Buffer[] {
    return this.#tenantKeys.indexTokens(attribute, value)
  }

  everyIndexToken(attribute: string, value: Uint8Array): Buffer[] {
    return this.#tenantKeys.everyIndexToken(attribute, value)
  }

  oldIndexTokens(attribute: string, value: Uint8Array): Buffer[] {
    return this.#tenantKeys.oldIndexTokens(attribute, value)
  }

  get writes(): string {
    return this.#tenantKeys.writes
  }

  keyCheckValue(key: WrappingKey): Buffer {
    return this.#tenantKeys.keyCheckValue(key)
  }

  checkValue(key: WrappingKey): Buffer {
    return this.#tenantKeys.checkValue(key)
  }

  fitsCheckValue(key: WrappingKey, kept: Uint8Array): boolean {
    return this.#tenantKeys.fitsCheckValue(key, kept)
  }

  sealObject(context: ObjectContext, material: Uint8Array | Secret): Buffer {
    this.lease?.assertRunning()
    if (this.lease?.opensOnly === true) {
      throw new KryptonError(
        'wrong-key-lifecycle-state',
        'Ask the operator of this server: the keys of this system open what they hold and protect nothing new until krypton tenant enable',
      )
    }
    if (this.#active === undefined) {
      throw new KryptonError(
        'wrong-key-lifecycle-state',
        'Ask the operator of this server to activate or resume the keys of this service: they take nothing new as they are; one that is compromised is being replaced, try again',
      )
    }
    return sealRecord(Purpose.Object, this.#active, this.#recordContext(context), material)
  }

  openObject(context: ObjectContext, keyVersion: number, record: Uint8Array): Secret {
    this.lease?.assertRunning()
    const key = this.#byVersion.get(keyVersion) ?? this.#keyByGrant(keyVersion)
    return openRecord(Purpose.Object, key, this.#recordContext(context), record, 'object')
  }

  /** Ends the Service Keys; those of the tenant are not this object's own. */
  wipe(): void {
    wipeWrappingKeys({ byVersion: this.#byVersion })
    if (this.#grant !== undefined) wipeWrappingKeys({ byVersion: this.#compromised })
  }

  /** A version that does not open by itself. */
  #keyByGrant(keyVersion: number): WrappingKey {
    const compromised = this.#compromised.get(keyVersion)
    if (compromised !== undefined) {
      if (this.#grant?.isOpen() === true) return compromised
      throw new KryptonError(
        'wrong-key-lifecycle-state',
        'The key above this object may be known to somebody else: it opens again when it was wrapped anew, try later; the operator of this server can let it through before',
      )
    }
    if (this.#retired.has(keyVersion)) {
      throw new KryptonError(
        'wrong-key-lifecycle-state',
        'The Service Key of this object was destroyed: nobody can open it any more; Get Attributes, Locate and Destroy go on',
      )
    }
    throw new KryptonError(
      'record-invalid',
      'an object names a version of its Service Key that is not here: restore the keys section from a backup',
    )
  }

  #recordContext(context: ObjectContext): RecordContext {
    return {
      cluster: this.#cluster,
      tenant: this.scope.tenant,
      system: this.scope.system,
      service: this.scope.service,
      object: context.object,
      objectVersion: context.objectVersion,
      objectType: context.objectType,
      algorithm: context.algorithm,
      lengthBits: context.lengthBits,
      blobVersion: context.blobVersion,
    }
  }
}
