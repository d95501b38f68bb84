import { parseArgs, type ParseArgsConfig } from 'node:util'

/** What a harness is told on its command line. */
export interface HarnessFlags<N extends string, T extends string, S extends string> {
  /** What `--help` says: the command, what it does, an example that works. */
  readonly help: string
  /** Whole numbers from 1, with what they are when nobody says. */
  readonly numbers: Readonly<Record<N, number>>
  /** Texts, with what they may be; any where nothing is listed. */
  readonly texts?: Readonly<Record<T, readonly string[]>>
  readonly switches?: readonly S[]
}

/**
 * The flags of this process. With `--help` it says what the harness does and ends the process; flags that it does not have end it with exit code 2 and a line that says
 * what is wrong: a run that proves nothing is not to look like one that failed.
 */
export function harnessFlags<N extends string, T extends string = never, S extends string = never>(
  harness: HarnessFlags<N, T, S>,
  args: readonly string[] = process.argv.slice(2),
): Record<N, number> & Partial<Record<T, string>> & Record<S, boolean> {
  let read: Record<string, unknown>
  try {
    read = flagsIn(harness, args)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n--help says what there is\n`)
    return process.exit(2)
  }
  const { help, ...flags } = read
  if (help !== true) return flags as Record<N, number> & Partial<Record<T, string>> & Record<S, boolean> // each of these names, of its kind
  process.stdout.write(`${harness.help.trim()}\n`)
  return process.exit(0)
}

function flagsIn<N extends string, T extends string, S extends string>(
  { numbers, texts, switches = [] }: HarnessFlags<N, T, S>,
  args: readonly string[],
): Record<string, unknown> {
  const options: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean' } }
  for (const name of [...Object.keys(numbers), ...Object.keys(texts ?? {})]) options[name] = { type: 'string' }
  for (const name of switches) options[name] = { type: 'boolean', default: false }
  const flags: Record<string, unknown> = { ...parseArgs({ options, args: [...args] }).values }
  for (const [name, usual] of Object.entries<number>(numbers)) {
    const value = Number(flags[name] ?? usual)
    if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} takes a whole number from 1`)
    flags[name] = value
  }
  for (const [name, allowed] of Object.entries<readonly string[]>(texts ?? {})) {
    const value = flags[name]
    if (typeof value === 'string' && allowed.length > 0 && !allowed.includes(value))
      throw new Error(`--${name} takes ${allowed.join(' or ')}`)
  }
  return flags
}
