import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Canary, Pattern } from './canary.ts'
import { patternsOf, plainNumbers } from './canary.ts'

/** Something that left the server and where it was. */
export interface Evidence {
  readonly where: string
  readonly bytes: Buffer
}

/** A canary in a place where it must not be. */
export interface Hit {
  readonly canary: string
  readonly form: string
  readonly where: string
  readonly offset: number
}

/** Every canary in every piece of evidence; the first place of each form counts. */
export function search(canaries: readonly Canary[], evidence: readonly Evidence[]): Hit[] {
  const patterns = canaries.flatMap(patternsOf)
  return evidence.flatMap(({ where, bytes }) =>
    [bytes, plainNumbers(bytes)].flatMap((haystack) => patterns.flatMap((pattern) => hitOf(pattern, where, haystack))),
  )
}

function hitOf({ canary, form, bytes }: Pattern, where: string, haystack: Buffer): Hit[] {
  const offset = haystack.indexOf(bytes)
  return offset < 0 ? [] : [{ canary, form, where, offset }]
}

/** All regular files below `directory` but for those named: the ones whose content is the secret itself. */
export function filesBelow(directory: string, except: ReadonlySet<string>): Evidence[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const where = join(directory, entry.name)
    if (entry.isDirectory()) return filesBelow(where, except)
    return entry.isFile() && !except.has(entry.name) ? [{ where, bytes: readFileSync(where) }] : []
  })
}
