import { isKryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Values } from '../store/row-key.ts'
import type { KeyOf, Row, TableName } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { KeyChain } from './key-chain.ts'
import { keyOfRow } from './row-place.ts'
import { rowOwner } from './row-owner.ts'

/** The rows of a table whose MAC does not fit them, by their primary key, each with the MAC that would. Whether a row was ever written so, its MAC alone does not tell: a digest does. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it ties the rows and keys below to one table
export async function damagedMacs<T extends TableName>(store: Store, chain: KeyChain, table: T): Promise<Values[]> {
  const found: Values[] = []
  let after: KeyOf<T> | undefined
  for (;;) {
    const rows: Row<T>[] = await store.scan(table, after, limits.jobBatchRows)
    for (const row of rows) {
      const mac = await fittingMac(chain, table, row)
      if (mac !== undefined) found.push({ ...keyOfRow(table, row), mac })
      if (found.length > limits.changedRowsNamedMax) return []
    }
    const last = rows.at(-1)
    if (last === undefined) return found
    after = keyOfRow(table, last)
  }
}

/** The MAC that a row should have, where it has another; undefined also where its owner's keys do not open. */
async function fittingMac<T extends TableName>(chain: KeyChain, table: T, row: Row<T>): Promise<Buffer | undefined> {
  try {
    const owner = rowOwner(table, row)
    const keys = owner === undefined ? chain.system() : await chain.tenant(owner)
    try {
      keys.verifyRow(table, row)
      return undefined
    } catch (error) {
      if (!isKryptonError(error, 'row-mac-mismatch')) throw error
      const { mac: _, ...rest } = row
      return keys.macRow(table, rest)
    }
  } catch (error) {
    // What is wrong with its owner's keys has a fault of its own.
    if (isKryptonError(error)) return undefined
    throw error
  }
}
