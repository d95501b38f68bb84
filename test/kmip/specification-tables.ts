import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { versionText } from '../../src/kmip/version.ts'
import type { KmipVersion } from '../../src/kmip/version.ts'

/** The rows of one table of rules, by their first cell. */
export type AttributeRules = Readonly<Record<string, string>>

/** The tables "Attribute Rules" of section 3 of a version's specification, by the name of the attribute. The first, which explains the others, is left out. */
export function attributeRules(shared: string, version: KmipVersion): ReadonlyMap<string, AttributeRules> {
  const tables = new Map<string, Record<string, string>>()
  let isInside = false
  let section = ''
  let rows: Record<string, string> | undefined
  for (const line of specification(shared, version).split('\n')) {
    const [, marks, heading] = /^(#+) (.*)$/u.exec(line) ?? []
    if (marks === '#') isInside = heading === '3 Attributes'
    if (heading !== undefined) section = heading.replace(/^[\d.]+ /u, '').trim()
    if (!isInside) continue
    const [, first, second] = /^\|(.*)\|(.*)\|\s*$/u.exec(line) ?? []
    if (first === undefined || second === undefined) {
      rows = undefined
      continue
    }
    if (/^shall always have a value$/iu.test(first.trim())) {
      rows = {}
      tables.set(section, rows)
    }
    if (rows !== undefined && !first.startsWith('---')) rows[first.trim().toLowerCase()] = second.trim()
  }
  tables.delete('Attributes')
  return tables
}

function specification(shared: string, version: KmipVersion): string {
  return readFileSync(join(shared, 'spec', `kmip-spec-${versionText(version)}.md`), 'utf8')
}

/** One row of a table of section 11. */
export interface ErrorRow {
  readonly condition: string
  readonly reason: string
}

/** The tables of section 11, "Error Handling", by the name of the operation. */
export function errorTables(shared: string, version: KmipVersion): ReadonlyMap<string, readonly ErrorRow[]> {
  const tables = new Map<string, ErrorRow[]>()
  let section = ''
  for (const line of specification(shared, version).split('\n')) {
    const [, heading] = /^#+ (.*)$/u.exec(line) ?? []
    if (heading !== undefined) section = heading
    const [, operation] = /^11\.\d+ (.*)$/u.exec(section) ?? []
    const cells = line.split('|').map((cell) => cell.trim())
    if (operation === undefined || cells.length !== 5 || /^(?:-+|Error Definition)$/u.test(cells[1]!)) continue
    const rows = tables.get(operation) ?? []
    rows.push({ condition: cells[1]!, reason: cells[3]! })
    tables.set(operation, rows)
  }
  return tables
}
