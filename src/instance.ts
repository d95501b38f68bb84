import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CertificateAuthority } from './certificates/certificate-authority.ts'
import { systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { decideMaking } from './crypto/native.ts'
import { randomIdentifier } from './crypto/random.ts'
import { auditEvent } from './audit/audit-event.ts'
import { isKryptonError, KryptonError } from './errors.ts'
import type { ExternalKey } from './external-keys/external-key.ts'
import { createStaticKeyFile, openStaticKey } from './external-keys/static.ts'
import { hex } from './hex.ts'
import { KeyChain, type RootKeys } from './hierarchy/key-chain.ts'
import { setDigestKeys } from './hierarchy/integrity-key.ts'
import { noTenant } from './hierarchy/key-record.ts'
import { type Anchored, checkAnchor, writeAnchor, writeFirstAnchor } from './seal/anchor.ts'
import { anchorFile, type AnchorPlace } from './seal/anchor-place.ts'
import type { AnchorState } from './seal/anchor-state.ts'
import { readInstanceFile, refuseOpenKey, writeInstanceFile } from './instance-file.ts'
import { checkPins, initializeSeal, isInitialized, type RootPins, unseal } from './seal/seal.ts'
import {
  readServerCertificate,
  type ServerCertificate,
  writeInteropCertificate,
  writeServerCertificate,
} from './server-certificate.ts'
import { shellWord } from './shell-word.ts'
import type { Section } from './store/schema.ts'
import { readRootBeforehand } from './store/sqlite/section-file.ts'
import { openSqliteStore, type SqliteStore } from './store/sqlite/sqlite-store.ts'
import type { Store } from './store/store.ts'
import { auditSystem } from './system-audit.ts'
import { TenantRegistry } from './tenants/tenant-registry.ts'

/** What an instance is made of on disk, opened: its store, its root, and the authority of its certificates. */
export interface Instance {
  readonly store: SqliteStore
  /** Holds the root's keys as they are now. */
  readonly keyChain: KeyChain
  readonly registry: TenantRegistry
  readonly authority: CertificateAuthority
  readonly serverCertificate: ServerCertificate
  /** Where the anchor is; undefined where none is kept. */
  readonly anchorPlace: AnchorPlace | undefined
}

/** What `init` prints and the configuration pins, in hex. */
export interface InitResult {
  readonly cluster: string
  readonly verifier: string
  readonly epoch: number
  /** Names and addresses for which the server's certificate is good. */
  readonly names: readonly string[]
  /** What was made, by absolute path. */
  readonly files: readonly string[]
}

export interface InitializeOptions {
  readonly directory: string
  /** The store is marked as a development one for ever. */
  readonly development: boolean
  /** Names and addresses in the server's certificate. */
  readonly hosts: readonly string[]
  readonly config: Config
}

/**
 * Makes an instance: seal key, store and root, authority, server's certificate. The server's certificate is written last: where
 * it is, everything else is. An attempt that was cut short is finished by the next one, which overwrites neither key nor root.
 * @throws KryptonError already-exists: there is a root, and it is not of this kind; config-invalid: the addon is required, and there is none; anchor-mismatch: the anchor is
 * that of another cluster; external-key-unreachable and others: the anchor cannot be reached
 */
export async function initializeInstance({
  directory,
  development,
  hosts,
  config,
}: InitializeOptions): Promise<InitResult> {
  decideMaking(config.native)
  const place = await anchorPlaceOf(config)
  // Before anything is made, so that nothing is when it cannot be reached.
  await place?.read()
  // Nor where there is an authority that `authorityIn` could not take.
  if (existsSync(authorityFiles(directory).certificate)) await openAuthority(directory)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (!existsSync(config.seal.keyFile)) createStaticKeyFile(config.seal.keyFile)
  const store = await openSqliteStore({ directory: config.store.directory, onFatal: () => undefined })
  try {
    const seal = openSealKey(config)
    const root = await rootOf(store, seal, config, development).finally(() => seal.wipe())
    const keyChain = new KeyChain(store, root, systemClock)
    try {
      if (root.development !== development) {
        const [there, wanted] = development ? ['an instance of init', '--dev'] : ['a development server', 'init']
        throw new KryptonError(
          'already-exists',
          `${directory} holds the store of ${there}, which ${wanted} does not take: name another directory with --dir`,
        )
      }
      // Where the server's certificate is, an earlier attempt was not cut short.
      await keepSets(store, root, !existsSync(config.kmip.certificateFile))
      const now = new Date(systemClock.now())
      const authority = await authorityIn(directory, now)
      const registry = new TenantRegistry(store, keyChain, systemClock, randomIdentifier)
      await registry.authorities.register({ certificate: authority.certificate }, actor)
      if (place !== undefined) await writeFirstAnchor({ store, root, place, clock: systemClock })
      const { names } = await writeServerCertificate(authority, hosts, config.kmip, now)
      const pins = { cluster: hex(root.cluster), verifier: hex(root.verifier), epoch: root.epoch }
      const { certificateFile, keyFile } = config.kmip
      const { key, certificate } = authorityFiles(directory)
      const files = [config.seal.keyFile, key, certificate, keyFile, certificateFile]
      return {
        ...pins,
        names,
        files: config.anchor.type === 'file' && place !== undefined ? [...files, place.name] : files,
      }
    } finally {
      keyChain.forget()
    }
  } finally {
    await store.close()
  }
}

/** The root that is there, or a new one. */
async function rootOf(store: Store, seal: ExternalKey, { server }: Config, development: boolean): Promise<RootKeys> {
  if (await isInitialized(store)) return unseal(store, seal, { production: false })
  return initializeSeal(store, seal, systemClock, { development, region: server.region, actor })
}

/**
 * Opens what `initializeInstance` made, and makes nothing: where something is missing, it says so. `onFatal` is called once
 * when the store can no longer promise anything.
 * @throws KryptonError config-invalid, not-found, store-locked, store-format, seal-failed, development-store, anchor-mismatch, certificate-invalid
 */
export async function openInstance(config: Config, onFatal: (error: KryptonError) => void): Promise<Instance> {
  return open(config, onFatal, checkAnchor)
}

/**
 * Writes the anchor of a database that it does not fit, or that has none yet: what the anchor has seen and the database lacks is given up for good. It is told
 * in the audit. No server may have the store.
 * @throws KryptonError as `openInstance`, and 'config-invalid' when the configuration has no anchor
 */
export async function acceptAnchor(config: Config, reason: string): Promise<AnchorState & { readonly anchor: string }> {
  let fault: string | undefined
  const {
    store,
    keyChain,
    anchorPlace: place,
  } = await open(
    config,
    () => undefined,
    async (anchored) => {
      fault = await refusalOf(anchored)
    },
  )
  try {
    if (place === undefined) {
      throw new KryptonError(
        'config-invalid',
        'the configuration has no anchor: set anchor.type to file, and anchor.file, or to openbao',
      )
    }
    const clock = systemClock
    const detail = `${fault ?? 'the anchor fits'}; reason: ${reason}`
    const event = { clock, tenant: noTenant, actor, operation: 'AnchorAccept', result: 'success', detail }
    await store.commit({ section: 'keys', changes: [], audit: [auditEvent(event)] })
    return { anchor: place.name, ...(await writeAnchor({ store, root: keyChain.root, place, clock })) }
  } finally {
    keyChain.forget()
    await store.close()
  }
}

/** How the anchor does not fit, in words. */
async function refusalOf(anchored: Anchored): Promise<string | undefined> {
  try {
    await checkAnchor(anchored)
    return undefined
  } catch (error) {
    if (isKryptonError(error, 'anchor-mismatch')) return error.message
    throw error
  }
}

/** `check` is asked when there is an anchor, before anything is read but the root. */
async function open(
  config: Config,
  onFatal: (error: KryptonError) => void,
  check: (anchored: Anchored) => Promise<void>,
): Promise<Instance> {
  refuseMissingData(config)
  const serverCertificate = await readServerCertificate(config)
  // Before the store is opened for writing, which gives an older one the tables that it does not have.
  const found = readRootBeforehand(config.store.directory)
  if (found !== undefined) checkPins(found, pinsOf(config))
  const store = await openSqliteStore({ directory: config.store.directory, onFatal })
  try {
    const seal = openSealKey(config)
    const production = config.server.profile === 'production'
    const root = await unseal(store, seal, { production, pins: pinsOf(config) }).finally(() => seal.wipe())
    const keyChain = new KeyChain(store, root, systemClock)
    try {
      refuseProductionStore(root, config)
      const anchorPlace = await anchorPlaceOf(config)
      if (anchorPlace !== undefined) await check({ store, root, place: anchorPlace, clock: systemClock })
      await beginSets(store, root)
      const registry = new TenantRegistry(store, keyChain, systemClock, randomIdentifier)
      if (production) refuseOpenKey(authorityFiles(config.server.directory).key)
      const authority = await openAuthority(config.server.directory)
      return { store, keyChain, registry, authority, serverCertificate, anchorPlace }
    } catch (error) {
      keyChain.forget()
      throw error
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Hands the store the keys of its digests. Resolves to the sections whose digest has begun just now. */
async function keepSets(store: SqliteStore, root: RootKeys, mayBegin: boolean): Promise<readonly Section[]> {
  const keys = setDigestKeys(root)
  try {
    return await store.keepSets(keys, mayBegin)
  } finally {
    for (const { secret } of keys) secret.wipe()
  }
}

/** The digests of a store that was made by a version without them begin with its first start: what was put back before that is not noticed, so the audit tells when it was. */
async function beginSets(store: SqliteStore, root: RootKeys): Promise<void> {
  for (const section of await keepSets(store, root, !root.setsKeptFromStart)) {
    await auditSystem({ store, clock: systemClock }, { section, operation: 'SetDigestBegin', result: 'success' })
  }
}

/** What a development server leaves out (pins, hardening, the addon) is what a store with keys that somebody trusts was promised. */
function refuseProductionStore({ development }: RootKeys, { server }: Config): void {
  if (development || server.profile === 'production') return
  throw new KryptonError(
    'development-store',
    `${server.directory} holds no development store: start it by its configuration, krypton server --config ${shellWord(join(server.directory, 'krypton.yaml'))}`,
  )
}

/** A store that is not there is not made here: an empty one in the place of a lost one would look as if nothing had ever been kept. */
function refuseMissingData({ server, store, seal, kmip }: Config): void {
  const missing = storeFiles.filter((file) => !existsSync(join(store.directory, file)))
  if (missing.length === 0) return
  const known = seal.cluster !== undefined || existsSync(kmip.certificateFile)
  if (missing.length === storeFiles.length && !known) {
    throw new KryptonError(
      'config-invalid',
      `no instance here: krypton init --dir ${shellWord(server.directory)} makes one, krypton server --dev a server for development`,
    )
  }
  const whose = seal.cluster === undefined ? 'this instance' : `cluster ${seal.cluster}`
  throw new KryptonError(
    'not-found',
    `the data of ${whose} is missing in ${store.directory} (${missing.join(', ')}): put the backup back`,
  )
}

/** One file for each section of the store. */
const storeFiles = ['keys.db', 'data.db'] as const

/** Gives the server a new key and certificate, for `hosts`; a running server takes them at its next start. Throws 'config-invalid', 'certificate-invalid'. */
export async function renewServerCertificate(config: Config, hosts: readonly string[]): Promise<ServerCertificate> {
  const authority = await openAuthority(config.server.directory)
  return writeServerCertificate(authority, hosts, config.kmip, new Date(systemClock.now()))
}

/** Gives the server an RSA key and certificate for the TLS profile `kmip-1.x-interop`. Throws 'config-invalid'. */
export async function makeInteropCertificate(
  config: Config,
  hosts: readonly string[],
): Promise<ServerCertificate & { readonly files: readonly string[] }> {
  return writeInteropCertificate(hosts, config.kmip, new Date(systemClock.now()))
}

/** The authority of an instance, made if it has none. Its key is written before its certificate, so that both are there or it is made anew. */
async function authorityIn(directory: string, now: Date): Promise<CertificateAuthority> {
  const files = authorityFiles(directory)
  if (existsSync(files.certificate)) return openAuthority(directory)
  const { authority, privateKeyPem } = await CertificateAuthority.create('Krypton CA', now)
  writeInstanceFile(files.key, privateKeyPem, 0o400)
  privateKeyPem.fill(0)
  writeInstanceFile(files.certificate, authority.certificatePem, 0o644)
  return authority
}

async function openAuthority(directory: string): Promise<CertificateAuthority> {
  const files = authorityFiles(directory)
  if (!existsSync(files.key)) {
    throw new KryptonError(
      'config-invalid',
      `${files.certificate} is here without its key ${files.key}: put the key back, or name another directory where this certificate is somebody else's`,
    )
  }
  const key = await readInstanceFile(files.key)
  try {
    return CertificateAuthority.open((await readInstanceFile(files.certificate)).toString('utf8'), key)
  } finally {
    key.fill(0)
  }
}

function authorityFiles(directory: string): { certificate: string; key: string } {
  return { certificate: join(directory, 'ca.pem'), key: join(directory, 'ca.key') }
}

async function anchorPlaceOf({ anchor, store }: Config): Promise<AnchorPlace | undefined> {
  if (anchor.type === 'none') return undefined
  if (anchor.type === 'file') return anchorFile(anchor.file ?? '', store.directory) // the configuration's check has seen to it
  // Loaded by whoever has one: a start needs no HTTP client.
  const { openBaoAnchor } = await import('./seal/anchor-openbao.ts')
  return openBaoAnchor(anchor)
}

/** The outside key that the MasterKey is sealed with: the caller wipes it. Throws 'config-invalid'. */
export function openSealKey({ seal, store }: Config): ExternalKey {
  return openStaticKey({ file: seal.keyFile, dataDirectory: store.directory })
}

/** What the configuration pins. Its check has seen to it that there are all three pins or none. */
export function pinsOf({ seal: { cluster, verifier, epoch } }: Config): RootPins | undefined {
  if (cluster === undefined || verifier === undefined || epoch === undefined) return undefined
  return { cluster: Buffer.from(cluster, 'hex'), verifier: Buffer.from(verifier, 'hex'), epoch }
}

const actor = 'operator:init'
