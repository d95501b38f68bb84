import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { run, runWell } from './counterparts.ts'

/** The distribution's Python: PyKMIP 0.10 needs `ssl.wrap_socket`, which 3.12 and later have lost. */
const python = '/usr/bin/python3'

/** What one step of the lifecycle came to. */
export interface Step {
  readonly step: string
  /** The client's traceback. */
  readonly error?: string
}

/** Who asks and where, as PyKMIP's client is told of it. */
export interface PykmipTarget {
  readonly host: string
  readonly port: number
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
}

/** Makes sure that PyKMIP is there; a machine's administrator (a CI job) gets Debian's package installed. */
export async function requirePykmip(): Promise<void> {
  if (await hasPykmip()) return
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    await runWell('apt-get', ['update', '-q'])
    await runWell('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'python3-pykmip'])
  }
  if (!(await hasPykmip())) throw new Error('PyKMIP is missing: apt-get install python3-pykmip')
}

/** Runs every step of `test/integration/pykmip/lifecycle.py` at one version of KMIP. */
export async function runLifecycle(version: string, target: PykmipTarget): Promise<readonly Step[]> {
  const script = join(import.meta.dirname, '..', 'integration', 'pykmip', 'lifecycle.py')
  const { host, port, certFile, keyFile, caFile } = target
  const args = ['-W', 'ignore', script, version, host, String(port), certFile, keyFile, caFile]
  const { code, stdout, stderr } = await run(python, args, { timeoutMs: 120_000 })
  const lines = stdout.split('\n').filter((line) => line !== '')
  // The script prints exactly this form.
  const steps = lines.map((line) => JSON.parse(line) as Step)
  if (code !== 0 && !steps.some((step) => step.error !== undefined))
    throw new Error(`PyKMIP's client failed:\n${stderr}`)
  return steps
}

async function hasPykmip(): Promise<boolean> {
  return existsSync(python) && (await run(python, ['-c', 'import kmip'])).code === 0
}
