import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/**
 * `npm run test:sanitizers`: the addon, built anew for it, under AddressSanitizer and UndefinedBehaviorSanitizer, and as it is built for users
 * under valgrind. A tool that does not report a planted bug first has not run. What is missing on this machine is a failure, not a gap.
 */
const root = join(import.meta.dirname, '../..')
const directory = mkdtempSync(join(tmpdir(), 'krypton-sanitizers-'))
const headers = join(process.execPath, '../../include/node')
const nodeAddonApi = dirname(createRequire(import.meta.url).resolve('node-addon-api/napi.h'))
const drive = join(import.meta.dirname, 'drive.mjs')
const plantedBugs = join(import.meta.dirname, 'planted.cc')

interface Ended {
  readonly status: number | null
  readonly output: string
}

interface Tool {
  readonly name: string
  readonly command: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** What it prints of an error. */
  readonly report: RegExp
}

const sanitizers: Tool = {
  name: 'ASan and UBSan',
  command: [process.execPath],
  env: {
    LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
    // Node leaves much to the end of the process; secrets that are left are counted by the driver.
    ASAN_OPTIONS: 'detect_leaks=0:exitcode=97:handle_segv=0',
    UBSAN_OPTIONS: 'halt_on_error=1:exitcode=97:print_stacktrace=1',
  },
  report: /ERROR: AddressSanitizer|runtime error:/,
}

const valgrind: Tool = {
  name: 'valgrind',
  // Code that V8 makes while it runs is nothing that valgrind can follow.
  command: [
    'valgrind',
    '--quiet',
    '--smc-check=all',
    '--error-exitcode=97',
    '--num-callers=12',
    `--suppressions=${join(import.meta.dirname, 'valgrind.supp')}`,
    process.execPath,
    '--jitless',
  ],
  env: {},
  report: /^==\d+== (?:Invalid|Conditional|Use of uninitialised|Syscall param|Mismatched|Source and destination)/m,
}

try {
  const flags = ['-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']
  await Promise.all([
    Promise.all([build('checked', sources(), flags), build('checked-bugs', [plantedBugs], flags)]).then(
      ([addon, bugs]) =>
        check(sanitizers, addon, bugs, { overflow: /heap-buffer-overflow/, undefined: /signed integer overflow/ }),
    ),
    Promise.all([build('plain', sources(), ['-g', '-O2']), build('plain-bugs', [plantedBugs], ['-g', '-O0'])]).then(
      ([addon, bugs]) => check(valgrind, addon, bugs, { 'overflow+uninitialised': /Invalid read[^]*Conditional jump/ }),
    ),
  ])
  console.log('0 reports')
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function check(tool: Tool, addon: string, bugs: string, planted: Record<string, RegExp>): Promise<void> {
  for (const [part, wanted] of Object.entries(planted)) {
    const { status, output } = await run(tool, bugs, part)
    if (status === 97 && tool.report.test(output) && wanted.test(output)) continue
    throw new Error(`${tool.name} does not find the planted bug ${part} (status ${status}):\n${output}`)
  }
  for (const part of ['slots+calls+keys+wrongCalls+workers', 'exit', 'uncaught']) {
    const { status, output } = await run(tool, addon, part)
    if (status === (part === 'uncaught' ? 1 : 0) && !tool.report.test(output)) continue
    throw new Error(`${tool.name}, ${part}: status ${status}\n${output}`)
  }
}

async function build(name: string, files: readonly string[], flags: readonly string[]): Promise<string> {
  const target = join(directory, `${name}.node`)
  const always = ['-std=gnu++20', '-shared', '-fPIC', '-Wall', '-Wextra', '-Werror', '-Wl,-z,nodelete', `-I${headers}`]
  const defines = [
    '-DNAPI_VERSION=9',
    '-DNAPI_CPP_EXCEPTIONS',
    '-DNODE_GYP_MODULE_NAME=krypton',
    '-DOPENSSL_SUPPRESS_DEPRECATED',
  ]
  const args = [...always, '-isystem', nodeAddonApi, ...defines, ...flags, ...files, '-o', target]
  const { status, output } = await start('g++', args, {})
  if (status !== 0) throw new Error(`g++: status ${status}\n${output}`)
  return target
}

function sources(): string[] {
  return readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.cc'))
    .map((file) => join(root, 'native', file))
}

/** The sanitizer's library of the compiler that builds. */
function library(name: string): string {
  return execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
}

async function run(tool: Tool, file: string, part: string): Promise<Ended> {
  const [command, ...args] = tool.command
  const startedMs = performance.now()
  const ended = await start(command!, [...args, drive, file, part], tool.env)
  console.log(`${tool.name}: ${part}, ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  return ended
}

/** Rejects when the command is not there. */
function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, timeout: 600_000 })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, output }))
  })
}
