import type { Section } from './table.ts'

/** A figure with its goal. `id` is its name in the baseline; a figure that has no baseline is new, one that is gone is told. */
export interface Figure {
  readonly id: string
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly atMost?: number
  readonly atLeast?: number
  readonly stretch?: number
  /** What it was computed from, for people. */
  readonly detail: string
  /** NOISY, generator-bound, failed requests: what a reader must know before the figure is believed. */
  readonly remarks: readonly string[]
}

/** A row that could not be measured, and why. */
export interface Skipped {
  readonly what: string
  readonly why: string
}

/** `met`, `stretch met` or `not met`; a figure with failed requests or without a value meets nothing. */
export function verdict(figure: Figure): string {
  const { value, atMost, atLeast, stretch } = figure
  const meets = (goal: number | undefined): boolean =>
    goal !== undefined && Number.isFinite(value) && (atLeast === undefined ? value <= goal : value >= goal)
  if (figure.remarks.some((remark) => remark.startsWith('failed'))) return 'not met'
  if (atMost === undefined && atLeast === undefined) return ''
  return meets(atMost ?? atLeast) ? (meets(stretch) ? 'stretch met' : 'met') : 'not met'
}

/** The figures of a part as a table: goals stand beside them and gate nothing. */
export function goodSection(
  title: string,
  figures: readonly Figure[],
  notes: readonly string[],
  skipped: readonly Skipped[] = [],
): Section {
  const rows = figures.map((figure) => [
    figure.what,
    `${show(figure.value)} ${figure.unit}`.trim(),
    figure.atMost !== undefined ? `≤ ${figure.atMost}` : figure.atLeast !== undefined ? `≥ ${figure.atLeast}` : '',
    figure.stretch === undefined ? '' : String(figure.stretch),
    verdict(figure),
    figure.detail,
    figure.remarks.join('; '),
  ])
  return {
    table: {
      title,
      columns: ['what', 'figure', 'goal', 'stretch', 'verdict', 'from', 'remarks'],
      rows: [...rows, ...skipped.map(({ what, why }) => [what, '-', '', '', 'skipped', why, ''])],
      notes,
    },
    figures,
  }
}

function show(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)
}
