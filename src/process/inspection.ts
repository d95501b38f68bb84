/** A switch of Node that shows what is in the process's memory, or what passes through it, to somebody outside, or has it run what that one wrote. */
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
  for (const [variable, shows] of variables) {
    const value = environment[variable] ?? ''
    if (value !== '') found.push({ flag: `${variable}=${value}`, shows, remedy: `unset ${variable}` })
  }
  return found
}

const variables = [
  ['NODE_DEBUG', 'prints what streams and sockets carry'],
  ['NODE_DEBUG_NATIVE', 'prints what streams and sockets carry'],
  ['NODE_V8_COVERAGE', 'writes a profile of what runs into files'],
  ['NODE_COMPILE_CACHE', 'runs the compiled code that lies in a folder, whoever put it there'],
] as const

/** Node takes underscores for hyphens, and a value after `=`. */
function whatFlagShows(flag: string): string | undefined {
  const name = flag.split('=', 1)[0]?.replaceAll('_', '-') ?? ''
  return families.find(({ flags }) => flags.test(name))?.shows
}

/**
 * Flags of Node and of V8, by how they begin; `$` ends one that has longer namesakes which show nothing. `--report-` has the reports on
 * signals, on fatal errors and their places. test/process/inspection.test.ts goes through all that the Node which runs it has.
 */
const families: readonly { readonly flags: RegExp; readonly shows: string }[] = [
  { flags: /^--(?:inspect|debug-port$)/, shows: 'lets others read every object' },
  { flags: /^--(?:heapsnapshot-|heap-snapshot-on-|build-snapshot)/, shows: 'writes the whole heap into a file' },
  { flags: /^--abort-on-uncaught-exception$/, shows: 'writes the whole memory into a core file at an error' },
  { flags: /^--heap-prof(?:-|$)/, shows: 'writes a profile of the heap into a file' },
  {
    flags: /^--(?:cpu-prof|prof$|prof-cpp|ll-prof|perf-|perfetto-)/,
    shows: 'writes a profile of what runs into a file',
  },
  { flags: /^--(?:trace-event|log$|log-|logfile)/, shows: 'writes down in a file what happens in the process' },
  { flags: /^--report-/, shows: 'writes reports about the process into files' },
  { flags: /^--tls-keylog/, shows: 'writes the keys of TLS connections into a file' },
  { flags: /^--trace-tls/, shows: 'prints what TLS connections carry' },
  { flags: /^--trace(?:-wasm|-wasm-memory)?$/, shows: 'prints calls, and what is passed or written' },
  { flags: /^--gdbjit/, shows: 'shows other programs what runs' },
  { flags: /^--experimental(?:-default)?-config-file/, shows: 'takes more such flags from a file' },
]

/** NODE_OPTIONS as Node cuts it: at blanks, but not between double quotes, where a backslash takes the next character as it is. */
function words(text: string): string[] {
  const found = text.match(/(?:[^\s"]|"(?:\\[^]|[^"\\])*"?)+/g) ?? []
  return found.map((word) =>
    word.replaceAll(/"((?:\\[^]|[^"\\])*)"?/g, (_, inner: string) => inner.replaceAll(/\\([^])/g, '$1')),
  )
}
