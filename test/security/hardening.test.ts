import '../support/no-compile-cache.ts'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryReport } from '../../src/crypto/native.ts'
import { projectDirectory, run, runWell, temporaryDirectory, TestProcess } from '../support/counterparts.ts'

const bin = join(projectDirectory, 'bin', 'krypton')
const source = join(projectDirectory, 'src', 'cli', 'main.ts')
const directory = temporaryDirectory('hardening')
const instance = join(directory, 'instance')
const serverArguments = ['server', '--config', join(instance, 'krypton.yaml'), '--health-port', '0', '--json']

beforeAll(async () => {
  await runWell(process.execPath, [bin, 'init', '--dir', instance, '--kmip-port', '0'])
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Runs `use` on a server of production that was started with these arguments of Node, and returns what its log said. */
async function withServer(
  arguments_: readonly string[],
  use: (server: TestProcess) => Promise<void> | void,
): Promise<string> {
  const server = new TestProcess(process.execPath, [...arguments_, ...serverArguments])
  try {
    await server.until(() => (server.stdout.trimEnd().endsWith('}') ? true : undefined), 'the start of the server')
    await use(server)
  } finally {
    await server.stop()
  }
  return server.stderr
}

const proc = (server: TestProcess, file: string): string => readFileSync(`/proc/${server.pid}/${file}`, 'utf8')

describe('a server of production', () => {
  it('does not start with a switch that shows memory, names each and says what to do', async () => {
    const options = ['--inspect=0', '--heapsnapshot-signal=SIGUSR2', '--report-on-signal --report-directory=/tmp']
    const { code, stdout, stderr } = await run(process.execPath, [bin, ...serverArguments], {
      env: { NODE_OPTIONS: [...options, '--abort-on-uncaught-exception'].join(' ') },
    })
    expect([code, stdout]).toEqual([2, ''])
    for (const line of [
      /--inspect=0 lets others read every object: take --inspect=0 out of the variable NODE_OPTIONS\n/,
      /--heapsnapshot-signal=SIGUSR2 writes the whole heap into a file: take /,
      /--report-on-signal writes .*\n.*--report-directory=\/tmp writes /,
      /--abort-on-uncaught-exception writes the whole memory into a core file at an error: take /,
    ])
      expect(stderr).toMatch(line)
  })

  it('does not start under a profiler that stands on the command line', async () => {
    const profile = ['--heap-prof', `--heap-prof-dir=${directory}`]
    const { code, stderr } = await run(process.execPath, [...profile, source, ...serverArguments])
    expect([code, stderr]).toEqual([2, expect.stringMatching(/start node without --heap-prof\n/)])
  })

  it('does not start where Node prints what streams carry, or takes compiled code from a folder', async () => {
    const env = { NODE_DEBUG: 'none', NODE_COMPILE_CACHE: join(directory, 'code') }
    const { code, stderr } = await run(process.execPath, [bin, ...serverArguments], { env })
    expect([code, stderr]).toEqual([2, expect.stringMatching(/unset NODE_DEBUG\n.*unset NODE_COMPILE_CACHE\n/)])
  })

  it('does not start where memory for keys cannot be locked, and says which limit to raise', async () => {
    if (memoryReport().making === 'javascript') return
    // Root needs no limit, unless that right is taken from it.
    const asRoot = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock'] : []
    const line = [...asRoot, 'sh', '-c', 'ulimit -l 0; exec "$@"', 'sh', process.execPath, source, ...serverArguments]
    const { code, stderr } = await run('/usr/bin/env', line)
    expect(code).toBe(2)
    expect(stderr).toMatch(/locked memory only: .*mlock was refused .*LimitMEMLOCK=64M .*ulimit -l/)
  })

  it('opens no inspector on SIGUSR1, which bin/krypton has Node block', async () => {
    const log = await withServer([bin], async (server) => {
      process.kill(serverPid(server), 'SIGUSR1')
      // Time in which an inspector would come up: it says so on standard error.
      await runWell(process.execPath, [bin, 'status', '--dir', instance])
    })
    expect(log).not.toMatch(/Debugger listening/)
    expect(log).toMatch(/"msg":"stopped"/)
  })

  it('is as closed when it is started in another way, and says on every way who holds keys', async () => {
    const log = await withServer([source], async (server) => {
      process.kill(server.pid, 'SIGUSR1')
      await server.until(() => (server.stderr.includes('SIGUSR1 was ignored') ? true : undefined), 'the log line')
      looksClosed(server)
      await saysWhoHoldsKeys(server)
    })
    expect(log).not.toMatch(/Debugger listening/)
    expect(log).toMatch(/"msg":"stopped"/)
  })

  it('ends with 1 by an error that nobody caught, told in one line of its log without what hangs on the error', async () => {
    const fault = `data:text/javascript,${encodeURIComponent(
      `import { isMainThread } from 'node:worker_threads'
       if (isMainThread) process.on('SIGUSR2', () => { throw Object.assign(new Error('a fault'), { input: 'carried along' }) })`,
    )}`
    const server = new TestProcess(process.execPath, ['--import', fault, source, ...serverArguments])
    await server.until(() => (server.stdout.trimEnd().endsWith('}') ? true : undefined), 'the start of the server')
    server.signal('SIGUSR2')
    expect(await server.end()).toBe('exit code 1')
    expect(server.stderr).toMatch(/"level":"fatal".*a fault.*"msg":"the server ends by an error that nobody caught"/)
    expect(server.stderr).not.toMatch(/carried along/)
  })
})

describe('a development server', () => {
  it('starts with a switch that shows memory, and warns of it', async () => {
    const server = new TestProcess(
      process.execPath,
      [bin, 'server', '--dev', '--dir', join(directory, 'dev'), '--kmip-port', '0', '--health-port', '0', '--json'],
      { env: { NODE_OPTIONS: '--report-uncaught-exception' } },
    )
    try {
      await server.until(() => (server.stdout.trimEnd().endsWith('}') ? true : undefined), 'the start of the server')
    } finally {
      await server.stop()
    }
    expect(server.stderr).toMatch(/"level":"warn".*keys are exposed: --report-uncaught-exception/)
  })
})

/** Files for its owner alone, no core file, and not dumpable. */
function looksClosed(server: TestProcess): void {
  expect(/^Umask:\s+(\S+)$/m.exec(proc(server, 'status'))?.[1]).toBe('0077')
  if (memoryReport().making === 'native')
    expect(/^Max core file size\s+(\S+)\s+(\S+)/m.exec(proc(server, 'limits'))?.slice(1)).toEqual(['0', '0'])
  const readable = filesBelow(instance).filter((file) => (statSync(file).mode & 0o077) !== 0)
  expect(readable.map((file) => file.slice(instance.length + 1)).toSorted()).toEqual([
    'ca.pem',
    'krypton.yaml',
    'server.pem',
  ])
}

/** Ready page, metrics, status and krypton doctor, which says too what is not as it should be. */
async function saysWhoHoldsKeys(server: TestProcess): Promise<void> {
  const isNative = memoryReport().making === 'native'
  // The command prints one document of this form.
  const { addresses, keys } = JSON.parse(server.stdout) as { addresses: { health: { port: number } }; keys: string }
  expect(keys).toMatch(isNative ? /^held by the native addon, in locked memory/ : /^held by JavaScript/)
  const health = `http://127.0.0.1:${addresses.health.port}`
  const ready = (await (await fetch(`${health}/readyz`)).json()) as {
    native: string
    memory: { lockedBytes: number }
  }
  expect(ready.native).toBe(isNative ? 'on' : 'off')
  expect(ready.memory.lockedBytes > 0).toBe(isNative)
  const metrics = await (await fetch(`${health}/metrics`)).text()
  expect(metrics).toMatch(isNative ? /^krypton_native_addon_in_use 1$/m : /^krypton_native_addon_in_use 0$/m)
  expect(metrics).toMatch(
    isNative ? /^krypton_secret_slots_in_use\{class="wrapping"\} [1-9]/m : /^krypton_secret_slots 0$/m,
  )
  const status = await runWell(process.execPath, [bin, 'status', '--dir', instance])
  expect(status).toMatch(isNative ? /^memory\.lockedBytes +[1-9]/m : /^memory\.lockedBytes +0$/m)
  const findings = await run(process.execPath, [bin, 'doctor', '--dir', instance, '--json'])
  expect([findings.code, findings.stderr]).toEqual([0, 'The server answered.\n'])
  const states = new Map(
    (JSON.parse(findings.stdout) as { check: string; state: string }[]).map(({ check, state }) => [check, state]),
  )
  for (const check of ['native addon', 'other processes'])
    expect([check, states.get(check)]).toEqual([check, isNative ? 'good' : 'warning'])
  // Without the addon it is as the shell has it.
  if (isNative) expect(states.get('core files')).toBe('good')
  expect([states.get('switches of Node'), states.get('files')]).toEqual(['good', 'good'])
}

/** bin/krypton under an older Node has the server as its child. */
function serverPid(server: TestProcess): number {
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim()
  return children === '' ? server.pid : Number(children.split(' ')[0])
}

function filesBelow(at: string): string[] {
  return readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
    const path = join(at, entry.name)
    return entry.isDirectory() ? filesBelow(path) : [path]
  })
}
