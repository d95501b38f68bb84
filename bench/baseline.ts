import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from './figure.ts'
import { describeMachine } from './machine.ts'

const file = join(import.meta.dirname, 'results/baseline.json')
/** What moves by less is the machine's. */
const movedMin = 0.15

interface Baseline {
  readonly machine: object
  readonly figures: Readonly<Record<string, number>>
}

/** Keeps these figures as those that later runs are compared with. */
export function saveBaseline(figures: readonly Figure[], into = file): void {
  const baseline: Baseline = {
    machine: describeMachine(),
    figures: Object.fromEntries(figures.map(({ id, value }) => [id, Number(value.toPrecision(4))])),
  }
  writeFileSync(into, `${JSON.stringify(baseline, null, 2)}\n`)
}

/** What moved by more than 15 % against the baseline, as lines to print. It fails nothing: machines are noisy. */
export function checkBaseline(figures: readonly Figure[], from = file): string {
  if (!existsSync(from)) return 'There is no baseline: make one with `npm run bench:check -- --update`.\n'
  const { figures: before } = JSON.parse(readFileSync(from, 'utf8')) as Baseline
  const lines = figures.flatMap(({ id, what, value, unit, remarks }) => {
    const old = before[id]
    const note = remarks.length > 0 ? ` (${remarks.join('; ')})` : ''
    if (old === undefined) return [`new: ${what}: ${value.toFixed(2)} ${unit}${note}`]
    const change = value / old - 1
    // A figure that is not a number has moved, whatever it was.
    if (Math.abs(change) <= movedMin) return []
    const percent = `${change > 0 ? '+' : ''}${(change * 100).toFixed(0)} %`
    return [`moved ${percent}: ${what}: ${old} -> ${value.toFixed(2)} ${unit}${note}`]
  })
  const measured = new Set(figures.map(({ id }) => id))
  const gone = Object.keys(before).filter((id) => !measured.has(id))
  lines.push(...gone.map((id) => `gone: ${id}`))
  return `${lines.join('\n')}${lines.length > 0 ? '\n' : ''}${figures.length} figures, ${lines.length} of them moved by more than ${movedMin * 100} %, new or gone\n`
}
