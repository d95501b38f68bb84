import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Writes src/kmip/tags.ts and src/kmip/enums.ts from the tables beside this file (KMIP 1.0 to 1.4, section 9.1.3), and docs/kmip.md from
 * what the server runs by.
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
  const all = [...Object.entries(enumerations), ...Object.entries(masks)]
  for (const [name, values] of all) {
    const type = pascalCase(name)
    const union = values.length === 0 ? 'number' : `(typeof ${type})[keyof typeof ${type}]`
    const line = `export type ${type} = ${union}`
    lines.push(`/** ${name} (9.1.3.${name in masks ? '3' : '2'}). */`)
    lines.push(
      `export const ${type} = ${block(
        '{',
        values.map((one) => `  ${identifierOf(one)}: 0x${one.value.toLowerCase()},`),
        '}',
      )} as const`,
    )
    // as the formatter breaks it
    lines.push(line.length <= 120 ? line : `export type ${type} =\n  ${union}`, '')
  }
  lines.push("/** Each enumeration and mask: the specification's name of each value and the version it came with. */")
  lines.push('export const enumTables = {')
  for (const [name, values] of all) {
    const rows = values.map(
      (one) => `    [0x${one.value.toLowerCase()}, { name: ${quote(one.name)}, since: ${versionOf(one)} }],`,
    )
    lines.push(
      `  ${pascalCase(name)}: new Map<number, { readonly name: string; readonly since: number }>(${block('[', rows, '  ]')}),`,
    )
  }
  lines.push('} as const', 'export type EnumName = keyof typeof enumTables', '')
  return lines.join('\n')
}

function block(open: string, lines: readonly string[], close: string): string {
  return lines.length === 0 ? open + close.trim() : [open, ...lines, close].join('\n')
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

function put(path: URL, text: string): void {
  if (!process.argv.includes('--check')) writeFileSync(path, text)
  else if (readFileSync(path, 'utf8') !== text)
    throw new Error(`${path.pathname} is not what the tables say; run: npm run generate`)
}

if (import.meta.main) {
  for (const { path, text } of generate()) put(path, text)
  // only now, since the page is made of the modules that were just written
  const { kmipPage, pagePath } = await import('./kmip-page.ts')
  put(pagePath, kmipPage())
}
