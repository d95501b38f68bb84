import { readdirSync, readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import type { Profiler } from 'node:inspector'
import { stripTypeScriptTypes } from 'node:module'
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'

/** What of the decoder the fuzz alone reaches, by V8's precise coverage. Must run in a thread that has not loaded the decoder yet. */
export interface Coverage {
  readonly lines: number
  readonly reached: number
  readonly missed: readonly string[]
}

const source = join(import.meta.dirname, '../../src')

/** Everything that a message passes on its way in. Tables and what only writes are not in it. */
export const decoderFiles: readonly string[] = [
  'ttlv/frame-reader.ts',
  'ttlv/reader.ts',
  'kmip/struct.ts',
  'kmip/struct-compiler.ts',
  'kmip/kinds.ts',
  'kmip/custom-value.ts',
  'kmip/attributes-1x.ts',
  'kmip/attribute-table.ts',
  'kmip/structures.ts',
  'kmip/key-block.ts',
  'kmip/object.ts',
  'kmip/authentication.ts',
  'kmip/version.ts',
  'kmip/request-header.ts',
  'kmip/request-message.ts',
  'kmip/short-request.ts',
  'kmip/response-message.ts',
  'ttlv/frame-builder.ts',
  ...readdirSync(join(source, 'kmip/encodings'))
    .filter((name) => name !== 'message-encodings.ts')
    .map((name) => `kmip/encodings/${name}`),
  ...readdirSync(join(source, 'kmip/payloads')).map((name) => `kmip/payloads/${name}`),
]

export async function coverageOf(run: () => Promise<void>): Promise<Coverage> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  await run()
  const { result } = await session.post('Profiler.takePreciseCoverage')
  session.disconnect()
  const missed: string[] = []
  let lines = 0
  for (const file of decoderFiles) {
    const script = result.find(({ url }) => url === pathToFileURL(join(source, file)).href)
    const code = codeLines(readFileSync(join(source, file), 'utf8')).filter(
      (line) => script === undefined || isInFunction(script, line),
    )
    lines += code.length
    for (const line of code)
      if (script === undefined || isMissed(script, line)) missed.push(`${file}:${line.number} ${line.text}`)
  }
  return { lines, reached: lines - missed.length, missed }
}

interface Line {
  readonly number: number
  readonly text: string
  readonly from: number
  readonly to: number
}

/** Lines that hold code once types and comments are gone; brackets alone are none. */
function codeLines(typescript: string): Line[] {
  const code = stripTypeScriptTypes(typescript)
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|\s)\/\/.*$/gm, (comment) => ' '.repeat(comment.length))
  const lines: Line[] = []
  let at = 0
  code.split('\n').forEach((text, index) => {
    const trimmed = text.trim()
    const from = at + text.indexOf(trimmed)
    if (/\w/.test(trimmed)) lines.push({ number: index + 1, text: trimmed, from, to: from + trimmed.length })
    at += text.length + 1
  })
  return lines
}

/** Tables and imports run when a module is loaded: that the fuzz reaches them says nothing. */
function isInFunction(script: Profiler.ScriptCoverage, line: Line): boolean {
  // the first function of a script is the module itself
  return script.functions
    .slice(1)
    .some(({ ranges: [whole] }) => whole!.startOffset <= line.from && whole!.endOffset >= line.to)
}

/** The innermost range that holds the whole line decides. */
function isMissed(script: Profiler.ScriptCoverage, line: Line): boolean {
  let innermost: Profiler.CoverageRange | undefined
  for (const { ranges } of script.functions) {
    for (const range of ranges) {
      if (range.startOffset > line.from || range.endOffset < line.to) continue
      if (innermost === undefined || range.endOffset - range.startOffset <= innermost.endOffset - innermost.startOffset)
        innermost = range
    }
  }
  return innermost?.count === 0
}
