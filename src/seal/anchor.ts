import { auditDigest } from '../audit/audit-digest.ts'
import type { Clock } from '../clock.ts'
import { KryptonError } from '../errors.ts'
import { activeIntegrityVersion } from '../hierarchy/integrity-key.ts'
import type { RootKeys } from '../hierarchy/root-keys.ts'
import type { Section, StoredAuditRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { hex } from '../hex.ts'
import type { AnchorPlace } from './anchor-place.ts'
import { AnchorCodec, type AnchoredHead, type AnchorState, keyVersionOf } from './anchor-state.ts'

/** What an anchor is about. */
export interface Anchored {
  readonly store: Store
  readonly root: RootKeys
  readonly place: AnchorPlace
  readonly clock: Clock
}

/**
 * Compares a database with its anchor, before anything is served (KEYS.md section 4): it may be ahead, by what was committed after the last write of the
 * anchor, and never behind, nor another one.
 * @throws KryptonError anchor-mismatch, which says what differs and what to do; config-invalid: the anchor cannot be read
 */
export async function checkAnchor({ store, root, place, clock }: Anchored): Promise<void> {
  const text = await place.read()
  if (text === undefined) {
    throw mismatch(`there is no anchor at ${place.name}: ${place.whenMissing}, or, where this is the right database,`)
  }
  const anchor = decoded(text, root, place)
  const now = await stateOf(store, root, clock)
  const seen = `which the anchor ${place.name} of ${anchor.written} has seen`
  if (anchor.cluster !== now.cluster || anchor.incarnation !== now.incarnation) {
    const which = anchor.cluster === now.cluster ? 'incarnation' : 'cluster'
    throw mismatch(`the database is of another ${which} than the one ${seen}: put that one back, or`)
  }
  if (anchor.epoch > now.epoch || anchor.sealGeneration > now.sealGeneration) {
    throw mismatch(`the database is older than the seal ${seen}: put the newest one back, or`)
  }
  if ((keyVersionOf(text) ?? 0) > activeIntegrityVersion(root.systemIntegrityKeys)) {
    throw mismatch(`the database is older than the system's integrity key ${seen}: put the newest one back, or`)
  }
  for (const section of sections) await checkHead(store, section, anchor[section], now[section], seen)
}

/** The version of the system integrity key under which the anchor was written last; undefined where none is kept, or none is there yet. Throws as the place does. */
export async function anchoredUnder(place: AnchorPlace | undefined): Promise<number | undefined> {
  const text = await place?.read()
  return text === undefined ? undefined : keyVersionOf(text)
}

function decoded(text: string, root: RootKeys, place: AnchorPlace): AnchorState {
  const codec = new AnchorCodec(root)
  try {
    return codec.decode(text, place.name)
  } finally {
    codec.wipe()
  }
}

async function checkHead(
  store: Store,
  section: Section,
  anchored: AnchoredHead,
  now: AnchoredHead,
  seen: string,
): Promise<void> {
  if (anchored.sequence > now.sequence) {
    throw mismatch(
      `section ${section} of the database ends with change ${now.sequence} and is older than change ${anchored.sequence}, ${seen}: put the newest one back, or`,
    )
  }
  if (anchored.sequence === 0) return
  const [row] = await store.audit(section, anchored.sequence - 1, 1)
  if (headOf(row).digest === anchored.digest) return
  throw mismatch(
    `section ${section} of the database went another way: change ${anchored.sequence} is not the one ${seen}: put the right one back, or`,
  )
}

function mismatch(what: string): KryptonError {
  return new KryptonError(
    'anchor-mismatch',
    `${what} accept what the database lacks for good with krypton anchor accept`,
  )
}

/** What an anchor of the database as it is now holds. */
export async function stateOf(store: Store, root: RootKeys, clock: Clock): Promise<AnchorState> {
  const seals = await store.find('seals', {})
  const [keys, data] = [await store.auditHead('keys'), await store.auditHead('data')]
  return {
    cluster: hex(root.cluster),
    incarnation: hex(root.incarnation),
    epoch: root.epoch,
    sealGeneration: Math.max(0, ...seals.map(({ generation }) => generation)),
    keys: headOf(keys),
    data: headOf(data),
    written: new Date(clock.now()).toISOString(),
  }
}

function headOf(row: StoredAuditRow | undefined): AnchoredHead {
  return row === undefined
    ? { sequence: 0, digest: '' }
    : { sequence: row.sequence, digest: auditDigest(row).toString('hex') }
}

/** Writes an anchor of the database as it is now. */
export async function writeAnchor({ store, root, place, clock }: Anchored): Promise<AnchorState> {
  const codec = new AnchorCodec(root)
  try {
    const state = await stateOf(store, root, clock)
    await place.write(codec.encode(state))
    return state
  } finally {
    codec.wipe()
  }
}

/**
 * Writes the first anchor of a database. One of the same root may be there, from an attempt that was cut short.
 * @throws KryptonError anchor-mismatch: that of another cluster is there
 */
export async function writeFirstAnchor(anchored: Anchored): Promise<void> {
  const { root, place } = anchored
  const text = await place.read()
  if (text !== undefined) decoded(text, root, place)
  await writeAnchor(anchored)
}

const sections = ['keys', 'data'] as const
