import { KryptonError } from '../errors.ts'
import { type ChangeableTable, tableNames } from '../store/schema.ts'
import type { SetDifference } from '../store/set-digest.ts'
import type { KeptSets } from '../store/store.ts'

/** Every table whose rows are digested together: all that units change. */
export const setTables: readonly ChangeableTable[] = [...tableNames, 'object_index']

/** Those that say how a system hangs on its tenant's own key: looked at before a lease begins or goes on. */
export const linkSetTables: readonly ChangeableTable[] = ['l1_links', 'linked_keys']

/** Those that say who is trusted, what a key is and what is done: few rows, which are looked at more often than a round of the scrubber comes by. */
export const smallSetTables: readonly ChangeableTable[] = setTables.filter(
  (table) => table !== 'objects' && table !== 'object_index' && table !== 'nonce_counts',
)

/** What is wrong with these tables, in words: a row was removed, added, or an older one put back. `pause` as in `compareSet`. */
export async function lookAtSets(
  sets: KeptSets,
  tables: readonly ChangeableTable[],
  pause: (rows: number) => Promise<void>,
): Promise<KryptonError[]> {
  const faults: KryptonError[] = []
  for (const table of tables) {
    const difference = await sets.compareSet(table, pause)
    if (difference !== undefined) faults.push(faultOf(difference))
  }
  return faults
}

function faultOf({ table, kept, found }: SetDifference): KryptonError {
  const what =
    found < kept
      ? `${kept - found} rows of table ${table} were removed`
      : found > kept
        ? `${found - kept} rows of table ${table} were added`
        : `a row of table ${table} is an older one, or another one in its place`
  return new KryptonError('row-mac-mismatch', `${what}: the store was changed from outside, restore it from a backup`)
}
