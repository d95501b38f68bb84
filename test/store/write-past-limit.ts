import { isKryptonError, type KryptonError } from '../../src/errors.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { insertObject, objectRow, unitOf } from './rows.ts'

/** Writes until the kernel refuses, then once more, and prints what the store said; closes the store. It may not even open. */
process.on('SIGXFSZ', () => {})
const told = { fatal: 0 }
const store = await openSqliteStore({ directory: process.argv[2]!, onFatal: () => told.fatal++ }).catch(
  (error: KryptonError) => {
    console.log(JSON.stringify({ code: error.code, message: error.message }))
    process.exit()
  },
)
const codeOf = (error: unknown) => (isKryptonError(error) ? error.code : String(error))
const waiting = new Set<string>()
let written = 0
for (let n = 0; waiting.size === 0; n += 20) {
  const units = Array.from({ length: 20 }, (_, at) => store.commit(unitOf(insertObject(objectRow(n + at)))))
  for (const outcome of await Promise.allSettled(units)) {
    if (outcome.status === 'rejected') waiting.add(codeOf(outcome.reason))
    else written++
  }
}
const after = await store.commit(unitOf(insertObject(objectRow(-1)))).then(() => 'durable', codeOf)
while (told.fatal === 0) await new Promise((resolve) => setTimeout(resolve, 5))
console.log(JSON.stringify({ ...told, waiting: [...waiting], after, written, trouble: store.trouble() }))
await store.close()
