import type { IndexValue } from '../objects/index-values.ts'
import { indexValuesOf } from '../objects/index-values.ts'
import type { Row } from '../store/schema.ts'
import { objectOf } from './object-record.ts'

/** What of an object stands in the index, from its row, whose MAC was verified. */
export function indexedValuesOfRow(row: Row<'objects'>): IndexValue[] {
  return [...indexValuesOf(objectOf(row)).values()]
}
