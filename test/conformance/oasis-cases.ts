import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KryptonServer } from '../integration/krypton-server.ts'
import { type Output, run, sharedFile } from '../support/counterparts.ts'

/** Cases that this version does not pass, each with its reason. */
export const knownCasesFile = join(import.meta.dirname, 'known.txt')

/** What the runner says of one case. */
export interface CaseResult {
  readonly id: string
  readonly family: string
  /** As its folder has it: `v1.4`. */
  readonly version: string
  readonly status: 'passed' | 'failed' | 'skipped'
  /** Why it is skipped. */
  readonly reason?: string
}

/** The cases in `known.txt` with the remark of each. */
export function knownCases(): ReadonlyMap<string, string> {
  const lines = readFileSync(knownCasesFile, 'utf8').split('\n')
  const cases = lines.filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    cases.map((line) => {
      const [id = '', ...remark] = line.split('#')
      return [id.trim(), remark.join('#').trim()]
    }),
  )
}

/**
 * Runs the test cases of OASIS against this server, with a second client of another service for the cases of two owners. The runner's
 * exit code is 0 when just the known cases fail.
 */
export async function runOasisCases(
  server: KryptonServer,
  resultsFile: string,
): Promise<Output & { readonly results: readonly CaseResult[] }> {
  const first = await server.addClient('first', 'oasis')
  const second = await server.addClient('second', 'oasis', '--service', 'second')
  // What Certify signs with is for an operator to name.
  const subject = 'CN=KMIP,OU=OASIS,O=TEST,C=US'
  await server.command('authority', 'create', 'issuing', '--tenant', 'oasis', '--subject', subject)
  const output = await run(
    process.execPath,
    [
      sharedFile('oasis', 'run.mjs'),
      `--port=${server.port}`,
      `--ca=${first.caFile}`,
      `--cert=${first.certFile}`,
      `--key=${first.keyFile}`,
      `--cert2=${second.certFile}`,
      `--key2=${second.keyFile}`,
      `--expect-file=${knownCasesFile}`,
      `--json=${resultsFile}`,
    ],
    { timeoutMs: 540_000 },
  )
  // The runner writes its results in this form; it writes none when it has no connection.
  const results = output.code === 2 ? [] : (JSON.parse(readFileSync(resultsFile, 'utf8')) as CaseResult[])
  return { ...output, results }
}
