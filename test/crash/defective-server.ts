import { DatabaseSync } from 'node:sqlite'
import type { Unit } from '../../src/store/store.ts'
import { UnitSender } from '../../src/store/sqlite/unit-sender.ts'
import type { Defect } from './victim.ts'

/**
 * Loaded into a whole server before its own code, by NODE_OPTIONS, to plant the defect that CRASH_DEFECT names: the server has no such
 * switch of its own. Threads load it too.
 */
const plant: Readonly<Record<Defect, () => void>> = {
  'acknowledges-early': () =>
    replaceSend((send) => async (unit) => {
      // a refusal comes too late for anybody to hear of it
      setTimeout(() => void send(unit).catch(() => undefined), 20)
    }),
  'writes-in-two': () =>
    replaceSend((send) => async (unit) => {
      const derived = unit.changes.filter(({ table }) => table === 'object_index')
      const own = unit.changes.filter(({ table }) => table !== 'object_index')
      await send({ ...unit, changes: own })
      if (derived.length > 0) await send({ ...unit, changes: derived, audit: [] })
    }),
  'does-not-sync': () => {
    // oxlint-disable-next-line typescript/unbound-method -- called with the database that it is a method of
    const exec = DatabaseSync.prototype.exec
    DatabaseSync.prototype.exec = function (sql: string) {
      exec.call(this, sql.replace('synchronous = FULL', 'synchronous = OFF'))
    }
  },
}
plant[process.env['CRASH_DEFECT'] as Defect]()

type Send = (unit: Unit) => Promise<void>

function replaceSend(defective: (send: Send) => Send): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with the sender that it is a method of
  const send = UnitSender.prototype.send
  UnitSender.prototype.send = function (unit) {
    return defective((whole) => send.call(this, whole))(unit)
  }
}
