import type { Part } from '../src/bench/play.ts'
import type { Figure } from './figure.ts'

/** A table of results, printed and kept as Markdown. */
export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly notes: readonly string[]
}

/** A table and, for machines, the figures in it that are compared from run to run. */
export interface Section {
  readonly table: Table
  readonly figures: readonly Figure[]
  /** What the load generator has measured of it, for a page with histograms. */
  readonly parts?: readonly Part[]
}

/** The table as Markdown, its columns aligned so that it is readable as it stands. */
export function markdown(table: Table): string {
  const cells = [table.columns, ...table.rows]
  const widths = table.columns.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [
    `## ${table.title}`,
    '',
    line(table.columns),
    rule,
    ...table.rows.map(line),
    '',
    ...table.notes.map((note) => `${note}\n`),
  ].join('\n')
}

/** A goal beside its figure. Goals are printed and gate nothing. */
export function goalAtMost(value: number, goal: number, unit: string): string {
  return `≤ ${goal}${unit && ` ${unit}`}: ${Number.isFinite(value) && value <= goal ? 'met' : 'not met'}`
}

export function goalAtLeast(value: number, goal: number, unit: string): string {
  return `≥ ${goal}${unit && ` ${unit}`}: ${Number.isFinite(value) && value >= goal ? 'met' : 'not met'}`
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** `1.23 [1.10-1.40]`: median and range. */
export function spread(values: readonly number[], digits: number): string {
  if (values.length === 0) return '-'
  const show = (value: number): string => value.toFixed(digits)
  return `${show(median(values))} [${show(Math.min(...values))}-${show(Math.max(...values))}]`
}
