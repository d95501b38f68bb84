import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

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
  readonly violations: readonly string[]
}

interface Progress {
  cycles: number
  acknowledged: number
  violations: string[]
}

export interface CampaignOptions {
  readonly cycles: number
  readonly json: boolean
  /** Where progress is kept, so that a broken run goes on where it was. */
  readonly state?: string
}

/** `--cycles N`, `--json`, `--state FILE`. */
export function parseCampaign(cyclesDefault: number): CampaignOptions {
  const { values } = parseArgs({
    options: { cycles: { type: 'string' }, json: { type: 'boolean' }, state: { type: 'string' } },
  })
  const cycles = Number(values.cycles ?? cyclesDefault)
  if (!Number.isSafeInteger(cycles) || cycles < 1) throw new Error('--cycles takes a whole number from 1')
  return { cycles, json: values.json === true, state: values.state }
}

/**
 * Finds the planted defects, then runs the cycles, and ends the process with an ExitCode. A defect gets `attempts` cycles to show in: luck
 * decides where a kill falls.
 */
export async function runCampaign(
  name: string,
  options: CampaignOptions,
  parts: {
    planted: Readonly<Record<string, () => Promise<CycleResult>>>
    attempts: number
    cycle: () => Promise<CycleResult>
  },
): Promise<never> {
  for (const [defect, cycle] of Object.entries(parts.planted)) {
    const found = await findPlanted(cycle, parts.attempts)
    if (found === undefined)
      return end(name, options, ExitCode.void, {
        verdict: 'void',
        reason: `planted defect '${defect}' was not found in ${parts.attempts} cycles`,
      })
    say(`${name}: planted defect '${defect}' found: ${found}`)
  }
  const progress = load(options)
  for (; progress.cycles < options.cycles; save(options, progress)) {
    const { acknowledged, violations } = await parts.cycle()
    progress.cycles++
    progress.acknowledged += acknowledged
    progress.violations.push(...violations)
    say(
      `${name}: cycle ${progress.cycles} of ${options.cycles}, ${progress.acknowledged} changes acknowledged, ${progress.violations.length} violations`,
    )
  }
  if (progress.acknowledged === 0)
    return end(name, options, ExitCode.void, { verdict: 'void', reason: 'nothing was acknowledged' })
  const violated = progress.violations.length > 0
  return end(name, options, violated ? ExitCode.violated : ExitCode.ok, {
    verdict: violated ? 'violated' : 'kept',
    planted: Object.keys(parts.planted),
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

async function findPlanted(cycle: () => Promise<CycleResult>, attempts: number): Promise<string | undefined> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { violations } = await cycle()
    if (violations.length > 0) return violations[0]
  }
  return undefined
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

function end(name: string, { json }: CampaignOptions, code: number, result: object): never {
  if (json) console.log(JSON.stringify({ name, ...result }))
  else console.log(`${name}: ${JSON.stringify(result)}`)
  process.exit(code)
}
