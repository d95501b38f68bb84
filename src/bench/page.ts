import type { Part } from './play.ts'

/** What stands above the figures. */
export interface PageHead {
  readonly title: string
  /** Who was measured, from where and when. */
  readonly about: readonly string[]
}

/** A table of results beside the parts. */
export interface PageTable {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly notes: readonly string[]
}

const [width, height, left, bottom, top, right] = [720, 220, 64, 36, 12, 16]

/**
 * The results as one HTML page: the tables, one of the parts, throughput against connections where several numbers were measured, and a histogram of
 * latency for each part. It has no script and asks for nothing: it opens from a disk without a network.
 */
export function page({ title, about }: PageHead, parts: readonly Part[], tables: readonly PageTable[] = []): string {
  const sweep = new Set(parts.map(({ load }) => load.connections)).size > 2 ? throughput(parts) : ''
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(title)}</title>
<style>
:root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --line: #d5d9e0; --bar: #3b6fd4; --bad: #b42318; --ground: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #3a4250; --bar: #7aa2f7; --bad: #f97066; --ground: #14181f } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: 2rem 0 .25rem }
p { margin: .25rem 0; color: var(--soft) }
.bad { color: var(--bad); font-weight: 600 }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0 }
th, td { text-align: right; padding: .3rem .7rem; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left }
svg { width: 100%; height: auto; display: block }
svg text { fill: var(--soft); font-size: 11px } .axis { stroke: var(--line) } .bar { fill: var(--bar) } .curve { stroke: var(--bar); fill: none; stroke-width: 2 }
.mark { stroke: var(--ink); stroke-dasharray: 3 3 } svg .mark-name { fill: var(--ink) }
</style>
</head>
<body>
<h1>${escape(title)}</h1>
${about.map((line) => `<p>${escape(line)}</p>`).join('\n')}
${tables.map(tableOf).join('\n')}
${parts.length === 0 ? '' : overview(parts)}
${sweep}
${parts.map(section).join('\n')}
</body>
</html>
`
}

function tableOf({ title, columns, rows, notes }: PageTable): string {
  const cells = (row: readonly string[], tag: string): string =>
    columns.map((_, at) => `<${tag}>${escape(row[at] ?? '')}</${tag}>`).join('')
  return `<h2>${escape(title)}</h2>
<div class="wide"><table><thead><tr>${cells(columns, 'th')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n')}
</tbody></table></div>
${notes.map((note) => `<p>${escape(note)}</p>`).join('\n')}`
}

function overview(parts: readonly Part[]): string {
  const rows = parts.map(({ name, load }) => {
    const { p50, p90, p99, p999, max } = load.latency
    const cells = [load.requestsPerSecond, ...[p50, p90, p99, p999, max].map((us) => duration(us)), load.failed]
    return `<tr><td>${escape(name)}</td>${cells.map((cell) => `<td>${cell}</td>`).join('')}<td class="bad">${load.invalid.length > 0 ? 'INVALID' : ''}</td></tr>`
  })
  return `<div class="wide"><table><thead><tr><th>what</th><th>requests/s</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th><th>failed</th><th></th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div>`
}

function throughput(parts: readonly Part[]): string {
  const points = parts.toSorted((a, b) => a.load.connections - b.load.connections)
  const most = niceAbove(Math.max(1, ...points.map(({ load }) => load.requestsPerSecond)))
  const [few, many] = [points[0]!.load.connections, points.at(-1)!.load.connections]
  const x = scale(Math.log2(few), Math.log2(many), left, width - right)
  const y = scale(0, most, height - bottom, top)
  const places = points.map(({ load }) => ({
    load,
    x: x(Math.log2(load.connections)),
    y: y(load.requestsPerSecond),
  }))
  const dots = places.map(
    ({ load, x: cx, y: cy }) =>
      `<circle class="bar" cx="${round(cx)}" cy="${round(cy)}" r="4"><title>${load.connections} connections: ${load.requestsPerSecond} requests/s</title></circle>` +
      `<text x="${round(cx)}" y="${height - bottom + 16}" text-anchor="middle">${load.connections}</text>`,
  )
  return `<h2>Throughput against connections</h2>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Requests a second against connections">
${frame(most, y)}
<polyline class="curve" points="${places.map((place) => `${round(place.x)},${round(place.y)}`).join(' ')}"/>
${dots.join('\n')}
<text x="${(left + width - right) / 2}" y="${height - 4}" text-anchor="middle">connections</text>
</svg>`
}

function section({ name, load }: Part): string {
  return `<h2>${escape(name)}</h2>
<p>${load.mode}, ${load.loop} loop${load.rate === undefined ? '' : ` at ${load.rate} tasks a second; latency counts from the time a request was meant to leave`}; ${load.answered} answers in ${load.seconds} s.</p>
${Object.entries(load.failures)
  .map(([reason, count]) => `<p class="bad">failed ${count} times: ${escape(reason)}</p>`)
  .join('\n')}
${load.invalid.map((reason) => `<p class="bad">INVALID: ${escape(reason)}</p>`).join('\n')}
${load.histogram.length === 0 ? '<p>No request was answered.</p>' : histogram(load)}`
}

/** Latency on a logarithmic axis. A step is an eighth of a doubling; below 128 µs, where steps are of equal width, they are narrower on the left. */
function histogram({ histogram: steps, latency, latencyByOperation }: Part['load']): string {
  const least = Math.log2(Math.max(8, steps[0]![0] * 0.85))
  const greatest = Math.log2(Math.max(steps.at(-1)![0], steps[0]![0] * 2))
  const x = scale(least, greatest, left, width - right)
  const place = (us: number): number => x(Math.log2(Math.max(us, 2 ** least)))
  const total = steps.reduce((sum, [, count]) => sum + count, 0)
  const most = niceAbove((100 * Math.max(...steps.map(([, count]) => count))) / total)
  const y = scale(0, most, height - bottom, top)
  const bars = steps.map(([upper, count]) => {
    const [from, to] = [place(lowerEdge(upper)), place(upper)]
    const percent = (100 * count) / total
    return `<rect class="bar" x="${round(from)}" y="${round(y(percent))}" width="${round(Math.max(1, to - from - 0.5))}" height="${round(height - bottom - y(percent))}"><title>up to ${duration(upper)}: ${percent.toFixed(2)} %</title></rect>`
  })
  const ticks: string[] = []
  for (let power = 10; power <= 2 ** greatest; power *= 10) {
    for (const us of [power, 2 * power, 5 * power]) {
      if (us < 2 ** least || us > 2 ** greatest) continue
      ticks.push(
        `<text x="${round(place(us))}" y="${height - bottom + 16}" text-anchor="middle">${duration(us)}</text>`,
      )
    }
  }
  const marks = (
    [
      ['p50', latency.p50],
      ['p99', latency.p99],
      ['p99.9', latency.p999],
    ] as const
  ).map(
    ([name, us], index) =>
      `<line class="mark" x1="${round(place(us))}" x2="${round(place(us))}" y1="${top}" y2="${height - bottom}"/>` +
      `<text class="mark-name" ${beside(place(us))} y="${top + 10 + 13 * index}">${name} ${duration(us)}</text>`,
  )
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Share of requests by latency">
${frame(most, y, ' %')}
${bars.join('\n')}
${ticks.join('')}
${marks.join('\n')}
<text x="${(left + width - right) / 2}" y="${height - 4}" text-anchor="middle">latency of ${escape(Object.keys(latencyByOperation).join(', '))}</text>
</svg>`
}

/** A label right of `x`, or left of it where there would be no room. */
function beside(x: number): string {
  return x > width - right - 90 ? `x="${round(x - 3)}" text-anchor="end"` : `x="${round(x + 3)}"`
}

/** The step below: 16 µs wide in the linear part, an eighth of a doubling above it. */
function lowerEdge(upper: number): number {
  if (upper <= 128) return upper - 16
  return upper - 2 ** Math.floor(Math.log2(upper - 1)) / 8
}

function frame(most: number, y: (value: number) => number, unit = ''): string {
  return [0, 0.5, 1]
    .map((share) => {
      const value = share * most
      return (
        `<line class="axis" x1="${left}" x2="${width - right}" y1="${round(y(value))}" y2="${round(y(value))}"/>` +
        `<text x="${left - 8}" y="${round(y(value) + 4)}" text-anchor="end">${value >= 1000 ? `${value / 1000}k` : value}${unit}</text>`
      )
    })
    .join('')
}

/** 1, 2 or 5 times a power of ten: the first that is no less. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * power).find((nice) => nice >= value)!
}

function scale(from: number, to: number, first: number, last: number): (value: number) => number {
  return (value) => first + ((value - from) / (to - from || 1)) * (last - first)
}

function duration(us: number): string {
  if (us < 1000) return `${Math.round(us)} µs`
  return us < 1_000_000 ? `${Number((us / 1000).toPrecision(3))} ms` : `${Number((us / 1_000_000).toPrecision(3))} s`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
