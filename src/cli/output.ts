import { styleText } from 'node:util'
import { KryptonError } from '../errors.ts'
import { asCalled } from './hints.ts'
import type { Terminal } from './terminal.ts'

export const outputFormats = ['table', 'json', 'yaml'] as const
export type OutputFormat = (typeof outputFormats)[number]

/** A column of a table: its heading and the property that it shows. */
export type Columns = Readonly<Record<string, string>>

/** The flags that choose the form of the data; every command has them. */
export interface OutputFlags {
  readonly output?: string
  readonly json?: boolean
}

/** Prints what a command found: data on standard output in the asked form, talk on standard error. */
export class Output {
  readonly format: OutputFormat
  readonly #terminal: Terminal
  readonly #textOf: (value: object) => string

  private constructor(terminal: Terminal, format: OutputFormat, textOf: (value: object) => string) {
    this.format = format
    this.#terminal = terminal
    this.#textOf = textOf
  }

  /** The flag decides, then KRYPTON_OUTPUT, then `table`. Throws 'usage' for another form. */
  static async open(terminal: Terminal, flags: OutputFlags): Promise<Output> {
    const flag = flags.json === true ? 'json' : flags.output
    const asked = flag ?? terminal.environment['KRYPTON_OUTPUT'] ?? 'table'
    const format = outputFormats.find((name) => name === asked)
    if (format === undefined)
      throw new KryptonError(
        'usage',
        `${flag === undefined ? 'KRYPTON_OUTPUT' : '--output'} can be ${outputFormats.join(', ')}, not ${asked}`,
      )
    // Loaded by whoever asks for it: it is more than all the rest of most commands.
    return new Output(terminal, format, format === 'yaml' ? (await import('yaml')).stringify : json)
  }

  /** A list of things, a row each. */
  list(things: readonly object[], columns: Columns): void {
    if (this.format !== 'table') return this.#structured(things)
    if (things.length === 0) return this.talk('none\n')
    this.#terminal.writeData(
      table(
        things.map((thing) => flat(thing)),
        columns,
      ),
    )
  }

  /** One thing, a line for each of its properties and for each line of a text. */
  thing(thing: object): void {
    if (this.format !== 'table') return this.#structured(thing)
    const lines = Object.entries(flat(thing))
    const width = Math.max(0, ...lines.map(([name]) => name.length))
    const shown = (name: string, value: string): string =>
      value
        .split('\n')
        .map((line, index) => `${(index === 0 ? name : '').padEnd(width)}  ${line}\n`)
        .join('')
    this.#terminal.writeData(lines.map(([name, value]) => shown(name, value)).join(''))
  }

  /** Text that is data as it stands, in whatever form. */
  text(text: string): void {
    this.#terminal.writeData(asCalled(text.endsWith('\n') ? text : `${text}\n`, this.#terminal))
  }

  /** Something for the person at the screen. */
  talk(text: string): void {
    this.#terminal.writeTalk(asCalled(text, this.#terminal))
  }

  #structured(value: object): void {
    this.#terminal.writeData(this.#textOf(value))
  }
}

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

/** Bold on a terminal; plain where the output is no terminal or NO_COLOR is set. */
export function bold(text: string): string {
  return styleText('bold', text, { stream: process.stderr })
}

/** A warning that is not to be missed. */
export function loud(text: string): string {
  return styleText(['bold', 'yellow'], text, { stream: process.stderr })
}

function table(rows: readonly Readonly<Record<string, string>>[], columns: Columns): string {
  const cells = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((name) => row[name] ?? ''))]
  const widths = Object.keys(columns).map((_, index) => Math.max(...cells.map((row) => (row[index] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd()
  return `${cells.map(line).join('\n')}\n`
}

/** Properties of properties by dotted names; lists joined. */
function flat(thing: object, prefix = ''): Record<string, string> {
  const entries = Object.entries(thing).flatMap(([name, value]: [string, unknown]) => {
    if (value === undefined) return []
    if (Array.isArray(value)) return [[prefix + name, value.join(', ')]]
    if (typeof value === 'object' && value !== null) return Object.entries(flat(value, `${prefix}${name}.`))
    return [[prefix + name, typeof value === 'string' ? value : JSON.stringify(value)]]
  })
  return Object.fromEntries(entries) as Record<string, string>
}
