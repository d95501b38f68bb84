/** A switch of Node that shows what is in the process's memory, or what passes through it, to somebody outside. */
export interface Inspection {
  /** As it was given: `--inspect=0`, `NODE_DEBUG=stream`. */
  readonly flag: string
  /** What it would give away, as the end of a sentence. */
  readonly shows: string
  /** What to do about it. */
  readonly remedy: string
}

/** What decides how Node runs: `process.execArgv` and `process.env`. */
export interface NodeSettings {
  readonly execArgv: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Every such switch that this Node was started with. */
export function inspectionsOf({ execArgv, environment }: NodeSettings): Inspection[] {
  const given = execArgv.map((flag) => ({ flag, remedy: `start node without ${flag}` }))
  for (const flag of words(environment['NODE_OPTIONS'] ?? '')) {
    given.push({ flag, remedy: `take ${flag} out of the variable NODE_OPTIONS` })
  }
  const found = given.flatMap(({ flag, remedy }): Inspection[] => {
    const shows = whatFlagShows(flag)
    return shows === undefined ? [] : [{ flag, shows, remedy }]
  })
  for (const variable of ['NODE_DEBUG', 'NODE_DEBUG_NATIVE']) {
    const value = environment[variable] ?? ''
    if (value !== '')
      found.push({
        flag: `${variable}=${value}`,
        shows: 'prints what streams and sockets carry',
        remedy: `unset ${variable}`,
      })
  }
  return found
}

/** Node takes underscores for hyphens, and a value after `=`. */
function whatFlagShows(flag: string): string | undefined {
  const name = flag.split('=', 1)[0]?.replaceAll('_', '-') ?? ''
  return families.find(({ begins }) => name.startsWith(begins))?.shows
}

/** A family is named by how its flags begin. `--report-` has the reports on signals, on fatal errors and their places. */
const families: readonly { readonly begins: string; readonly shows: string }[] = [
  { begins: '--inspect', shows: 'lets others read every object' },
  { begins: '--heapsnapshot', shows: 'writes the whole heap into a file' },
  { begins: '--heap-prof', shows: 'writes a profile of the heap into a file' },
  { begins: '--cpu-prof', shows: 'writes a profile of what runs into a file' },
  { begins: '--report-', shows: 'writes reports about the process into files' },
  { begins: '--tls-keylog', shows: 'writes the keys of TLS connections into a file' },
  { begins: '--trace-tls', shows: 'prints what TLS connections carry' },
  { begins: '--experimental-config-file', shows: 'takes more such flags from a file' },
  { begins: '--experimental-default-config-file', shows: 'takes more such flags from a file' },
]

/** NODE_OPTIONS as Node cuts it: at blanks, but not between double quotes, where a backslash takes the next character as it is. */
function words(text: string): string[] {
  const found = text.match(/(?:[^\s"]|"(?:\\[^]|[^"\\])*"?)+/g) ?? []
  return found.map((word) =>
    word.replaceAll(/"((?:\\[^]|[^"\\])*)"?/g, (_, inner: string) => inner.replaceAll(/\\([^])/g, '$1')),
  )
}
