import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { insertObject, objectRow, unitOf } from './rows.ts'

/** A process that has a store with one object, until it is killed. */
const onFatal = (error: Error) => {
  throw error
}
const store = await openSqliteStore({ directory: process.argv[2]!, onFatal })
await store.commit(unitOf(insertObject(objectRow(1))))
console.log('ready')
setInterval(() => {}, 60_000)
