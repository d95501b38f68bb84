import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { goalAtLeast, goalAtMost } from '../table.ts'
import type { Section } from '../table.ts'
import { measureEcho } from './echo.ts'
import { believed, disagree, timeCases } from './measure.ts'
import type { Timing } from './measure.ts'
import type { EchoGoal, Suite } from './suite.ts'

/** Modules of this folder that are no suites. */
const frame = new Set(['echo.ts', 'main.ts', 'measure.ts', 'suite.ts'])

export interface MicroOptions {
  readonly seconds: number
  /** Only suites whose file name has this in it. */
  readonly only?: string
  readonly onProgress: (line: string) => void
}

/** Runs every suite of `bench/micro`: a table each. A suite that does not load is an error, not a gap. */
export async function benchMicro(options: MicroOptions, directory = import.meta.dirname): Promise<Section[]> {
  const sections: Section[] = []
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith('.ts') || frame.has(file) || !file.includes(options.only ?? '')) continue
    const module: unknown = await import(pathToFileURL(join(directory, file)).href)
    // Modules beside the suites that only help them export no cases.
    if (!isSuite(module)) continue
    options.onProgress(`${module.name}: ${module.cases.length} cases`)
    const timings = await timeCases(module.cases, options.seconds)
    const { echoGoal } = module
    const echo = echoGoal && besideEcho(echoGoal, timings, await measureEcho(echoGoal.answer, options.seconds))
    sections.push(section(module, timings, options, echo))
  }
  return sections
}

function isSuite(module: unknown): module is Suite {
  return (
    typeof module === 'object' &&
    module !== null &&
    'name' in module &&
    typeof module.name === 'string' &&
    'cases' in module &&
    Array.isArray(module.cases)
  )
}

/** Code that runs by itself stays in the processor's caches, and takes half as long again beside other code: both figures are told. */
function besideEcho(goal: EchoGoal, timings: ReadonlyMap<string, Timing>, echoNs: number): string {
  const share = (names: readonly string[]): string => {
    const value = names.reduce((sum, name) => sum + believed(timings.get(name)!), 0) / echoNs
    return `${value.toFixed(3)} E (${goalAtMost(Number(value.toFixed(3)), goal.atMost, 'E')})`
  }
  return `${goal.name}, E being ${(echoNs / 1000).toFixed(1)} µs in this run: ${share([goal.together])} in turn, ${share(goal.apart)} each by itself`
}

function section(
  suite: Suite,
  timings: ReadonlyMap<string, Timing>,
  options: MicroOptions,
  echo: string | undefined,
): Section {
  const rows = suite.cases.map(({ name }) => {
    const timing = timings.get(name)!
    return [
      name,
      show(believed(timing)),
      show(timing.tinybenchNs),
      show(timing.benchmarkNs),
      disagree(timing) ? 'differ by more than 10 %' : '',
    ]
  })
  const goals = (suite.goals ?? []).map((goal) => {
    const ratio = believed(timings.get(goal.slow)!) / believed(timings.get(goal.fast)!)
    return `${goal.name}: ${ratio.toFixed(1)} times, ${goalAtLeast(ratio, goal.atLeast, '')}`
  })
  return {
    table: {
      title: `Micro: ${suite.name}`,
      columns: ['case', 'ns', 'tinybench', 'benchmark', ''],
      rows,
      notes: [
        `Medians, ${options.seconds} s a case with each tool. Under 1 µs the figure is benchmark.js's, since tinybench looks at the clock (40 ns) around each call. ` +
          `tinybench's median leaves garbage collection out; benchmark.js has it in every sample, so cases that make many objects differ.`,
        ...goals,
        ...(echo === undefined ? [] : [echo]),
      ],
    },
    figures: [],
  }
}

function show(nanoseconds: number): string {
  return nanoseconds < 100 ? nanoseconds.toFixed(1) : nanoseconds.toFixed(0)
}
