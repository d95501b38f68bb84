import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Vectors of others: `KRYPTON_SHARED`, or `shared` beside the checkout. Undefined, with a line that says so, when absent. */
export function vectorsFolder(): string | undefined {
  const folder = join(process.env['KRYPTON_SHARED'] ?? join(import.meta.dirname, '../../../shared'), 'vectors')
  if (existsSync(folder)) return folder
  process.stderr.write(`vectors are absent (${folder}): tests over published vectors are skipped; set KRYPTON_SHARED\n`)
  return undefined
}

/** A group of tests in a file of Wycheproof, its own fields beside. */
export interface WycheproofGroup {
  readonly tests: readonly WycheproofTest[]
  readonly [field: string]: unknown
}
export interface WycheproofTest {
  readonly tcId: number
  readonly comment: string
  readonly result: 'valid' | 'acceptable' | 'invalid'
  readonly flags: readonly string[]
  readonly [field: string]: unknown
}

/** Reads a file of Wycheproof. */
export function wycheproof(folder: string, name: string): readonly WycheproofGroup[] {
  const file: { testGroups: WycheproofGroup[] } = JSON.parse(
    readFileSync(join(folder, 'wycheproof', `${name}_test.json`), 'utf8'),
  )
  return file.testGroups
}

/** The bytes of a field in hexadecimal. */
export function bytesOf(test: WycheproofTest, field: string): Buffer {
  return Buffer.from(String(test[field]), 'hex')
}
