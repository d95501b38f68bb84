import { KryptonError } from '../errors.ts'
import { reconnectFleet } from './fleet.ts'
import { runLoad } from './generator.ts'
import type { LoadOptions, LoadResult } from './generator.ts'
import { scenarioNames, scenarios } from './scenario.ts'
import type { Scenario, ScenarioName } from './scenario.ts'
import type { Target } from './target.ts'

/** What is measured: one load, or several at once, whose results stand apart. */
export interface Part {
  readonly name: string
  readonly load: LoadResult
}

/** What was asked for on the command line; what is absent is the scenario's own. Several targets are the same server with different clients. */
export interface PlayOptions extends Partial<
  Pick<LoadOptions, 'mode' | 'connections' | 'rate' | 'cpus' | 'clean' | 'onProgress'>
> {
  readonly targets: readonly Target[]
  readonly depth: number
  readonly processes: number
  readonly seconds: number
  readonly warmupSeconds: number
  readonly objects: number
  readonly timeoutMs: number
  /** Numbers of connections to be measured one after the other, for throughput against connections. */
  readonly sweep?: readonly number[]
}

/** Loads that are more than one scenario's tasks. */
const plays = {
  'fleet-reconnect': {
    about: 'every client of a fleet connects at once, asks for a key and is cut off, as after a restart',
    run: async (options: PlayOptions): Promise<Part[]> => {
      const connections = options.connections ?? 1000
      const load = await reconnectFleet({ ...options, target: options.targets[0]!, connections })
      return [{ name: `fleet of ${connections}`, load }]
    },
  },
  'mixed-tenants': {
    about:
      'each tenant (a --cert and --cert-key for each) does something else: Get, polls, Encrypt, Decrypt, Create in turn',
    run: async (options: PlayOptions): Promise<Part[]> => {
      const does: readonly ScenarioName[] = ['get', 'poll', 'encrypt', 'decrypt', 'create']
      atLeast(options, 2, 'mixed-tenants')
      const connections = share(options.connections ?? 16, options.targets.length)
      return Promise.all(
        options.targets.map(async (target, index) => {
          const scenario = does[index % does.length]!
          const rate = options.rate === undefined ? undefined : options.rate / options.targets.length
          return {
            name: `tenant ${index + 1}: ${scenario}`,
            load: await runLoad({ ...defaultsOf(scenario, options), target, connections, processes: 1, rate }),
          }
        }),
      )
    },
  },
  'noisy-neighbour': {
    about: 'Gets of one tenant at a steady rate, alone and then beside another that makes keys as fast as it can',
    run: async (options: PlayOptions): Promise<Part[]> => {
      atLeast(options, 2, 'noisy-neighbour')
      const [target, neighbour] = [options.targets[0]!, options.targets[1]!]
      const rate = options.rate ?? 200
      const quiet = { ...defaultsOf('get', options), target, connections: 16, processes: 1, rate }
      const noise = {
        ...defaultsOf('create-storm', options),
        target: neighbour,
        connections: options.connections ?? 64,
        processes: 1,
        rate: undefined,
      }
      const alone = await runLoad(quiet)
      const [beside, noisy] = await Promise.all([runLoad(quiet), runLoad(noise)])
      return [
        { name: `Gets at ${rate}/s, alone`, load: alone },
        { name: `Gets at ${rate}/s, beside the neighbour`, load: beside },
        { name: 'the neighbour', load: noisy },
      ]
    },
  },
} as const

export type PlayName = keyof typeof plays | ScenarioName

/** Every name that may be asked for, with what it does: first those of real clients, then single requests. */
export const playTable: readonly (readonly [string, string])[] = [
  ...scenarioNames.slice(0, 5).map((name) => [name, scenarios[name as ScenarioName].about] as const),
  ...Object.entries(plays).map(([name, { about }]) => [name, about] as const),
  ...scenarioNames.slice(5).map((name) => [name, scenarios[name as ScenarioName].about] as const),
]

export const playNames: readonly string[] = playTable.map(([name]) => name)

export function isPlayName(name: string): name is PlayName {
  return playNames.includes(name)
}

/** Runs it. Throws 'usage' where the options do not fit, and what `runLoad` throws. */
export async function play(name: PlayName, options: PlayOptions): Promise<Part[]> {
  if (name in plays) {
    if (options.sweep !== undefined && name !== 'fleet-reconnect')
      throw new KryptonError('usage', `--sweep goes with one kind of load: ${name} has several`)
    const { run } = plays[name as keyof typeof plays]
    return each(options, (connections) => run({ ...options, connections }))
  }
  const scenario = name as ScenarioName
  return each(options, async (connections) => {
    const load = defaultsOf(scenario, { ...options, connections })
    return [
      {
        name: `${scenario}, ${load.connections} ${load.connections === 1 ? 'connection' : 'connections'}`,
        load: await runLoad(load),
      },
    ]
  })
}

async function each(options: PlayOptions, run: (connections: number | undefined) => Promise<Part[]>): Promise<Part[]> {
  const parts: Part[] = []
  for (const connections of options.sweep ?? [options.connections]) parts.push(...(await run(connections)))
  return parts
}

function defaultsOf(name: ScenarioName, options: PlayOptions): LoadOptions {
  const scenario: Scenario = scenarios[name]
  const connections = options.connections ?? scenario.connections
  return {
    ...options,
    target: options.targets[0]!,
    scenario: name,
    mode: options.mode ?? scenario.mode,
    connections,
    processes: Math.min(options.processes, connections),
  }
}

function share(whole: number, among: number): number {
  return Math.max(1, Math.floor(whole / among))
}

function atLeast(options: PlayOptions, clients: number, name: string): void {
  if (options.targets.length < clients)
    throw new KryptonError(
      'usage',
      `${name} needs ${clients} clients of different tenants at least: repeat --cert and --cert-key for each`,
    )
}
