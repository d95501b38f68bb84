import crypto from 'node:crypto'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sectionPath } from '../../../src/store/sqlite/section-file.ts'

/**
 * `node key-oracle.ts <instance> <workspace> <result.json>`: opens a copy of the instance's store with the server's own code and the seal's key,
 * and writes down every key that is made into one of node:crypto on the way: the root, the hierarchy, what is derived, the keys of
 * records. A process of its own: the server under scan has no such door.
 */
export interface OracleKey {
  readonly name: string
  /** In hex. */
  readonly bytes: string
}

const [, , instance = '', workspace = '', resultFile = ''] = process.argv
process.env['KRYPTON_NATIVE'] = 'off'

/** The innermost first. */
const makers: readonly (readonly [string, string])[] = [
  ['xaesKeyObject', 'key of a record'],
  ['keyCommitment', 'commitment key'],
  ['gcmKey', 'key of a record'],
  ['readKeyFile', 'key of the seal'],
  ['unwrap', "key of the seal's blob"],
  ['deriveMasterKeys', 'derived from the MasterKey'],
  ['deriveByVersion', 'derived from an integrity key'],
  ['openIntegrityKeys', 'integrity key'],
  ['openIvks', 'IVK'],
  ['openWrappingKeys', 'L2 or L3'],
  ['openSeal', 'MasterKey'],
]

/** By their bytes: many are made more than once. */
const seen = new Map<string, string>()
const { createSecretKey } = crypto
// Taken over before any module of the server is loaded.
crypto.createSecretKey = ((key: Buffer) => {
  const name = nameOf(new Error('here').stack ?? '')
  if (name !== undefined) seen.set(Buffer.from(key).toString('hex'), name)
  return createSecretKey(key)
}) as typeof createSecretKey
syncBuiltinESMExports()

const { loadConfig } = await import('../../../src/config.ts')
const { systemClock } = await import('../../../src/clock.ts')
const { openStaticKey } = await import('../../../src/external-keys/static.ts')
const { KeyChain } = await import('../../../src/hierarchy/key-chain.ts')
const { objectOf, recordContext } = await import('../../../src/keystore/object-record.ts')
const { unseal } = await import('../../../src/seal/seal.ts')
const { openSqliteStore } = await import('../../../src/store/sqlite/sqlite-store.ts')

const { config } = await loadConfig({ file: join(instance, 'krypton.yaml') })
const directory = join(workspace, 'data')
copyStore(config.store.directory)
const keyFile = join(workspace, 'seal.key')
cpSync(config.seal.keyFile, keyFile)
const store = await openSqliteStore({
  directory,
  onFatal: (error) => {
    throw error
  },
})
const keyChain = new KeyChain(
  store,
  await unseal(store, openStaticKey({ file: keyFile, dataDirectory: directory }), { production: false }),
  systemClock,
)
for (const { tenant, system, service } of store.find('service_keys', {})) {
  const keys = await keyChain.service({ tenant, system, service })
  for (const row of store.find('objects', { tenant, system, service })) {
    const object = objectOf(row)
    if (row.record.byteLength > 0) keys.openObject(recordContext(object), row.key_version, row.record).wipe()
  }
}
await store.close()
writeFileSync(resultFile, JSON.stringify([...seen].map(([bytes, name]): OracleKey => ({ name, bytes }))))

/** The databases as they are while the server runs on them: readers need no right from it. */
function copyStore(from: string): void {
  mkdirSync(directory, { recursive: true })
  for (const section of ['keys', 'data'] as const) {
    const database = new DatabaseSync(sectionPath(from, section), { readOnly: true })
    database.prepare('VACUUM INTO ?').run(sectionPath(directory, section))
    database.close()
  }
}

/** What a key is by who makes it; undefined for the fixed keys of the self-test. */
function nameOf(stack: string): string | undefined {
  const calls = (name: string): boolean => stack.includes(`at ${name} `) || stack.includes(`.${name} `)
  if (calls('selfTest')) return undefined
  return makers.find(([maker]) => calls(maker))?.[1] ?? 'key'
}
