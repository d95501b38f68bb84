import { auditEvent } from '../audit/audit-event.ts'
import { type Clock, dateTime } from '../clock.ts'
import { Suite } from '../crypto/aead.ts'
import { equalBytes } from '../crypto/compare.ts'
import { digest } from '../crypto/digest.ts'
import { hmac } from '../crypto/mac.ts'
import { randomIdentifier } from '../crypto/random.ts'
import { generateSecret, type Secret } from '../crypto/secret.ts'
import { selfTest } from '../crypto/self-test.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import type { ExternalKey } from '../external-keys/external-key.ts'
import { newIntegrityKey, openSystemIntegrityKeys, systemRowMacs } from '../hierarchy/integrity-key.ts'
import { newIvk, openIvks } from '../hierarchy/internal-versioned-key.ts'
import { KeyAlgorithm, keyBytes, noTenant } from '../hierarchy/key-record.ts'
import { deriveMasterKeys, type MasterKeys } from '../hierarchy/master-key.ts'
import { rootIsMissing, type RootKeys } from '../hierarchy/root-keys.ts'
import { openRecord, Purpose, type RecordContext, sealRecord } from '../hierarchy/wrapped-key.ts'
import { wipeWrappingKeys } from '../hierarchy/wrapping-keys.ts'
import type { Row } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import {
  decodeSealBlob,
  encodeSealDescription,
  encodeSealMac,
  encodeSealRecord,
  encodeWrappedKey,
  sealMacFieldBytes,
  type SealDescription,
} from './blob.ts'
import { hex } from '../hex.ts'

/** What the configuration pins of a root: what `init` printed. RootKeys carry the same fields. */
export interface RootPins {
  /** 16 bytes. */
  readonly cluster: Uint8Array
  /** 32 bytes. */
  readonly verifier: Uint8Array
  readonly epoch: number
}

/**
 * Makes a new root in an empty store: MasterKey, system integrity key, IVK 1, manifest and the seal, in one transaction; then opens
 * it from what was stored. Throws 'already-exists' when the store has a root.
 */
export async function initializeSeal(
  store: Store,
  externalKey: ExternalKey,
  clock: Clock,
  options: { development: boolean; region: string; actor: string },
): Promise<RootKeys> {
  selfTest()
  if (await isInitialized(store))
    throw new KryptonError('already-exists', 'the store has a root already: use an empty data directory')
  const created = dateTime(clock)
  const cluster = randomIdentifier()
  const incarnation = randomIdentifier()
  const epoch = 1
  const masterKey = generateSecret(keyBytes, 'wrapping')
  const master = deriveMasterKeys(masterKey, cluster, epoch)
  const integrity = newIntegrityKey(cluster, noTenant, master.wrapSystem, 1)
  const { development } = options
  const root: RootKeys = {
    cluster,
    epoch,
    incarnation,
    development,
    verifier: master.verifier,
    setsKeptFromStart: true,
    wrapIvk: master.wrapIvk,
    wrapSystem: master.wrapSystem,
    systemIntegrityKeys: [{ version: 1, active: true, secret: integrity.secret }],
  }
  try {
    const macs = systemRowMacs(cluster, root.systemIntegrityKeys)
    const generation = 1
    const blob = await sealMasterKey(externalKey, masterKey, master, {
      cluster,
      region: options.region,
      incarnation,
      epoch,
      generation,
      created,
    })
    const manifest = {
      id: 'manifest',
      format_version: ManifestFormat.setsKept,
      cluster,
      incarnation,
      epoch,
      development,
      master_key_verifier: master.verifier,
      created,
      row_version: 1,
    }
    const seal = {
      id: randomIdentifier(),
      type: externalKey.type,
      config_id: Buffer.from(externalKey.configurationId),
      epoch,
      generation,
      blob,
      created,
      row_version: 1,
    }
    const ivk = newIvk(root, 1, created)
    await store.commit({
      section: 'keys',
      changes: [
        { table: 'manifest', kind: 'insert', row: { ...manifest, mac: macs.macRow('manifest', manifest) } },
        { table: 'seals', kind: 'insert', row: { ...seal, mac: macs.macRow('seals', seal) } },
        {
          table: 'integrity_keys',
          kind: 'insert',
          row: { ...integrity.row, mac: macs.macRow('integrity_keys', integrity.row) },
        },
        { table: 'ivks', kind: 'insert', row: { ...ivk, mac: macs.macRow('ivks', ivk) } },
      ],
      audit: [
        auditEvent({ clock, tenant: noTenant, actor: options.actor, operation: 'SealInitialize', result: 'success' }),
      ],
    })
  } finally {
    masterKey.wipe()
    wipeMasterKeys(master)
    integrity.secret.wipe()
  }
  return unseal(store, externalKey, { production: false, pins: { cluster, verifier: master.verifier, epoch } })
}

/** True if the store has a root. */
export async function isInitialized(store: Store): Promise<boolean> {
  return (await store.get('manifest', { id: 'manifest' })) !== undefined
}

/**
 * Opens the root of a store, and refuses what does not fit in this order: no root ('not-found'), a development store in production
 * ('development-store'), another root than the pinned one, no seal of this outside key, a blob that does not open or is not this
 * manifest's ('seal-failed'), then rows that were changed ('row-mac-mismatch') and key records that do not open.
 */
export async function unseal(
  store: Store,
  externalKey: ExternalKey,
  options: { production: boolean; pins?: RootPins },
): Promise<RootKeys> {
  selfTest()
  const manifest = await store.get('manifest', { id: 'manifest' })
  if (manifest === undefined) throw rootIsMissing()
  if (manifest.format_version !== ManifestFormat.first && manifest.format_version !== ManifestFormat.setsKept) {
    throw new KryptonError(
      'store-format',
      'the store was written in a format that this version does not know: use a newer one',
    )
  }
  if (manifest.development && options.production) {
    throw new KryptonError(
      'development-store',
      'the store was made by --dev and never opens in production: make another with krypton init',
    )
  }
  checkPins(manifest, options.pins)
  const seal = chooseSeal(await store.find('seals', {}), externalKey, manifest)
  const masterKey = await openSeal(externalKey, seal, manifest)
  let master: MasterKeys
  try {
    master = deriveMasterKeys(masterKey, manifest.cluster, manifest.epoch)
  } finally {
    masterKey.wipe()
  }
  let root: RootKeys | undefined
  try {
    checkBlobMac(master, seal.blob)
    if (!equalBytes(master.verifier, manifest.master_key_verifier)) {
      throw new KryptonError(
        'seal-failed',
        'the seal holds another MasterKey than the manifest names: restore the keys section whole',
      )
    }
    root = await openRoot(store, manifest, seal, master)
    return root
  } finally {
    if (root === undefined) wipeMasterKeys(master)
    else master.sealMac.wipe()
  }
}

/** Verifies the root's rows under the system integrity key that the MasterKey opens. */
async function openRoot(
  store: Store,
  manifest: Row<'manifest'>,
  seal: Row<'seals'>,
  master: MasterKeys,
): Promise<RootKeys> {
  const { cluster } = manifest
  const rows = await store.find('integrity_keys', { tenant: noTenant })
  const { wrapSystem } = master
  const systemIntegrityKeys = openSystemIntegrityKeys({ cluster, wrapSystem }, rows)
  const root: RootKeys = {
    cluster,
    epoch: manifest.epoch,
    incarnation: manifest.incarnation,
    development: manifest.development,
    verifier: master.verifier,
    setsKeptFromStart: manifest.format_version === ManifestFormat.setsKept,
    wrapIvk: master.wrapIvk,
    wrapSystem,
    systemIntegrityKeys,
  }
  const macs = systemRowMacs(cluster, systemIntegrityKeys)
  try {
    macs.verifyRow('manifest', manifest)
    macs.verifyRow('seals', seal)
    wipeWrappingKeys(openIvks(root, macs, await store.find('ivks', {})))
    return root
  } catch (error) {
    for (const key of systemIntegrityKeys) key.secret.wipe()
    throw error
  } finally {
    macs.wipe()
  }
}

/** Seals a MasterKey into a blob KRS1: under a key of the blob's own, which the outside key wraps. */
export async function sealMasterKey(
  externalKey: ExternalKey,
  masterKey: Secret,
  master: MasterKeys,
  place: SealPlace,
): Promise<Buffer> {
  const blobKey = generateSecret(keyBytes, 'wrapping')
  try {
    const wrapped = await externalKey.wrap(blobKey, outsideContext(place))
    const head = Buffer.concat([
      encodeSealDescription({
        ...place,
        sealType: externalKey.type,
        configurationId: externalKey.configurationId,
        providerKeyId: wrapped.keyId,
        mechanism: wrapped.mechanism,
      }),
      encodeWrappedKey(wrapped.ciphertext),
    ])
    const wrappingKey = blobWrappingKey(blobKey, wrapped.ciphertext, place.generation)
    const record = sealRecord(Purpose.Seal, wrappingKey, masterKeyContext(place, head), masterKey)
    const covered = Buffer.concat([head, encodeSealRecord(record)])
    return Buffer.concat([covered, encodeSealMac(hmac('sha256', master.sealMac, covered))])
  } finally {
    blobKey.wipe()
  }
}

/** The MasterKey in a seal's blob. The blob must say of itself what the row and the manifest say. */
async function openSeal(externalKey: ExternalKey, seal: Row<'seals'>, manifest: Row<'manifest'>): Promise<Secret> {
  const blob = decodeSealBlob(seal.blob)
  const fits =
    blob.sealType === seal.type &&
    equalBytes(blob.configurationId, seal.config_id) &&
    blob.generation === seal.generation &&
    blob.created === seal.created &&
    blob.epoch === manifest.epoch &&
    equalBytes(blob.cluster, manifest.cluster) &&
    equalBytes(blob.incarnation, manifest.incarnation)
  if (!fits) throw sealRefused()
  const wrapped = { keyId: blob.providerKeyId, mechanism: blob.mechanism, ciphertext: blob.wrappedKey }
  const blobKey = await externalKey.unwrap(wrapped, outsideContext(blob), 'wrapping').catch(refusedSeal)
  try {
    const head = Buffer.concat([encodeSealDescription(blob), encodeWrappedKey(blob.wrappedKey)])
    const wrappingKey = blobWrappingKey(blobKey, blob.wrappedKey, blob.generation)
    return openRecord(Purpose.Seal, wrappingKey, masterKeyContext(blob, head), blob.record, 'wrapping')
  } catch (cause) {
    if (isKryptonError(cause)) throw sealRefused(cause)
    throw cause
  } finally {
    blobKey.wipe()
  }
}

/** What the outside key has not wrapped is no seal of this store, or was changed. */
function refusedSeal(cause: unknown): never {
  if (isKryptonError(cause, 'external-key-mismatch')) throw new KryptonError('seal-failed', cause.message, { cause })
  throw cause
}

function checkBlobMac(master: MasterKeys, blob: Uint8Array): void {
  const end = blob.byteLength - sealMacFieldBytes
  const expected = hmac('sha256', master.sealMac, blob.subarray(0, end))
  if (!equalBytes(encodeSealMac(expected), blob.subarray(end))) throw sealRefused()
}

/** The seal by the outside key's identity and the epoch, never by trial; of several generations the newest. Throws 'seal-failed'. */
export function chooseSeal(
  seals: readonly Row<'seals'>[],
  externalKey: ExternalKey,
  manifest: Row<'manifest'>,
): Row<'seals'> {
  let chosen: Row<'seals'> | undefined
  for (const seal of seals) {
    const fits =
      seal.type === externalKey.type &&
      equalBytes(seal.config_id, externalKey.configurationId) &&
      seal.epoch === manifest.epoch &&
      (chosen === undefined || seal.generation > chosen.generation)
    if (fits) chosen = seal
  }
  if (chosen === undefined) {
    throw new KryptonError(
      'seal-failed',
      'no seal of this store belongs to the configured key: configure the one that it was sealed with',
    )
  }
  return chosen
}

/**
 * Refuses a store of another root than the configuration pins, and says what differs.
 * @throws KryptonError seal-failed
 */
export function checkPins(
  manifest: Pick<Row<'manifest'>, 'cluster' | 'epoch' | 'master_key_verifier'>,
  pins: RootPins | undefined,
): void {
  if (pins === undefined) return
  const { cluster, epoch, master_key_verifier: verifier } = manifest
  const [there, pinned] = [cluster, pins.cluster].map(hex)
  if (equalBytes(cluster, pins.cluster) && epoch > pins.epoch) {
    const lines = `verifier: ${hex(verifier)} and epoch: ${epoch}`
    throw new KryptonError(
      'seal-failed',
      `the store is of epoch ${epoch} of its MasterKey, the configuration pins epoch ${pins.epoch}: if somebody has run krypton operator rotate and it has printed ${lines}, change these two lines in section seal of the configuration; if nobody has, or it printed another verifier, this is not the store that was here: restore that one`,
    )
  }
  const differs = !equalBytes(cluster, pins.cluster)
    ? `is of cluster ${there}, the configuration pins cluster ${pinned}`
    : !equalBytes(verifier, pins.verifier)
      ? 'has another MasterKey than the configuration pins'
      : epoch !== pins.epoch
        ? `is of epoch ${epoch} of its MasterKey, the configuration pins epoch ${pins.epoch}`
        : undefined
  if (differs === undefined) return
  throw new KryptonError(
    'seal-failed',
    `the store ${differs}: restore the right store, or pin what init printed for this one`,
  )
}

export type SealPlace = Pick<SealDescription, 'cluster' | 'region' | 'incarnation' | 'epoch' | 'generation' | 'created'>

/** What the outside key binds the blob's key to. */
function outsideContext(place: SealPlace): Buffer {
  const numbers = Buffer.alloc(12)
  numbers.writeUInt32BE(place.epoch, 0)
  numbers.writeBigUInt64BE(BigInt(place.generation), 4)
  const region = Buffer.from(place.region, 'utf8')
  return Buffer.concat([Buffer.from('krypton/seal/1\0'), lv(place.cluster), lv(place.incarnation), lv(region), numbers])
}

function lv(part: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(part.byteLength)
  return Buffer.concat([length, part])
}

/** The blob's own key is named by the hash of its wrapped form, so that the name comes from the blob's place in the chain. */
function blobWrappingKey(secret: Secret, wrappedKey: Uint8Array, generation: number) {
  return {
    secret,
    keyId: digest('sha256', wrappedKey).subarray(0, 16),
    version: generation,
    suite: Suite.Xaes256GcmCommitted,
  }
}

/** The MasterKey's record repeats all of the blob that stands before it. */
function masterKeyContext(place: SealPlace, head: Uint8Array): RecordContext {
  return {
    cluster: place.cluster,
    tenant: noTenant,
    objectVersion: place.epoch,
    algorithm: KeyAlgorithm.HmacSha256,
    lengthBits: keyBytes * 8,
    blobVersion: place.generation,
    extra: head,
  }
}

export function wipeMasterKeys(master: MasterKeys): void {
  master.sealMac.wipe()
  master.wrapIvk.secret.wipe()
  master.wrapSystem.secret.wipe()
}

function sealRefused(cause?: unknown): KryptonError {
  return new KryptonError(
    'seal-failed',
    'the seal does not open: it was changed or belongs to another store; restore the keys section from a backup',
    { cause },
  )
}

/** Both say KDF 1: SP 800-108 in counter mode with HMAC-SHA-256. The second says besides that the digests of all rows were begun when the store was made. */
const ManifestFormat = { first: 1, setsKept: 2 } as const
