import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { KryptonServer } from '../integration/krypton-server.ts'
import { projectDirectory, removeDirectory, run, temporaryDirectory } from '../support/counterparts.ts'
import { type CaseResult, knownCases, runOasisCases } from './oasis-cases.ts'

/*
 * npm run test:conformance
 *
 * Runs the test cases of OASIS against `krypton server --dev` and the suites over published vectors (Wycheproof, NIST CAVP), and prints of
 * each version and family how many of those that count passed. Exit status 1 when something fails that test/conformance/known.txt does not have, when
 * something in it passes, or when what a suite needs is absent.
 */

const directory = temporaryDirectory('conformance')
const print = (line = ''): void => void process.stdout.write(`${line}\n`)
let ok = true
try {
  ok = await oasis()
  ok = (await vectors('Wycheproof', 'wycheproof')) && ok
  ok = (await vectors('NIST CAVP', 'cavp')) && ok
} finally {
  removeDirectory(directory)
}
print(ok ? 'conformance: ok' : 'conformance: FAILED')
process.exitCode = ok ? 0 : 1

async function oasis(): Promise<boolean> {
  const { code, stdout, stderr, results } = await resultsOfServer()
  if (results.length === 0) {
    print(`OASIS: absent, the runner had no connection:\n${stderr}`)
    return false
  }
  const known = knownCases()
  const isAlternative = ({ id, status }: CaseResult): boolean =>
    status === 'failed' && known.get(id)?.startsWith('alternative') === true
  const counted = results.filter((result) => result.status !== 'skipped' && !isAlternative(result))
  print('OASIS test cases: passed of those that count')
  printTable(counted)
  printLines(
    'Not passed',
    counted.filter(({ status }) => status === 'failed'),
    ({ id }) => known.get(id) ?? 'NOT KNOWN',
  )
  printLines('Alternatives not chosen', results.filter(isAlternative), ({ id }) => known.get(id) ?? '')
  printLines(
    'Not run',
    results.filter(({ status }) => status === 'skipped'),
    ({ reason }) => reason ?? '',
  )
  for (const line of stdout.split('\n')) if (/^(not )?expected to fail/.test(line)) print(line)
  return code === 0
}

async function resultsOfServer(): ReturnType<typeof runOasisCases> {
  const server = await KryptonServer.start(join(directory, 'server'))
  try {
    return await runOasisCases(server, join(directory, 'oasis.json'))
  } finally {
    await server.stop()
  }
}

/** Version by family, each cell "passed/run"; empty where the version has no case of the family. */
function printTable(results: readonly CaseResult[]): void {
  const sorted = (values: readonly string[]): string[] =>
    [...new Set(values)].toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  const versions = sorted(results.map(({ version }) => version))
  const families = sorted(results.map(({ family }) => family))
  const row = (name: string, of: (result: CaseResult) => boolean): void => {
    const cells = [...versions, undefined].map((version) => {
      const cell = results.filter((result) => of(result) && (version ?? result.version) === result.version)
      return cell.length === 0 ? '' : `${cell.filter(({ status }) => status === 'passed').length}/${cell.length}`
    })
    print([name.padEnd(14), ...cells.map((cell) => cell.padStart(9))].join(''))
  }
  print(['family'.padEnd(14), ...[...versions, 'all'].map((name) => name.padStart(9))].join(''))
  for (const family of families) row(family, (result) => result.family === family)
  row('all', () => true)
}

function printLines(title: string, results: readonly CaseResult[], remark: (result: CaseResult) => string): void {
  if (results.length === 0) return
  print(`\n${title}:`)
  for (const result of results) print(`  ${result.id}\n      ${remark(result)}`)
}

/** The test files of a suite over published vectors: what passed of it, and what is absent. */
async function vectors(title: string, name: string): Promise<boolean> {
  const files = globSync(`test/**/*${name}*.test.ts`, { cwd: projectDirectory })
  print(`\n${title}: passed of all tests`)
  if (files.length === 0) {
    print(`  absent: no test file of this checkout runs these vectors`)
    return true
  }
  const report = join(directory, `${name}.json`)
  const vitest = join(projectDirectory, 'node_modules', 'vitest', 'vitest.mjs')
  const { code, stderr } = await run(
    process.execPath,
    [vitest, 'run', '--project', 'unit', '--reporter=json', `--outputFile=${report}`, ...files],
    { cwd: projectDirectory, timeoutMs: 540_000, env: { KRYPTON_VECTORS: 'all' } },
  )
  if (!existsSync(report)) {
    print(`  the tests did not run:\n${stderr}`)
    return false
  }
  // Vitest's JSON reporter writes this form.
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: readonly { name: string; assertionResults: readonly { title: string; status: string }[] }[]
  }
  let absent = 0
  for (const { name: file, assertionResults } of testResults) {
    const passed = assertionResults.filter(({ status }) => status === 'passed')
    print(`  ${relative(projectDirectory, file).padEnd(48)} ${passed.length}/${assertionResults.length}`)
    for (const { title: test, status } of assertionResults) {
      if (status === 'failed') print(`      failed: ${test}`)
      else if (status !== 'passed') absent++
    }
  }
  if (absent > 0) print(`  absent: the vectors of ${absent} tests, which were skipped\n${stderr.trim()}`)
  return code === 0 && absent === 0
}
