import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describeMachine } from './machine.ts'
import type { Section } from './table.ts'
import { markdown } from './table.ts'

const directory = join(import.meta.dirname, 'results')

/** Keeps a run: `<time>-<name>.json` with the machine and the figures, and the same as Markdown. Returns where. */
export function saveResults(name: string, sections: readonly Section[], into = directory): string {
  mkdirSync(into, { recursive: true })
  const machine = describeMachine()
  const base = join(into, `${machine.time.slice(0, 19).replaceAll(':', '')}-${name}`)
  const results = sections.map(({ table, figures }) => ({ ...table, figures }))
  writeFileSync(`${base}.json`, `${JSON.stringify({ name, machine, results }, null, 1)}\n`)
  const about = [
    `# Bench: ${name}, ${machine.time.slice(0, 16).replace('T', ' ')} UTC`,
    '',
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.kernel}, Node ${machine.node}, OpenSSL ${machine.openssl}; ` +
      `commit ${machine.commit}; load average before: ${machine.loadAverage}. How each figure is taken: \`bench/README.md\`.`,
    '',
  ]
  writeFileSync(`${base}.md`, [...about, ...sections.map(({ table }) => markdown(table))].join('\n'))
  return relative(process.cwd(), `${base}.md`)
}
