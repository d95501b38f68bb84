import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { kmipVictim } from './kmip-victim.ts'
import { storeVictim } from './store-victim.ts'
import type { Finding, Victim, Violation } from './victim.ts'
import { harnessFlags } from '../support/harness-flags.ts'

/** How a command of this folder ends. */
export const ExitCode = {
  /** Every cycle kept what was acknowledged. */
  ok: 0,
  /** Something acknowledged was lost, half-written or back. */
  violated: 1,
  /** The planted defect was not found: the run says nothing. */
  void: 3,
  /** This machine cannot run it (no loop devices, no tracer): the run says nothing. */
  unavailable: 4,
} as const

/** What a cycle found. */
export interface CycleResult {
  readonly acknowledged: number
  readonly violations: readonly Violation[]
}

/** A cycle with a defect in it, and what it must find. */
export interface Planted {
  readonly finds: readonly Finding[]
  readonly cycle: () => Promise<CycleResult>
}

interface Progress {
  cycles: number
  acknowledged: number
  violations: Violation[]
}

export interface CampaignOptions {
  readonly victim: Victim
  readonly cycles: number
  readonly json: boolean
  /** Where progress is kept, so that a broken run goes on where it was. */
  readonly state?: string
}

/** `--victim kmip|store`, `--cycles N`, `--json`, `--state FILE`. `what` says what the command does, for `--help`. */
export function parseCampaign(command: string, what: string, cyclesDefault: number): CampaignOptions {
  const { victim = 'kmip', ...options } = harnessFlags({
    help: `
npm run ${command} -- [--victim kmip|store] [--cycles N] [--state FILE] [--json]

${what}
The victim is the whole server under KMIP clients, or the store alone. A planted defect must be found first. With --state a campaign that
was broken off goes on. Exit status: 0 kept, 1 violated, 3 void: a planted defect was not found, 4 this machine cannot run it.

npm run ${command} -- --cycles ${cyclesDefault}`,
    numbers: { cycles: cyclesDefault },
    texts: { victim: Object.keys(victims), state: [] },
    switches: ['json'],
  })
  return { victim: victims[victim]!, ...options }
}

const victims: Readonly<Record<string, Victim>> = { kmip: kmipVictim, store: storeVictim }

/**
 * Finds the planted defects, then runs the cycles, and ends the process with an ExitCode. A defect gets `attempts` cycles to show in: luck
 * decides where a kill falls.
 */
export async function runCampaign(
  name: string,
  options: CampaignOptions,
  parts: {
    planted: Readonly<Record<string, Planted>>
    attempts: number
    cycle: () => Promise<CycleResult>
    /** Lets go of what the last cycle left running. */
    end?: () => Promise<void>
  },
): Promise<never> {
  // an interrupted run ends as others do: nothing of it goes on
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(ExitCode.void))
  const label = `${name}, ${options.victim.name}`
  const started = Date.now()
  for (const [defect, planted] of Object.entries(parts.planted)) {
    const { found, missed } = await findPlanted(planted, parts.attempts)
    if (missed.length > 0)
      return end(name, options, ExitCode.void, {
        verdict: 'void',
        reason: `planted defect '${defect}': nothing was found ${missed.join(' or ')} in ${parts.attempts} cycles`,
      })
    for (const violation of found) say(`${label}: planted defect '${defect}' found: ${violation}`)
  }
  const progress = load(options)
  for (; progress.cycles < options.cycles; save(options, progress)) {
    const { acknowledged, violations } = await parts.cycle()
    progress.cycles++
    progress.acknowledged += acknowledged
    progress.violations.push(...violations)
    say(
      `${label}: cycle ${progress.cycles} of ${options.cycles}, ${progress.acknowledged} changes acknowledged, ${progress.violations.length} violations`,
    )
  }
  await parts.end?.()
  if (progress.acknowledged === 0)
    return end(name, options, ExitCode.void, { verdict: 'void', reason: 'nothing was acknowledged' })
  const violated = progress.violations.length > 0
  return end(name, options, violated ? ExitCode.violated : ExitCode.ok, {
    verdict: violated ? 'violated' : 'kept',
    planted: Object.keys(parts.planted),
    seconds: Math.round((Date.now() - started) / 1000),
    ...progress,
  })
}

/** Ends a command that this machine cannot run. */
export function unavailable(name: string, options: CampaignOptions, reason: string): never {
  return end(name, options, ExitCode.unavailable, { verdict: 'unavailable', reason })
}

/** A line for the person who watches. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** One violation of each kind that the defect has to show. */
async function findPlanted({ finds, cycle }: Planted, attempts: number) {
  const found: Violation[] = []
  let missed = finds
  for (let attempt = 0; attempt < attempts && missed.length > 0; attempt++) {
    const { violations } = await cycle()
    for (const kind of missed) {
      const violation = violations.find((line) => line.startsWith(`${kind}: `))
      if (violation !== undefined) found.push(violation)
    }
    missed = finds.filter((kind) => !found.some((line) => line.startsWith(`${kind}: `)))
  }
  return { found, missed }
}

function load({ state }: CampaignOptions): Progress {
  if (state === undefined || !existsSync(state)) return { cycles: 0, acknowledged: 0, violations: [] }
  const progress: Progress = JSON.parse(readFileSync(state, 'utf8'))
  return progress
}

function save({ state }: CampaignOptions, progress: Progress): void {
  if (state === undefined) return
  writeFileSync(`${state}.new`, JSON.stringify(progress))
  renameSync(`${state}.new`, state)
}

function end(name: string, { json, victim }: CampaignOptions, code: number, result: object): never {
  if (json) console.log(JSON.stringify({ name, victim: victim.name, ...result }))
  else console.log(`${name}, ${victim.name}: ${JSON.stringify(result)}`)
  process.exit(code)
}
