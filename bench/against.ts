import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadObjects, sampleExchange } from '../src/bench/load-objects.ts'
import { scenarios } from '../src/bench/scenario.ts'
import type { Scenario, ScenarioName } from '../src/bench/scenario.ts'
import { makeCertificates } from './certificates.ts'
import type { BenchCertificates } from './certificates.ts'
import { describeMachine } from './machine.ts'
import { checkOut } from './other-commit.ts'
import { othersCoresMax } from './pairs.ts'
import { startEcho } from './servers/echo.ts'
import { startKrypton } from './servers/krypton.ts'
import type { BenchServer } from './servers/server.ts'
import { median, spread } from './table.ts'
import type { Section } from './table.ts'
import { measureWindow, warmUp } from './window.ts'

export interface AgainstOptions {
  readonly commit: string
  readonly rounds: number
  readonly seconds: number
  readonly warmupSeconds: number
  readonly scenarios: readonly ScenarioName[]
  readonly onProgress: (line: string) => void
}

/** What is asked where nothing else is said: the two that databases ask most. */
export const askedOfBoth: readonly ScenarioName[] = ['get', 'encrypt']

/** Server CPU µs per request of one window of each, taken one after the other. */
interface Round {
  readonly echo: number
  readonly theirs: number
  readonly ours: number
  readonly othersCores: number
}

/** What a request costs here and at another commit: both servers and the echo alternate on the same core, in one run. */
export async function benchAgainst(options: AgainstOptions): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-against-'))
  const servers: BenchServer[] = []
  options.onProgress(`${options.commit}: checked out and built beside this one`)
  const other = checkOut(options.commit)
  try {
    const certificates = await makeCertificates(join(directory, 'certificates'))
    const theirs = await startKrypton(join(directory, 'theirs'), { executable: other.executable })
    servers.push(theirs)
    const ours = await startKrypton(join(directory, 'ours'))
    servers.push(ours)
    const measured: { scenario: ScenarioName; rounds: Round[]; noisy: boolean }[] = []
    for (const scenario of options.scenarios)
      measured.push({ scenario, ...(await measureScenario(scenario, { ours, theirs }, certificates, options)) })
    return section(measured, other.name, options)
  } finally {
    for (const server of servers) await server.stop()
    other.remove()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measureScenario(
  name: ScenarioName,
  { ours, theirs }: { readonly ours: BenchServer; readonly theirs: BenchServer },
  certificates: BenchCertificates,
  options: AgainstOptions,
): Promise<{ rounds: Round[]; noisy: boolean }> {
  const scenario: Scenario = scenarios[name]
  const objectsOf = {
    ours: await loadObjects(ours.target, scenario, objects),
    theirs: await loadObjects(theirs.target, scenario, objects),
  }
  // The echo answers with what the server answered for one object, so its clients ask for that one only.
  const one = objectsOf.ours.slice(0, 1)
  const { answer } = await sampleExchange(ours.target, scenario.steps(one, 0)[0]!)
  const echo = await startEcho(certificates, answer)
  try {
    const load = {
      scenario: name,
      mode: 'persistent',
      connections: 16,
      depth: 1,
      processes: 1,
      seconds: options.seconds,
      warmupSeconds: 0.4,
      timeoutMs: 5000,
    } as const
    const measuredServers = {
      echo: { server: echo, load: { ...load, objects: one } },
      theirs: { server: theirs, load: { ...load, objects: objectsOf.theirs } },
      ours: { server: ours, load: { ...load, objects: objectsOf.ours } },
    }
    for (const { server, load } of Object.values(measuredServers)) await warmUp(server, load, options.warmupSeconds)
    const all: Round[] = []
    const quiet: Round[] = []
    while (quiet.length < options.rounds && all.length < options.rounds * 3) {
      const costs = { echo: 0, theirs: 0, ours: 0 }
      let othersCores = 0
      for (const who of orders[all.length % orders.length]!) {
        const { server, load } = measuredServers[who]
        const window = await measureWindow(server, load)
        if (window.load.failed > 0) throw new Error(`${window.load.failed} requests of ${name} failed (${who})`)
        costs[who] = window.serverMicrosecondsPerRequest
        othersCores = Math.max(othersCores, window.othersCores)
      }
      const round = { ...costs, othersCores }
      all.push(round)
      const isQuiet = othersCores <= othersCoresMax
      if (isQuiet) quiet.push(round)
      options.onProgress(
        `${name}: here ${costs.ours.toFixed(1)} µs, there ${costs.theirs.toFixed(1)} µs, echo ${costs.echo.toFixed(1)} µs, ` +
          `others used ${othersCores.toFixed(2)} cores${isQuiet ? '' : ': discarded'}`,
      )
    }
    if (quiet.length >= options.rounds) return { rounds: quiet, noisy: false }
    return { rounds: all.toSorted((a, b) => a.othersCores - b.othersCores).slice(0, options.rounds), noisy: true }
  } finally {
    await echo.stop()
  }
}

function section(
  measured: readonly { scenario: ScenarioName; rounds: readonly Round[]; noisy: boolean }[],
  other: string,
  options: AgainstOptions,
): Section {
  const here = describeMachine().commit
  return {
    table: {
      title: `A request at ${here} beside ${other}`,
      columns: [
        'what',
        `${here} / ${other}`,
        `${here}, E`,
        `${other}, E`,
        `${here}, µs`,
        `${other}, µs`,
        'echo, µs',
        'others',
      ],
      rows: measured.map(({ scenario, rounds, noisy }) => {
        const of = (figure: (round: Round) => number, digits: number): string => spread(rounds.map(figure), digits)
        return [
          scenario,
          of(({ ours, theirs }) => ours / theirs, 3),
          of(({ ours, echo }) => ours / echo, 2),
          of(({ theirs, echo }) => theirs / echo, 2),
          of(({ ours }) => ours, 1),
          of(({ theirs }) => theirs, 1),
          of(({ echo }) => echo, 1),
          `${median(rounds.map(({ othersCores }) => othersCores)).toFixed(2)}${noisy ? ' NOISY' : ''}`,
        ]
      }),
      notes: [
        `Server CPU a request; medians of ${options.rounds} rounds of ${options.seconds} s a server, range in brackets; each round takes the three in another order, on the same core. ` +
          `16 connections, ${objects} objects. Rounds in which others used more than ${othersCoresMax} cores are repeated; a row marked NOISY had too few quiet ones.`,
      ],
    },
    figures: [],
  }
}

const objects = 1000

/** Nobody always follows the same one. */
const orders = [
  ['echo', 'theirs', 'ours'],
  ['ours', 'echo', 'theirs'],
  ['theirs', 'ours', 'echo'],
  ['ours', 'theirs', 'echo'],
  ['echo', 'ours', 'theirs'],
  ['theirs', 'echo', 'ours'],
] as const
