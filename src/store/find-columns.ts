import { type TableName, tableOf } from './schema.ts'

/**
 * The columns that a `find` asks for, in the table's order. Throws when no primary key and no index begins with exactly those: such a
 * search would read the whole table, which is a mistake of the caller.
 */
export function findColumns(table: TableName, where: object): readonly string[] {
  const { columns, key, indexes } = tableOf(table)
  const asked = Object.keys(where)
  const orders = [
    key,
    ...Object.values(indexes)
      .filter((index) => index.where === undefined)
      .map((index) => index.columns),
  ]
  const served = orders.some(
    (order) => asked.length <= order.length && order.slice(0, asked.length).every((column) => asked.includes(column)),
  )
  if (!served) throw new TypeError(`no index of table ${table} begins with ${asked.join(', ')}`)
  return Object.keys(columns).filter((column) => asked.includes(column))
}
