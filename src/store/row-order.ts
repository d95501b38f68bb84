import type { Values } from './row-key.ts'

/** Compares two rows by these columns, in the order in which SQLite keeps them: text by its UTF-8 bytes, not by locale. */
export function compareKeys(columns: readonly string[], a: Values, b: Values): number {
  for (const column of columns) {
    const order = compareValues(a[column], b[column])
    if (order !== 0) return order
  }
  return 0
}

function compareValues(a: unknown, b: unknown): number {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))
}
