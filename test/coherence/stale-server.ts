import { VersionSlot, VersionTable } from '../../src/store/version-table.ts'

/** What is wrong with a server on purpose. */
export const defects = ['objects-not-told', 'objects-told-late', 'trust-not-told'] as const
export type StaleDefect = (typeof defects)[number]

/**
 * Loaded into a whole server before its own code, by NODE_OPTIONS, to plant the defect that COHERENCE_DEFECT names: its threads go on with what
 * they remember. The server has no such switch of its own. Threads load it too.
 */
const plant: Readonly<Record<StaleDefect, (slot: number, bump: () => void) => void>> = {
  'objects-not-told': (slot, bump) => {
    if (slot >= VersionSlot.trust) bump()
  },
  'objects-told-late': (slot, bump) => {
    if (slot >= VersionSlot.trust) bump()
    else setTimeout(bump, 5)
  },
  'trust-not-told': (slot, bump) => {
    if (slot !== VersionSlot.trust) bump()
  },
}

const planted = process.env['COHERENCE_DEFECT']
if (planted !== undefined) {
  const tell = plant[planted as StaleDefect] // whoever starts the server names one of them
  // oxlint-disable-next-line typescript/unbound-method -- called with the table that it is a method of
  const bump = VersionTable.prototype.bump
  VersionTable.prototype.bump = function (slot) {
    tell(slot, () => bump.call(this, slot))
  }
}
