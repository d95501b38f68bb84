import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { askedOfBoth, benchAgainst } from './against.ts'
import { benchCompare } from './compare/compare.ts'
import { checkBaseline, saveBaseline } from './baseline.ts'
import { benchConnections } from './connections.ts'
import { benchCost } from './cost.ts'
import { benchDurable } from './durable/durable.ts'
import { benchFlows } from './flows.ts'
import { benchForeign } from './foreign.ts'
import { benchFootprint } from './footprint.ts'
import { benchLatency } from './latency.ts'
import { loadCommand } from '../src/bench/command.ts'
import { checkWritable, count, someSeconds } from '../src/bench/flag-values.ts'
import { isKryptonError } from '../src/errors.ts'
import { page } from '../src/bench/page.ts'
import { isScenarioName } from '../src/bench/scenario.ts'
import type { ScenarioName } from '../src/bench/scenario.ts'
import { benchLocate } from './locate.ts'
import { benchMicro } from './micro/main.ts'
import type { Figure } from './figure.ts'
import { describeMachine } from './machine.ts'
import { saveResults } from './results.ts'
import { kryptonExists } from './servers/krypton.ts'
import { pykmipExists } from './servers/pykmip.ts'
import { markdown } from './table.ts'
import { benchTenants } from './tenants.ts'
import { benchThreads } from './threads.ts'
import type { Section } from './table.ts'

const examples = `
Examples:
  Everything, in under two minutes; the full form takes some ten:
    npm run bench -- --quick
    npm run bench
  One part:
    npm run bench -- cost
    npm run bench -- micro --only codec
  What a Get and an Encrypt cost here and at another commit:
    npm run bench -- against main~20
  The load generator against your own server:
    npm run bench -- load --help

Tables are printed and kept in bench/results/. Goals stand beside the figures and gate nothing. bench/README.md says how to read them.
`

interface Flags {
  quick?: true
  pairs?: number
  seconds?: number
  only?: string
  dir?: string
  objects?: number
  tenants?: number
  save: boolean
  html?: string
}

const progressText = (text: string): void => void process.stderr.write(text)
const progress = (line: string): void => progressText(`${line}\n`)

const warmupSeconds = (flags: Flags): number => (flags.quick ? 1 : 3)

const parts = {
  cost: (flags: Flags) =>
    benchCost({
      quick: flags.quick ?? false,
      pairs: flags.pairs ?? (flags.quick ? 3 : 7),
      seconds: flags.seconds ?? (flags.quick ? 0.8 : 1.5),
      objects: 1000,
      warmupSeconds: warmupSeconds(flags),
      onProgress: progress,
    }).then((section) => [section]),
  compare: (flags: Flags) =>
    benchCompare({
      rounds: flags.quick ? 1 : 3,
      seconds: flags.seconds ?? (flags.quick ? 1 : 3),
      warmupSeconds: warmupSeconds(flags),
      onProgress: progress,
    }).then((section) => [section]),
  flows: (flags: Flags) =>
    benchFlows({
      quick: flags.quick ?? false,
      seconds: flags.seconds ?? (flags.quick ? 1 : 5),
      warmupSeconds: warmupSeconds(flags),
      onProgress: progress,
    }).then((section) => [section]),
  foreign: (flags: Flags) =>
    benchForeign({ requests: flags.quick ? 2_000 : 20_000, onProgress: progress }).then((section) => [section]),
  locate: (flags: Flags) =>
    benchLocate({
      objects: flags.objects ?? (flags.quick ? 20_000 : 1_000_000),
      pairs: flags.quick ? 2 : 5,
      seconds: flags.seconds ?? (flags.quick ? 0.8 : 1.5),
      warmupSeconds: warmupSeconds(flags),
      onProgress: progress,
    }).then((section) => [section]),
  durable: (flags: Flags) =>
    benchDurable({
      rounds: flags.quick ? 2 : 5,
      seconds: flags.seconds ?? (flags.quick ? 0.8 : 2),
      directory: flags.dir,
      warmupSeconds: warmupSeconds(flags),
      onProgress: progress,
    }).then((section) => [section]),
  connections: (flags: Flags) =>
    benchConnections({
      rounds: flags.quick ? 1 : 3,
      held: flags.quick ? 500 : 10_000,
      seconds: flags.seconds ?? (flags.quick ? 0.8 : 1.5),
      onProgress: progress,
    }).then((section) => [section]),
  latency: (flags: Flags) =>
    benchLatency({
      seconds: flags.seconds ?? (flags.quick ? 1 : 5),
      warmupSeconds: warmupSeconds(flags),
      onProgress: progress,
    }).then((section) => [section]),
  footprint: (flags: Flags) =>
    benchFootprint({
      starts: flags.quick ? 3 : 7,
      objects: flags.objects ?? 0,
      onProgress: progress,
    }).then((section) => [section]),
  tenants: (flags: Flags) =>
    benchTenants({
      tenants: flags.tenants ?? (flags.quick ? 50 : 1000),
      objects: flags.objects ?? (flags.quick ? 200 : 1000),
      rounds: flags.quick ? 3 : 7,
      onProgress: progress,
    }).then((section) => [section]),
  threads: (flags: Flags) =>
    benchThreads({
      pairs: flags.quick ? 2 : 5,
      seconds: flags.seconds ?? (flags.quick ? 0.8 : 1.5),
      warmupSeconds: warmupSeconds(flags),
      onProgress: progress,
    }).then((section) => [section]),
  micro: (flags: Flags) =>
    benchMicro({ seconds: flags.seconds ?? (flags.quick ? 0.15 : 2), only: flags.only, onProgress: progress }),
} satisfies Record<string, (flags: Flags) => Promise<Section[]>>

const allParts = [
  'cost',
  'connections',
  'latency',
  'durable',
  'footprint',
  'threads',
  'flows',
  'foreign',
  'compare',
  'micro',
] as const

async function run(name: string, names: readonly (keyof typeof parts)[], flags: Flags): Promise<void> {
  if (flags.html !== undefined) checkWritable('--html', flags.html)
  const sections: Section[] = []
  for (const part of names) {
    const missing = whatIsMissing(part)
    if (missing !== undefined) {
      if (names.length === 1) throw new Error(missing)
      progress(`${part} left out: ${missing}`)
      continue
    }
    const done = await parts[part](flags)
    print(done)
    sections.push(...done)
  }
  keep(name, flags, sections)
}

function print(sections: readonly Section[]): void {
  for (const { table } of sections) process.stdout.write(`\n${markdown(table)}\n`)
}

function keep(name: string, flags: Flags, sections: readonly Section[]): void {
  if (flags.save) progress(`kept in ${saveResults(flags.quick ? `${name}-quick` : name, sections)}`)
  if (flags.html === undefined) return
  const { cpu, cores, memoryGiB, kernel, node, commit, time } = describeMachine()
  const about = [`${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, Node ${node}, commit ${commit}, ${time}`]
  const tables = sections.map(({ table }) => table)
  const measured = sections.flatMap((section) => section.parts ?? [])
  writeFileSync(flags.html, page({ title: `Krypton's bench: ${name}`, about }, measured, tables))
  progress(`the page is ${flags.html}`)
}

function scenarioNames(text: string): ScenarioName[] {
  return text.split(',').map((name) => {
    if (!isScenarioName(name)) throw new Error(`there is no scenario ${name}: npm run bench -- load --help lists them`)
    return name
  })
}

/** The ratios of a short run: those that a machine changes least. */
async function checkedFigures(): Promise<Figure[]> {
  const quick: Flags = { quick: true, save: false }
  const sections = [...(await parts.cost(quick)), ...(await parts.durable(quick)), ...(await parts.threads(quick))]
  return sections.flatMap(({ figures }) => figures)
}

function whatIsMissing(part: keyof typeof parts): string | undefined {
  if (part !== 'micro' && !kryptonExists()) return 'there is no bin/krypton in this checkout'
  if (part === 'compare' && !pykmipExists())
    return "PyKMIP's server is not installed (Debian: apt-get install python3-pykmip)"
  return undefined
}

function part(name: keyof typeof parts, description: string): Command {
  return common(new Command(name).description(description)).action((flags: Flags) => run(name, [name], flags))
}

function common(command: Command): Command {
  return command
    .option('--quick', 'shorter windows and fewer of them: for a look, not for a record')
    .option('--seconds <n>', 'length of a window', someSeconds)
    .option('--no-save', 'do not keep the results in bench/results/')
    .option('--html <file>', 'write the tables, and histograms of latency, as a page that opens without a network')
}

const program = common(new Command('bench'))
  .description('Measures Krypton. Without a command: every part.')
  .option('--dir <folder>', 'for the durable part: a folder on the disk to be measured')
  .addHelpText('after', examples)
  .enablePositionalOptions()
  .action((flags: Flags) => run('all', allParts, flags))
  .addCommand(
    loadCommand('load', 'npm run bench -- load', {
      writeData: (text) => void process.stdout.write(text),
      writeTalk: progressText,
    }),
  )
  .addCommand(
    part('cost', 'server CPU a request, as a multiple of a bare TLS echo of the same bytes').option(
      '--pairs <n>',
      'pairs of windows in each row',
      count,
    ),
  )
  .addCommand(part('flows', "what MongoDB's clients do from end to end, and Gets at a given rate"))
  .addCommand(part('foreign', "how long the answer takes that another tenant's object does not exist"))
  .addCommand(
    part('locate', 'Locate by name among a million objects beside one among a thousand').option(
      '--objects <n>',
      'objects of the large server',
      count,
    ),
  )
  .addCommand(part('compare', "Krypton and PyKMIP's server side by side"))
  .addCommand(
    part('durable', "durable Create beside the disk's own sync and a bare writer").option(
      '--dir <folder>',
      'a folder on the disk to be measured',
    ),
  )
  .addCommand(part('connections', 'a thousand clients at once, idle connections and many held'))
  .addCommand(part('latency', 'latency at given rates, and of Get beside RSA'))
  .addCommand(
    part('footprint', 'start and memory of the compiled package').option(
      '--objects <n>',
      'also with so many objects, which takes a while to make',
      count,
    ),
  )
  .addCommand(
    part('tenants', 'Gets of objects that are not cached, and memory, among a thousand tenants')
      .option('--tenants <n>', 'how many', count)
      .option('--objects <n>', 'of each', count),
  )
  .addCommand(part('threads', 'two listener threads beside one'))
  .addCommand(
    common(
      new Command('against')
        .description('what a request costs here and at another commit, both alternating with the echo')
        .argument('<commit>', 'built in a worktree in the temporary folder')
        .option('--rounds <n>', 'windows of each', count)
        .option('--scenarios <names>', `with commas between; else ${askedOfBoth.join(',')}`),
    ).action(async (commit: string, flags: Flags & { rounds?: number; scenarios?: string }) => {
      if (flags.html !== undefined) checkWritable('--html', flags.html)
      const section = await benchAgainst({
        commit,
        rounds: flags.rounds ?? (flags.quick ? 3 : 12),
        seconds: flags.seconds ?? (flags.quick ? 0.8 : 1.5),
        warmupSeconds: warmupSeconds(flags),
        scenarios: flags.scenarios === undefined ? askedOfBoth : scenarioNames(flags.scenarios),
        onProgress: progress,
      })
      print([section])
      keep('against', flags, [section])
    }),
  )
  .addCommand(
    common(new Command('check').description('a short run of the ratios, beside bench/results/baseline.json'))
      .option('--update', 'keep this run as the baseline')
      .action(async (flags: Flags & { update?: true }) => {
        const figures = await checkedFigures()
        if (flags.update) saveBaseline(figures)
        else process.stdout.write(checkBaseline(figures))
      }),
  )
  .addCommand(
    part('micro', 'codec, records and store by themselves').option('--only <name>', 'suites with this in their name'),
  )

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = isKryptonError(error, 'bench-failed') ? 1 : isKryptonError(error, 'bench-invalid') ? 3 : 2
}
