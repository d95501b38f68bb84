import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Writes src/kmip/tags.ts and src/kmip/enums.ts from the tables beside this file (KMIP 1.0 to 1.4, section 9.1.3).
 * `node scripts/generate-kmip.ts` writes, `--check` fails when the files are not what the tables say.
 */

interface Entry {
  readonly name: string
  readonly value: string
  readonly since: string
  readonly identifier?: string
}

const banner =
  '// Written by scripts/generate-kmip.ts from scripts/kmip-tables. Change the tables, then run `npm run generate`.\n'

export function generate(): { readonly path: URL; readonly text: string }[] {
  return [
    { path: new URL('../src/kmip/tags.ts', import.meta.url), text: tagsModule(table('tags.json') as Entry[]) },
    {
      path: new URL('../src/kmip/enums.ts', import.meta.url),
      text: enumsModule(
        table('enumerations.json') as Record<string, Entry[]>,
        table('masks.json') as Record<string, Entry[]>,
      ),
    },
  ]
}

function tagsModule(tags: Entry[]): string {
  const lines = [banner, '/** Item Tags of KMIP 1.0 to 1.4 (9.1.3.1). */', 'export const Tag = {']
  for (const tag of tags) lines.push(`  ${identifierOf(tag)}: 0x${tag.value.toLowerCase()},`)
  lines.push('} as const', 'export type Tag = (typeof Tag)[keyof typeof Tag]', '')
  lines.push("/** The specification's name of each tag and the version it came with. */")
  lines.push(
    'export const tagTable: ReadonlyMap<number, { readonly name: string; readonly since: number }> = new Map([',
  )
  for (const tag of tags)
    lines.push(`  [0x${tag.value.toLowerCase()}, { name: ${quote(tag.name)}, since: ${versionOf(tag)} }],`)
  lines.push('])', '')
  return lines.join('\n')
}

function enumsModule(enumerations: Record<string, Entry[]>, masks: Record<string, Entry[]>): string {
  const lines = [banner]
  const names: string[] = []
  for (const [name, values] of [...Object.entries(enumerations), ...Object.entries(masks)]) {
    const type = pascalCase(name)
    names.push(type)
    lines.push(`/** ${name} (9.1.3.${name in masks ? '3' : '2'}). */`)
    lines.push(values.length === 0 ? `export const ${type} = {} as const` : `export const ${type} = {`)
    for (const value of values) lines.push(`  ${identifierOf(value)}: 0x${value.value.toLowerCase()},`)
    if (values.length > 0) lines.push('} as const')
    lines.push(
      values.length === 0
        ? `export type ${type} = number`
        : `export type ${type} = (typeof ${type})[keyof typeof ${type}]`,
      '',
    )
  }
  lines.push("/** Each enumeration and mask: the specification's name of each value and the version it came with. */")
  lines.push('export const enumTables = {')
  for (const [name, values] of [...Object.entries(enumerations), ...Object.entries(masks)]) {
    lines.push(`  ${pascalCase(name)}: new Map<number, { readonly name: string; readonly since: number }>([`)
    for (const value of values)
      lines.push(`    [0x${value.value.toLowerCase()}, { name: ${quote(value.name)}, since: ${versionOf(value)} }],`)
    lines.push('  ]),')
  }
  lines.push('} as const', 'export type EnumName = keyof typeof enumTables', '')
  return lines.join('\n')
}

function table(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`kmip-tables/${name}`, import.meta.url), 'utf8'))
}

function identifierOf(entry: Entry): string {
  return entry.identifier ?? pascalCase(entry.name)
}

/** "PKCS1 v1.5" -> PKCS1V1_5: words joined, a digit kept apart from a digit. */
function pascalCase(name: string): string {
  let joined = ''
  for (const word of name.split(/[^A-Za-z0-9]+/)) {
    if (word === '') continue
    if (/\d$/.test(joined) && /^\d/.test(word)) joined += '_'
    joined += word.charAt(0).toUpperCase() + word.slice(1)
  }
  return joined
}

/** "1.3" -> 13. */
function versionOf(entry: Entry): number {
  return Number(entry.since.replace('.', ''))
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`
}

if (import.meta.main) {
  for (const { path, text } of generate()) {
    if (!process.argv.includes('--check')) writeFileSync(path, text)
    else if (readFileSync(path, 'utf8') !== text)
      throw new Error(`${path.pathname} is not what the tables say; run: npm run generate`)
  }
}
