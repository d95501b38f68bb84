import { readFileSync, statSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import { isMap, isScalar, LineCounter, parseDocument, visit, type Document, type YAMLError } from 'yaml'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { isHost } from './host.ts'
import { refusal } from './refusal.ts'
import { fileSchema, settings } from './settings.ts'

/** A value that the file sets, with its place `file:line:column`. */
export interface FileValue {
  readonly value: unknown
  readonly where: string
}

/**
 * The settings of a configuration file by path. Throws 'config-invalid' with every wrong line at once, each with its
 * place, its path and what is allowed there.
 */
export function readConfigFile(file: string): Map<string, FileValue> {
  return parseConfig(textOf(file), file)
}

/** The same for a text that has been read already; `file` only names it in messages. */
export function parseConfig(text: string, file: string): Map<string, FileValue> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, version: '1.2' })
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const invalid = (found: readonly Fault[]): KryptonError =>
    new KryptonError(
      'config-invalid',
      found
        .toSorted((left, right) => left.offset - right.offset)
        .map(({ offset, text: words }) => `${place(offset)}: ${words}`)
        .join('\n'),
    )
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0)
    throw invalid(faults.map((fault) => ({ offset: fault.pos[0], text: syntaxFault(fault, text) })))
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    throw invalid([
      {
        offset: 0,
        text: 'the file sets nothing, perhaps it was cut off: put back the one that krypton init wrote, it pins the store; who wants every default writes version: 1',
      },
    ])
  }
  const aliases = aliasesIn(document)
  if (aliases.length > 0) throw invalid(aliases)
  const content: unknown = document.toJS({ maxAliasCount: 0 })
  const wrong = check(content)
  if (wrong.length > 0) {
    throw invalid(
      wrong.map(({ path, reason }) => {
        const { node, key } = nodesAt(document, path)
        // An unknown name is shown where it stands; a wrong value where the value stands.
        return {
          offset: reason.startsWith('is not') ? key : node,
          text: `${path === '' ? 'the file' : path} ${reason}`,
        }
      }),
    )
  }
  const values = new Map<string, FileValue>()
  for (const { path } of settings) {
    const value = valueAt(content, path)
    if (value !== undefined) values.set(path, { value, where: place(nodesAt(document, path).node) })
  }
  return values
}

function textOf(file: string): string {
  try {
    if (statSync(file).size > limits.configFileBytesMax)
      throw new KryptonError('config-invalid', `${file} is larger than ${limits.configFileBytesMax} bytes`)
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof KryptonError) throw cause
    throw new KryptonError('config-invalid', `cannot read the configuration ${file}: check its name and who owns it`, {
      cause,
    })
  }
}

/** Aliases, those of merge keys among them: a configuration needs none, and they can grow without bound. */
function aliasesIn(document: Document.Parsed): Fault[] {
  const found: Fault[] = []
  visit(document, {
    Alias: (_, alias) => {
      found.push({
        offset: start(alias) ?? 0,
        text: `aliases (*${alias.source.slice(0, shownCharacters)}) are not allowed: write the value out`,
      })
    },
  })
  return found
}

function check(content: unknown): { path: string; reason: string }[] {
  const validate = validateFile()
  if (validate(content)) return []
  return (validate.errors ?? []).map(refusal)
}

function valueAt(content: unknown, path: string): unknown {
  let value = content
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.entries(value).find(([key]) => key === name)?.[1]
  }
  return value
}

/** Offsets of the value at a path and of its key; the deepest node there is when the path leads further. */
function nodesAt(document: Document.Parsed, path: string): { node: number; key: number } {
  let node: unknown = document.contents
  let found = { node: 0, key: 0 }
  for (const name of path.split('.')) {
    if (!isMap(node)) break
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === name)
    if (pair === undefined) break
    const key = start(pair.key) ?? found.key
    found = { node: start(pair.value) ?? key, key }
    node = pair.value
  }
  return found
}

function start(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined
  const first: unknown = node.range[0]
  return typeof first === 'number' ? first : undefined
}

/** What is wrong, and where in the text. */
interface Fault {
  readonly offset: number
  readonly text: string
}

/** The parser's own words, but for a key that stands twice, which is named, and for advice to who calls the parser. */
function syntaxFault(fault: YAMLError, text: string): string {
  if (fault.code === 'MULTIPLE_DOCS') return 'a second document begins here (---): leave one of them'
  if (fault.code !== 'DUPLICATE_KEY') return fault.message
  const key = /^[\w-]+/.exec(text.slice(fault.pos[0]))?.[0] ?? 'this name'
  return `${key} stands twice in its section: leave one of them out`
}

/** Of a name that the file gives. */
const shownCharacters = 40

let compiled: ValidateFunction | undefined

/** Compiled when there is a file to read; our own schema needs no check against the schema of schemas, which takes as long again. */
function validateFile(): ValidateFunction {
  const options = { allErrors: true, verbose: true, strict: false, meta: false, validateSchema: false } as const
  compiled ??= new Ajv({ ...options, formats: { host: isHost } }).compile(fileSchema())
  return compiled
}
