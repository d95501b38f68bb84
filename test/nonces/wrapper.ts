import { appendFileSync } from 'node:fs'
import { once } from 'node:events'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/clock.ts'
import { Suite } from '../../src/crypto/aead.ts'
import { randomIdentifier } from '../../src/crypto/random.ts'
import { isKryptonError } from '../../src/errors.ts'
import {
  createTenantKeys,
  exportRootKeys,
  importRootKeys,
  KeyChain,
  type RootKeys,
  type TransferableRootKeys,
} from '../../src/hierarchy/key-chain.ts'
import { connectSqliteStore, type StoreConnection } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { RotationRealm } from '../rotations/realm.ts'
import { plant } from './defects.ts'
import { lowerLimits } from './lowered-limits.ts'

/*
 * node wrapper.ts DIRECTORY LOG THREADS [DEFECT]: in several threads, makes tenants until nothing more may be wrapped under the IVK, and writes into LOG under which key and with what nonce each record was
 * sealed, before that is committed. It says 'wrapping' when the first is, and ends well when every thread was refused.
 */
interface Wrapping {
  readonly log: string
  readonly defect: string | undefined
}
interface OfThread extends Wrapping {
  readonly connection: StoreConnection
  readonly root: TransferableRootKeys
}

if (isMainThread) {
  const [directory, log, threads, defect] = process.argv.slice(2)
  const wrapping = { log: log!, defect }
  const realm = await RotationRealm.open(directory!)
  const { store } = realm
  const { root } = realm.chain
  const workers = Array.from({ length: Number(threads) - 1 }, () => {
    const connection = store.connect()
    const data: OfThread = { ...wrapping, connection, root: exportRootKeys(root) }
    return new Worker(import.meta.filename, { workerData: data, transferList: [connection.port] })
  })
  const ends = workers.map((worker) => once(worker, 'exit'))
  await wrapUntilRefused(store, root, wrapping)
  for (const end of ends) if ((await end)[0] !== 0) throw new Error('a thread ended with a fault')
  await realm.close()
} else {
  // What the main thread has put there.
  const { connection, root, ...wrapping } = workerData as OfThread
  const store = connectSqliteStore(connection)
  await wrapUntilRefused(store, importRootKeys(root), wrapping)
  await store.close()
}

async function wrapUntilRefused(store: Store, root: RootKeys, { log, defect }: Wrapping): Promise<void> {
  lowerLimits()
  plant(defect)
  const chain = new KeyChain(store, root, systemClock)
  const newScope = () => ({ tenant: randomIdentifier(), system: randomIdentifier(), service: randomIdentifier() })
  for (;;) {
    try {
      const unit = await createTenantKeys(chain, newScope(), 'system')
      for (const change of unit.changes) {
        if (!('row' in change) || !('record' in change.row)) continue
        // The record's header: suite, then the key that wraps it; its nonce is 12 bytes in this suite (docs/formats.md).
        const { record } = change.row
        if (record[5] === Suite.Aes256Gcm)
          appendFileSync(log, Buffer.concat([record.subarray(8, 24), record.subarray(28, 40)]))
      }
      await store.commit(unit)
      process.stdout.write('wrapping\n')
    } catch (error) {
      if (isKryptonError(error, 'wrong-key-lifecycle-state')) return
      throw error
    }
  }
}
