import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'

/** Sources by path relative to the root of the checkout, with `/`. */
export type SourceTree = ReadonlyMap<string, string>

/** One import of one file by another, both as paths of the tree. Dynamic and type imports count like any other. */
export interface Import {
  readonly from: string
  readonly to: string
}

/** Root of the checkout. */
export const root = join(import.meta.dirname, '../..')

/** All TypeScript files below `folder`. */
export function readSources(folder: string): SourceTree {
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  return new Map(
    files
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .toSorted()
      .map((path) => [path, readFileSync(join(root, path), 'utf8')]),
  )
}

/** Every import between files of the tree: static, type-only, re-export, dynamic, and files named by `new URL(…, import.meta.url)`. */
export function importsOf(tree: SourceTree): Import[] {
  return [...tree].flatMap(([from, text]) =>
    specifiers(withoutComments(text))
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => ({ from, to: posix.join(dirname(from), specifier) })),
  )
}

/** What a text imports, by whatever form. */
function specifiers(text: string): string[] {
  const forms = [
    /\b(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\bimport\s*\(\s*['"`]([^'"`]+)['"`]/g,
    /\bnew URL\(\s*['"]([^'"]+\.ts)['"]\s*,\s*import\.meta\.url/g,
    /\bimport\.meta\.resolve\(\s*['"]([^'"]+)['"]/g,
  ]
  const found = forms.flatMap((form) => [...text.matchAll(form)].map((match) => match[1] ?? ''))
  // A worker's file ends like the file that starts it: .ts in a checkout, .js when compiled.
  const workers = text.matchAll(/\bnew URL\(\s*`([^`$]+)\$\{extname\(import\.meta\.url\)\}`/g)
  return [...found, ...[...workers].map((match) => `${match[1]}.ts`)]
}

/** Comments blanked: an import in an example of a comment is none. Line comments only where the line starts with one. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
}
