import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { circleOf, compositionRoots, importFault, leaves, mayImport, unitOf } from './support/import-rule.ts'
import { importsOf, readSources, root, withoutComments, type SourceTree } from './support/source-tree.ts'

const sources = readSources('src')
const imports = importsOf(sources)

describe('the import rule', () => {
  it('finds a planted violation, in every form of an import', () => {
    const planted = (text: string, from = 'src/ttlv/planted.ts'): string[] =>
      importsOf(new Map([[from, text]])).flatMap((found) => importFault(found) ?? [])
    const forms = [
      "import { x } from '../kmip/tags.ts'",
      "import type { X } from '../kmip/tags.ts'",
      "import {\n  type X,\n  y,\n} from '../kmip/tags.ts'",
      "import * as tags from '../kmip/tags.ts'",
      "import '../kmip/tags.ts'",
      "export { x } from '../kmip/tags.ts'",
      "export type * from '../kmip/tags.ts'",
      "const tags = await import('../kmip/tags.ts')",
      "type X = import('../kmip/tags.ts').X",
      "new Worker(new URL('../kmip/tags.ts', import.meta.url))",
      'new Worker(new URL(`../kmip/tags${extname(import.meta.url)}`, import.meta.url))',
    ]
    for (const form of forms) expect([form, planted(form)]).toEqual([form, [expect.stringMatching(/ttlv may import/)]])
    expect(planted("// import '../kmip/tags.ts'\n/* import '../kmip/tags.ts' */")).toEqual([])
    expect(planted("import '../errors.ts'\nimport './reader.ts'")).toEqual([])
    expect(planted("import '../../ttlv/dump.ts'", 'src/cli/commands/decode.ts')).toEqual([])
    expect(planted("import '../../ttlv/dump.ts'", 'src/cli/commands/status.ts')).toHaveLength(1)
    expect(planted("import '../admin/http-server.ts'", 'src/cli/planted.ts')).toHaveLength(1)
    expect(planted("import './krypton.ts'", 'src/errors.ts')).toHaveLength(1)
  })

  it('holds for every import in src/', () => {
    expect(imports.flatMap((found) => importFault(found) ?? [])).toEqual([])
  })

  it('knows every folder and every file directly in src/', () => {
    const known = new Set([...Object.keys(mayImport), ...leaves, ...[...compositionRoots].map(unitOf)])
    expect([...sources.keys()].filter((path) => !known.has(unitOf(path)))).toEqual([])
  })

  it('leads to files that exist', () => {
    const missing = imports.filter(({ to }) => !existsSync(join(root, to)))
    expect(missing).toEqual([])
  })
})

describe('folders', () => {
  it('would be found in a circle', () => {
    const circle = importsOf(
      new Map([
        ['src/a/a.ts', "import '../b/b.ts'"],
        ['src/b/b.ts', "import '../c/c.ts'"],
        ['src/c/c.ts', "import '../a/a.ts'"],
      ]),
    )
    expect(circleOf(circle)).toEqual(['a', 'b', 'c', 'a'])
  })

  it('import each other in no circle', () => {
    expect(circleOf(imports)).toBeUndefined()
  })

  it('and files are named after what they hold, not utils, common, helpers, types', () => {
    const empty = /(^|\/)(utils?|common|helpers?|types)(\/|\.ts$)/
    const everything = [...sources.keys(), ...readSources('test').keys(), ...readSources('bench').keys()]
    expect(empty.test('src/kmip/utils.ts') && empty.test('src/common/x.ts')).toBe(true)
    expect(everything.filter((path) => empty.test(path))).toEqual([])
  })
})

describe('sources', () => {
  it('are all reached from the command line', () => {
    // The memory store is what the contract suite holds SQLite against, and what other folders' tests run on.
    // What the core does for a node that has no keys above its objects is asked for by that node alone.
    const starts = ['src/cli/main.ts', 'src/store/memory.ts', 'src/hierarchy/object-wrapping.ts']
    expect(unreached(new Map([...sources, ['src/ttlv/planted.ts', '']]), starts)).toContain('src/ttlv/planted.ts')
    expect(unreached(sources, starts)).toEqual([])
  })

  it('have no leftovers', () => {
    const leftovers = /\b(?:describe|it|test|bench)\.only\b|\b(?:TO\s?DO|FIX\s?ME|XXX|HACK)\b|\bdebugger\b/
    expect(leftovers.test('it.only(') && leftovers.test('// TODO later')).toBe(true)
    const everything = [...sources, ...readSources('test'), ...readSources('bench'), ...readSources('scripts')]
    const found = everything.filter(([path, text]) => path !== 'test/architecture.test.ts' && leftovers.test(text))
    expect(found.map(([path]) => path)).toEqual([])
  })

  it('write to the console nowhere: the log and the terminal do', () => {
    // A snippet is a program of somebody else, as text.
    const ours = [...sources].filter(([path]) => !path.startsWith('src/cli/snippets/'))
    const found = ours.filter(([, text]) => /\bconsole\.\w+\(/.test(withoutComments(text)))
    expect(found.map(([path]) => path)).toEqual([])
  })
})

/** Files that no chain of imports leads to from `starts`. */
function unreached(tree: SourceTree, starts: readonly string[]): string[] {
  const reached = new Set<string>(starts)
  const found = importsOf(tree)
  for (let before = -1; before !== reached.size;) {
    before = reached.size
    for (const { from, to } of found) if (reached.has(from)) reached.add(to)
  }
  return [...tree.keys()].filter((path) => !reached.has(path))
}
