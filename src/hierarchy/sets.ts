import { setImmediate } from 'node:timers/promises'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { type ChangeableTable, tableNames, tableOf } from '../store/schema.ts'
import { type SetDifference, tablesOfMany } from '../store/set-digest.ts'
import type { KeptSets } from '../store/store.ts'
import { setDigestKeys } from './integrity-key.ts'
import type { RootKeys } from './root-keys.ts'
import { identify } from './row-mac.ts'

/** Every table whose rows are digested together: all that units change. */
export const setTables: readonly ChangeableTable[] = [...tableNames, 'object_index']

/** Those that say who is trusted, what a key is and what is done: few rows, which are looked at more often than a round of the scrubber comes by. */
export const smallSetTables: readonly ChangeableTable[] = setTables.filter((table) => !tablesOfMany.has(table))

/** Those that say how a system hangs on its tenant's own key, and on which keys besides: of one tenant, they are looked at before a lease begins or goes on. */
const linkSetTables: readonly ChangeableTable[] = ['l1_links', 'linked_keys', 'tenant_keys', 'service_keys']

/** How these tables differ from what was written: a row was removed, added, or an older one put back. `pause` as in `compareSet`. */
export async function differencesOf(
  sets: KeptSets,
  tables: readonly ChangeableTable[],
  pause: (rows: number) => Promise<void>,
): Promise<SetDifference[]> {
  const differences: SetDifference[] = []
  for (const table of tables) {
    const difference = await sets.compareSet(table, pause)
    if (difference !== undefined) differences.push(difference)
  }
  return differences
}

/**
 * Puts the digests of all rows under the system integrity key that is active now, once every table of theirs was found as it was kept. Done again after a crash, it begins anew with what is under another one yet. `pause` as in `compareSet`.
 * @throws KryptonError row-mac-mismatch: a table is not as it was written; its section stays under the key that it is under
 */
export async function renewSets(
  sets: KeptSets,
  root: Pick<RootKeys, 'cluster' | 'systemIntegrityKeys'>,
  pause: (rows: number) => Promise<void>,
): Promise<void> {
  const keys = setDigestKeys(root)
  try {
    const sections = await sets.prepareSets(keys[0])
    const tables = setTables.filter((table) => sections.includes(tableOf(table).section))
    const [difference] = await differencesOf(sets, tables, pause)
    if (difference !== undefined) throw faultOf(difference)
    await sets.turnSets(sections)
  } finally {
    for (const { secret } of keys) secret.wipe()
  }
}

/**
 * Says that the rows of a tenant's links and keys are those that were written, at the cost of these rows alone; of a table of too many rows to be known one by one, all rows together are.
 * @throws KryptonError rows-changed: they are not
 */
export async function checkLinkRows(sets: KeptSets, tenant: Buffer): Promise<void> {
  for (const { table, rows } of await sets.compareOwned(linkSetTables, { tenant })) {
    if (rows === undefined && (await sets.compareSet(table, () => setImmediate())) === undefined) continue
    const what = rows === undefined ? 'the rows' : namesOf(table, rows)
    throw new KryptonError(
      'rows-changed',
      `${what} of table ${table} are not those that were written: krypton changed-rows list says more`,
    )
  }
}

/** What is wrong with a table, in words. */
export function faultOf({ table, kept, found, rows }: SetDifference): KryptonError {
  const what =
    found < kept
      ? `${kept - found} rows of table ${table} were removed`
      : found > kept
        ? `${found - kept} rows of table ${table} were added`
        : `a row of table ${table} is an older one, or another one in its place`
  const which = rows === undefined ? '' : ` (${namesOf(table, rows)})`
  return new KryptonError(
    'row-mac-mismatch',
    `${what}${which}: the store was changed from outside, restore it from a backup`,
  )
}

/** Rows by their primary keys, the first of them. */
function namesOf(table: ChangeableTable, rows: NonNullable<SetDifference['rows']>): string {
  const names = rows.slice(0, limits.changedRowsShownMax).map((row) => identify(table, row))
  const more = rows.length - names.length
  return more === 0 ? names.join('; ') : `${names.join('; ')} and ${more} more`
}
