import { auditEvent } from '../audit/audit-event.ts'
import { type Clock, dateTime } from '../clock.ts'
import { generateSecret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import type { ExternalKey } from '../external-keys/external-key.ts'
import { rewrapSystemIntegrityKey } from '../hierarchy/integrity-key.ts'
import { rewrapIvk } from '../hierarchy/internal-versioned-key.ts'
import { keyBytes, noTenant } from '../hierarchy/key-record.ts'
import type { KeyWork } from '../hierarchy/key-versions.ts'
import { retrying } from '../store/retrying.ts'
import { deriveMasterKeys, type MasterKeys } from '../hierarchy/master-key.ts'
import { rootIsMissing, type RootKeys } from '../hierarchy/root-keys.ts'
import { updateOf } from '../hierarchy/row-mac.ts'
import { randomIdentifier } from '../crypto/random.ts'
import type { Row } from '../store/schema.ts'
import type { Change, Store } from '../store/store.ts'
import { decodeSealBlob } from './blob.ts'
import { chooseSeal, type RootPins, sealMasterKey, unseal, wipeMasterKeys } from './seal.ts'

/** What the beginning of an epoch works with. `externalKey` is the seal's. */
export interface EpochWork extends Pick<KeyWork, 'store' | 'chain' | 'users' | 'at'> {
  readonly clock: Clock
  readonly externalKey: ExternalKey
}

/** What hangs on the MasterKey: so much is wrapped anew when an epoch begins, and nothing else. */
export interface BelowMasterKey {
  readonly epoch: number
  readonly ivks: number
  readonly systemIntegrityKeys: number
  readonly seals: number
}

/** Counts what the beginning of an epoch would touch. */
export async function belowMasterKey({ store, chain }: Pick<EpochWork, 'store' | 'chain'>): Promise<BelowMasterKey> {
  const { ivks, integrityKeys, seals } = await rowsOf(store)
  const { epoch } = chain.root
  return { epoch, ivks: ivks.length, systemIntegrityKeys: integrityKeys.length, seals: seals.length }
}

/** When the epoch of the MasterKey began, in seconds since 1970, by its seal. */
export async function epochBegun(store: Store): Promise<number | undefined> {
  const seals = await store.find('seals', {})
  return seals.toSorted((a, b) => a.generation - b.generation).at(-1)?.created
}

/**
 * Begins an epoch: a new MasterKey, sealed by the same outside key in the next generation. IVKs and system integrity keys are wrapped anew, each read back, and all of it is one transaction: at every moment the store has
 * one root, that of before or that of now. Every user has what the new MasterKey's keys open before anything is under them. Afterwards the root is opened from what was stored, as the next start does, while the
 * old MasterKey's keys are still there: if it does not open, what was there before is put back. Then those keys end in every thread.
 *
 * Resolves to what the configuration is to pin from now on.
 * @throws KryptonError seal-failed: the outside key is not that of the seal; record-does-not-open and others: something does not open, nothing is changed; not-healthy: a thread does not answer
 */
export async function rotateMasterKey(work: EpochWork, actor: string): Promise<RootPins> {
  const { chain, externalKey, store, at } = work
  const root = chain.root
  if (root.nextWrapIvk !== undefined)
    throw new KryptonError('already-exists', 'another epoch of the MasterKey is just beginning: wait for it')
  const epoch = root.epoch + 1
  const masterKey = generateSecret(keyBytes, 'wrapping')
  const master = deriveMasterKeys(masterKey, root.cluster, epoch)
  const pins: RootPins = { cluster: root.cluster, verifier: master.verifier, epoch }
  try {
    await hand(work, { ...root, nextWrapIvk: { ...master.wrapIvk, secret: master.wrapIvk.secret.share() } })
    at('known')
    const before = await retrying(async () => {
      const rows = await rowsOf(store)
      const seal = await newSeal(work, rows, masterKey, master)
      at('sealed')
      await store.commit(unitOf(work, rows, { seal, master, epoch, actor }))
      return rows
    })
    at('committed')
    const opened = await unseal(store, externalKey, { production: false, pins }).catch((cause: unknown) =>
      putBack(work, before, cause),
    )
    at('opened')
    await hand(work, opened).catch((cause: unknown) => {
      const what = `epoch ${epoch} of the MasterKey has begun, with verifier ${master.verifier.toString('hex')}`
      throw new KryptonError(
        'not-healthy',
        `${what}, and a thread has not let go of the former keys: pin both, then start the server again`,
        { cause },
      )
    })
    at('over')
    return pins
  } catch (error) {
    // Of the epoch that did not begin nothing stays; users that do not answer are told with the next change.
    if (chain.root.epoch !== epoch) await hand(work, { ...chain.root, nextWrapIvk: undefined }).catch(() => undefined)
    throw error
  } finally {
    masterKey.wipe()
    wipeMasterKeys(master)
  }
}

/** Users take the root after this thread: one that starts meanwhile begins with it. */
async function hand({ chain, users }: Pick<EpochWork, 'chain' | 'users'>, root: RootKeys): Promise<void> {
  chain.takeRoot(root)
  await users.takeRoot(root)
}

/** The rows that hang on the MasterKey. Those of keys that are gone hold none. */
interface RootRows {
  readonly manifest: Row<'manifest'>
  readonly seals: readonly Row<'seals'>[]
  readonly ivks: readonly Row<'ivks'>[]
  readonly integrityKeys: readonly Row<'integrity_keys'>[]
}

async function rowsOf(store: Store): Promise<RootRows> {
  const manifest = await store.get('manifest', { id: 'manifest' })
  if (manifest === undefined) throw rootIsMissing()
  const holdsKey = ({ record }: { readonly record: Uint8Array }): boolean => record.byteLength > 0
  return {
    manifest,
    seals: await store.find('seals', {}),
    ivks: (await store.find('ivks', {})).filter(holdsKey),
    integrityKeys: (await store.find('integrity_keys', { tenant: noTenant })).filter(holdsKey),
  }
}

async function newSeal(
  { externalKey, clock }: EpochWork,
  { manifest, seals }: RootRows,
  masterKey: Parameters<typeof sealMasterKey>[1],
  master: MasterKeys,
) {
  const { region } = decodeSealBlob(chooseSeal(seals, externalKey, manifest).blob)
  const { cluster, incarnation } = manifest
  const epoch = manifest.epoch + 1
  const generation = Math.max(...seals.map(({ generation: one }) => one)) + 1
  const created = dateTime(clock)
  const place = { cluster, incarnation, region, epoch, generation, created }
  const blob = await sealMasterKey(externalKey, masterKey, master, place)
  const config_id = Buffer.from(externalKey.configurationId)
  return { id: randomIdentifier(), type: externalKey.type, config_id, epoch, generation, blob, created, row_version: 1 }
}

/** Everything that hangs on the MasterKey, in one unit; each row is verified, each new record was read back. */
function unitOf(
  { chain, clock }: EpochWork,
  { manifest, seals, ivks, integrityKeys }: RootRows,
  next: {
    readonly seal: Awaited<ReturnType<typeof newSeal>>
    readonly master: MasterKeys
    readonly epoch: number
    readonly actor: string
  },
) {
  const { root } = chain
  const keys = chain.system()
  const { seal, master, epoch, actor } = next
  keys.verifyRow('manifest', manifest)
  const changes: Change[] = [
    updateOf('manifest', manifest, { epoch, master_key_verifier: master.verifier }, keys),
    { table: 'seals', kind: 'insert', row: { ...seal, mac: keys.macRow('seals', seal) } },
  ]
  for (const row of seals) {
    keys.verifyRow('seals', row)
    changes.push({ table: 'seals', kind: 'delete', key: { id: row.id }, expectedVersion: row.row_version })
  }
  for (const row of ivks) {
    keys.verifyRow('ivks', row)
    changes.push(updateOf('ivks', row, { record: rewrapIvk(root, master.wrapIvk, row) }, keys))
  }
  for (const row of integrityKeys) {
    keys.verifyRow('integrity_keys', row)
    const record = rewrapSystemIntegrityKey(root, master.wrapSystem, row)
    changes.push(updateOf('integrity_keys', row, { record, parent_version: epoch }, keys))
  }
  const detail = `epoch ${epoch}, verifier ${master.verifier.toString('hex')}`
  const event = { clock, tenant: noTenant, actor, operation: 'MasterKeyRotate', result: 'success', detail }
  // Never refused once it is durable: who was told that the epoch did not begin would not pin it.
  return { section: 'keys', changes, audit: [auditEvent(event)], erasure: 'later' } as const
}

/** Puts the rows of before in the place of those that do not open, in one unit. */
async function putBack({ store, chain, clock }: EpochWork, before: RootRows, cause: unknown): Promise<never> {
  const keys = chain.system()
  const now = await rowsOf(store)
  const changes: Change[] = now.seals.map(({ id, row_version: expectedVersion }) => ({
    table: 'seals',
    kind: 'delete',
    key: { id },
    expectedVersion,
  }))
  const { epoch, master_key_verifier } = before.manifest
  changes.push(updateOf('manifest', now.manifest, { epoch, master_key_verifier }, keys))
  for (const { mac: _, ...seal } of before.seals)
    changes.push({ table: 'seals', kind: 'insert', row: { ...seal, mac: keys.macRow('seals', seal) } })
  for (const row of now.ivks) {
    const { record } = before.ivks.find(({ version }) => version === row.version)!
    changes.push(updateOf('ivks', row, { record }, keys))
  }
  for (const row of now.integrityKeys) {
    const { record, parent_version } = before.integrityKeys.find(({ version }) => version === row.version)!
    changes.push(updateOf('integrity_keys', row, { record, parent_version }, keys))
  }
  const event = { clock, tenant: noTenant, actor: 'system', operation: 'MasterKeyRotate', result: 'failed' }
  const audit = [auditEvent({ ...event, detail: `epoch ${epoch} stays` })]
  await store.commit({ section: 'keys', changes, audit, erasure: 'later' })
  throw cause
}
