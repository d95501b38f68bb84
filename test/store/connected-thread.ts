import { parentPort, workerData } from 'node:worker_threads'
import { connectSqliteStore, type StoreConnection } from '../../src/store/sqlite/sqlite-store.ts'
import { insertObject, objectRow, scopeOf, unitOf } from './rows.ts'

/** Commits an object and says how many it finds. */
const connection: StoreConnection = workerData
const store = connectSqliteStore(connection)
const row = objectRow(5)
const slot = store.versions.slotOf(row.object)
const before = store.versions.read(slot)
await store.commit(unitOf(insertObject(row)))
const found = await store.locate({ ...scopeOf(), now: 0, limit: 10 })
parentPort!.postMessage({ found: found.length, moved: store.versions.read(slot) !== before })
await store.close()
