import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'

const executable = join(import.meta.dirname, '../../bin/krypton')

it('starts, hands over arguments and exit codes, and writes nothing on standard error', () => {
  const version = spawnSync(process.execPath, [executable, 'version', '-o', 'json'], { encoding: 'utf8' })
  expect([version.status, version.stderr]).toEqual([0, ''])
  expect(JSON.parse(version.stdout)).toHaveProperty('version')
  expect(spawnSync(process.execPath, [executable, 'nothing']).status).toBe(2)
})

it('ends well when nobody reads on', () => {
  const { status, stderr } = spawnSync('bash', ['-c', '"$0" help | head -c 0; exit ${PIPESTATUS[0]}', executable], {
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

it('opens no inspector while it stays as the parent of its server, and one request to stop is one, whoever hands it on', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'krypton-launcher-'))
  try {
    // As a Node is that cannot put another in its place.
    const older = join(directory, 'older.cjs')
    writeFileSync(older, 'process.execve = undefined')
    const args = [
      'server',
      '--dev',
      '--dir',
      join(directory, 'dev'),
      '--kmip-port',
      '0',
      '--health-port',
      '0',
      '--json',
    ]
    const launcher = spawn(process.execPath, ['--inspect=127.0.0.1:0', '--require', older, executable, ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const exited = once(launcher, 'exit')
    let said = ''
    launcher.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await once(launcher.stdout, 'data')
    process.kill(launcher.pid!, 'SIGUSR1')
    await new Promise((resolve) => setTimeout(resolve, 300))
    // The one of the command line was open before any line of ours ran; it is closed, and no other is opened.
    expect(said.match(/Debugger listening/g)).toHaveLength(1)
    const url = /ws:\/\/(\S+?)\//.exec(said)![1]!
    await expect(fetch(`http://${url}/json/version`)).rejects.toThrow()
    process.kill(-launcher.pid!, 'SIGTERM')
    expect(await exited).toEqual([0, null])
    expect(said).toContain('"stopped"')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

it('stops when its launcher is killed, which can hand on nothing; a shell that has started both in a session of their own may end', async () => {
  const directory = temporaryDirectory('krypton-launcher-gone')
  const older = join(directory, 'older.cjs')
  writeFileSync(older, 'process.execve = undefined')
  const args = ['server', '--dev', '--dir', join(directory, 'dev'), '--kmip-port', '0', '--health-port', '0', '--json']
  const start = 'setsid "$@" <&- & echo $!'
  const shell = spawn('bash', ['-c', start, 'bash', process.execPath, '--require', older, executable, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(shell, 'exit')
  let [said, log] = ['', '']
  shell.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  shell.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const closed = once(shell.stderr, 'close')
  await ended
  await vi.waitFor(() => expect(said).toContain('"kmip"'), { timeout: 60_000, interval: 50 })
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(log).not.toContain('"draining"')
  process.kill(Number.parseInt(said, 10), 'SIGKILL')
  // Of the server too: nobody holds the other end any more.
  await closed
  expect(log).toMatch(/"draining"[^]*"stopped"/)
  removeDirectory(directory)
})

it('is stopped like any other when it is told to while it starts', async () => {
  const directory = temporaryDirectory('krypton-early-stop')
  const ports = ['--kmip-port', '0', '--health-port', '0']
  const server = spawn(process.execPath, [executable, 'server', '--dev', '--dir', directory, ...ports], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(server, 'exit')
  let said = ''
  server.stderr.on('data', (chunk: Buffer) => {
    const before = said
    said += chunk.toString()
    // Its keys are in memory, and it does not listen yet.
    if (said.includes('"unsealed"') && !before.includes('"unsealed"')) server.kill('SIGTERM')
  })
  expect(await exited).toEqual([0, null])
  expect(said).toContain('"stopped"')
  removeDirectory(directory)
})

it('names itself in hints as it was called', () => {
  const cwd = join(import.meta.dirname, '../..')
  const { stderr } = spawnSync(process.execPath, ['bin/krypton', 'status', '--dir', '/nowhere'], {
    cwd,
    encoding: 'utf8',
  })
  expect(stderr).toMatch(/start one with bin\/krypton server/)
  const env = { ...process.env, PATH: `${join(cwd, 'bin')}:${process.env['PATH']}` }
  const found = spawnSync(process.execPath, [executable, 'status', '--dir', '/nowhere'], { env, encoding: 'utf8' })
  expect(found.stderr).toMatch(/start one with krypton server/)
})

it('completes commands and flags in bash', () => {
  const script = spawnSync(process.execPath, [executable, 'completion', 'bash'], { encoding: 'utf8' }).stdout
  const complete = (...words: string[]): string => {
    const list = words.map((word) => `'${word}'`).join(' ')
    const run = `${script}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _krypton; echo "\${COMPREPLY[@]}"`
    return spawnSync('bash', ['-c', run], { encoding: 'utf8' }).stdout.trim()
  }
  expect(complete('krypton', 'ten')).toBe('tenant')
  expect(complete('krypton', 'client', '')).toMatch(/^add list show role credential revoke/)
  expect(complete('krypton', 'client', 'add', 'orders', '--ten')).toBe('--tenant')
})

it('finds a Node that is new enough in PATH when an old one starts it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'krypton-bin-'))
  try {
    const script = join(directory, 'old.cjs')
    // An old Node in all that the start looks at: its version, and no way to take the place of a process.
    writeFileSync(
      script,
      `Object.defineProperty(process, 'version', { value: 'v12.22.0' })
Object.defineProperty(process, 'execve', { value: undefined })
Object.defineProperty(process, 'arch', { value: process.env.TEST_ARCH || process.arch })
require(${JSON.stringify(executable)})`,
    )
    writeFileSync(join(directory, 'node'), `#!/bin/sh\nexec ${process.execPath} "$@"\n`)
    chmodSync(join(directory, 'node'), 0o755)
    const run = (environment: Record<string, string>) => {
      const env = { ...process.env, ...environment }
      return spawnSync(process.execPath, [script, 'nothing'], { encoding: 'utf8', env })
    }
    expect(run({}).status).toBe(2)
    expect(run({ TEST_ARCH: 'none', PATH: `/nowhere:${directory}` }).status).toBe(2)
    const none = run({ TEST_ARCH: 'none', PATH: '/nowhere' })
    expect([none.status, none.stderr]).toEqual([1, expect.stringMatching(/needs Node 24 or newer.*\n.*npm ci/)])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
