import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { isKryptonError, KryptonError } from '../../src/errors.ts'
import { openStaticKey } from '../../src/external-keys/static.ts'
import { exportRootKeys, importRootKeys, KeyChain } from '../../src/hierarchy/key-chain.ts'
import { wipeRootKeys } from '../../src/hierarchy/root-keys.ts'
import { objectRows } from '../../src/hierarchy/wrapped-rows.ts'
import { wipeWrappingKeys } from '../../src/hierarchy/wrapping-keys.ts'
import { generateSecret } from '../../src/crypto/secret.ts'
import { unseal } from '../../src/seal/seal.ts'
import { Reader } from '../../src/store/sqlite/reader.ts'
import type { Change, Store } from '../../src/store/store.ts'
import { VersionTable } from '../../src/store/version-table.ts'
import { fillRealm, RotationRealm } from './realm.ts'

/** What flips of one byte in the files of a store have come to. */
export interface FlipOutcome {
  readonly flips: number
  /** The object opened as ever: the byte was none of those that it hangs on. */
  readonly right: number
  readonly refused: number
  /** Lines for people: another key was opened without a word, or a fault of ours came of it. */
  readonly wrong: readonly string[]
}

interface Filled {
  readonly directory: string
  readonly objects: Readonly<Record<string, string>>
  readonly scopes: Awaited<ReturnType<typeof fillRealm>>['scopes']
}

/**
 * Flips a random bit of the files of a store, unseals it and opens a random object, as a thread does that knows nothing yet; then puts the bit back. `count` times, in stores of their own after each `batch`. With `stateFile` what
 * was done before a break is counted.
 */
export async function flipBytes(count: number, directory: string, stateFile?: string): Promise<FlipOutcome> {
  let outcome: FlipOutcome = { flips: 0, right: 0, refused: 0, wrong: [] }
  // What this very function has written.
  if (stateFile !== undefined && existsSync(stateFile))
    outcome = JSON.parse(readFileSync(stateFile, 'utf8')) as FlipOutcome
  while (outcome.flips < count) {
    const filled = await fill(join(directory, 'flipped'))
    outcome = await flipIn(filled, outcome, Math.min(count, outcome.flips + batch))
    if (stateFile !== undefined) writeFileSync(stateFile, JSON.stringify(outcome))
    rmSync(filled.directory, { recursive: true })
  }
  return outcome
}

/** Lines that must not be empty: an object whose key is another one, in records that open. */
export async function findPlantedKey(directory: string): Promise<readonly string[]> {
  const filled = await fill(join(directory, 'planted'), true)
  const { wrong } = await flipIn(filled, { flips: 0, right: 0, refused: 0, wrong: [] }, plantedFlips)
  rmSync(filled.directory, { recursive: true })
  return wrong
}

async function flipIn(filled: Filled, before: FlipOutcome, until: number): Promise<FlipOutcome> {
  const data = join(filled.directory, 'data')
  const seal = openStaticKey({ file: join(filled.directory, 'seal.key'), dataDirectory: data })
  const files = ['keys.db', 'data.db'].map((name) => ({ name, descriptor: openSync(join(data, name), 'r+') }))
  const intact = await reading(data, (store) => unseal(store, seal, { production: false }))
  let { right, refused } = before
  const wrong = [...before.wrong]
  const identifiers = Object.keys(filled.objects)
  for (let flip = before.flips; flip < until; flip++) {
    const { name, descriptor } = files[flip % files.length]!
    const at = Math.floor(Math.random() * fstatSync(descriptor).size)
    const was = Buffer.alloc(1)
    readSync(descriptor, was, 0, 1, at)
    const bit = 1 << Math.floor(Math.random() * 8)
    writeSync(descriptor, Buffer.of(was[0]! ^ bit), 0, 1, at)
    const id = identifiers[Math.floor(Math.random() * identifiers.length)]!
    try {
      const opened = await reading(data, async (store) => {
        const isFirst = flip % unsealEvery < files.length
        const root = isFirst ? await unseal(store, seal, { production: false }) : importRootKeys(exportRootKeys(intact))
        const chain = new KeyChain(store, root, systemClock)
        try {
          return await materialOf(store, chain, filled, id)
        } finally {
          chain.forget()
        }
      })
      if (opened === filled.objects[id]) right++
      else wrong.push(`${name} byte ${at} bit ${bit}: another key`)
    } catch (error) {
      if (isRefusal(error)) refused++
      else wrong.push(`${name} byte ${at} bit ${bit}: ${error instanceof Error ? String(error.stack) : String(error)}`)
    } finally {
      writeSync(descriptor, was, 0, 1, at)
    }
  }
  for (const { descriptor } of files) closeSync(descriptor)
  wipeRootKeys(intact)
  seal.wipe()
  return { flips: until, right, refused, wrong }
}

/** A store on disk with its objects, closed; with `spoiled`, each of them is under a record that opens to another key. */
async function fill(directory: string, spoiled = false): Promise<Filled> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const realm = await RotationRealm.open(directory)
  const filled = await fillRealm(realm, objectsEach)
  for (const scope of spoiled ? filled.scopes : []) await spoil(realm, scope)
  await realm.close()
  return { directory, ...filled }
}

async function spoil({ store, chain }: RotationRealm, scope: Filled['scopes'][number]): Promise<void> {
  const [tenant, system, service] = [scope.tenant, scope.system, scope.service].map((id) => Buffer.from(id, 'hex'))
  const place = { tenant: tenant!, system: system!, service: service! }
  const { active, byVersion } = await chain.serviceWrappingKeys(place)
  const keys = await chain.tenant(place.tenant)
  const rows = store.find('objects', place)
  const changes = rows.map((row): Change => {
    const other = generateSecret(32, 'object')
    const next = objectRows.reseal(chain.cluster, row, active!, other)
    other.wipe()
    return {
      table: 'objects',
      kind: 'update',
      row: { ...next, mac: keys.macRow('objects', next) },
      expectedVersion: row.row_version,
    }
  })
  await store.commit({ section: 'data', changes, audit: [] })
  wipeWrappingKeys({ byVersion })
}

async function materialOf(store: Store, chain: KeyChain, { scopes }: Filled, id: string): Promise<string> {
  const scope = scopes.find(({ objects }) => objects.includes(id))!
  const [tenant, system, service] = [scope.tenant, scope.system, scope.service].map((part) => Buffer.from(part, 'hex'))
  const place = { tenant: tenant!, system: system!, service: service! }
  const object = Buffer.from(id, 'hex')
  const keys = await chain.service(place)
  const row = await store.get('objects', { ...place, object })
  if (row === undefined) throw new KryptonError('item-not-found', 'what a client is told of an object without a row')
  keys.verifyRow('objects', row)
  const { object_type: objectType, algorithm, length_bits: lengthBits, blob_version: blobVersion } = row
  const context = { object, objectVersion: 1, objectType, algorithm, lengthBits, blobVersion }
  const secret = keys.openObject(context, row.key_version, row.record)
  const material = Buffer.alloc(secret.byteLength)
  secret.copyInto(material, 0)
  secret.wipe()
  return material.toString('hex')
}

/** Runs `use` over a connection that reads the files as they are now. */
async function reading<T>(directory: string, use: (store: Store) => Promise<T>): Promise<T> {
  const reader = new Reader(directory)
  // Its own `close` stays: a reader whose descriptors wait for the collector runs a campaign out of them.
  const store = Object.assign(reader as unknown as Omit<Store, 'versions' | 'commit'>, {
    versions: new VersionTable(),
    commit: async () => {
      throw new Error('nothing is written here')
    },
  })
  try {
    return await use(store)
  } finally {
    reader.close()
  }
}

/** An error that says so: one of ours, or SQLite's that its file is damaged. */
function isRefusal(error: unknown): boolean {
  return isKryptonError(error) || (error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR')
}

/** Flips in one store. */
const batch = 2_000
/** One flip in so many is there when the root is unsealed too. */
const unsealEvery = 10
const objectsEach = 8
const plantedFlips = 20
