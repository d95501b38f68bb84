import '../support/no-compile-cache.ts'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startAdminServer } from '../../src/admin/http-server.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { processTerminal } from '../../src/cli/terminal.ts'
import { ListedServices } from '../admin/services.ts'
import { runCommand } from './terminal.ts'

let folder: string
let instance: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'krypton-doctor-'))
  instance = join(folder, 'instance')
  expect((await runCommand(['init', '--dir', instance])).code).toBe(0)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('krypton doctor', () => {
  it('looks at this machine and the files of an instance where no server runs', async () => {
    const { code, data, talk } = await runCommand(['doctor', '--dir', instance, '-o', 'json'])
    expect([code, talk]).toEqual([0, 'No server runs here: this is what one would have.\n'])
    const findings = JSON.parse(data) as { check: string; state: string; found: string }[]
    expect(findings.map(({ check }) => check)).toContain('native addon')
    expect(findings.at(-1)).toMatchObject({ check: 'files', state: 'good' })
    expect((await runCommand(['doctor', '--dir', instance])).data).toMatch(/^CHECK +STATE +FOUND/)
  })

  it('does as the environment says of the addon, also where there is no configuration', () => {
    const bin = join(import.meta.dirname, '../../bin/krypton')
    const env = { ...process.env, KRYPTON_NATIVE: 'off' }
    const { stdout } = spawnSync(process.execPath, [bin, 'doctor', '-o', 'json'], { env, encoding: 'utf8' })
    const findings = JSON.parse(stdout) as { check: string; state: string; found: string }[]
    const [addon] = findings
    expect(addon).toMatchObject({
      check: 'native addon',
      state: 'warning',
      found: expect.stringContaining('native is off'),
    })
  })

  it('does not take a directory without an instance for a healthy one', async () => {
    const { code, talk } = await runCommand(['doctor', '--dir', folder])
    expect([code, talk]).toEqual([1, expect.stringMatching(/there is no instance in .*: name its directory/)])
  })

  it('ends with 1 and the line that mends it when a key file is open to others', async () => {
    const file = join(instance, 'server.key')
    chmodSync(file, 0o444)
    try {
      const { code, data, talk } = await runCommand(['doctor', '--dir', instance])
      expect(code).toBe(1)
      expect(data).toMatch(/server\.key +wrong +has mode 0444 +chmod go= .*server\.key$/m)
      expect(talk).toMatch(/krypton: 1 of \d+ checks is wrong: mend what is marked so\n$/)
      const quiet = { ...processTerminal, writeData: () => undefined, writeTalk: () => undefined }
      const line = ['doctor', '--dir', instance]
      const program = await buildProgram(quiet)
      await expect(program.parseAsync(line, { from: 'user' })).rejects.toMatchObject({
        code: 'not-healthy',
      })
    } finally {
      chmodSync(file, 0o400)
    }
  })

  it('asks the server where one runs', async () => {
    const services = new ListedServices()
    services.found = [{ check: 'swap', state: 'wrong', found: 'in the clear: /dev/sda2', remedy: 'swapoff -a' }]
    const server = await startAdminServer(services, () => undefined, join(instance, 'krypton.sock'))
    try {
      const { code, data, talk } = await runCommand(['doctor', '--dir', instance])
      expect([code, data]).toEqual([1, expect.stringMatching(/^swap +wrong +in the clear: \/dev\/sda2 +swapoff -a$/m)])
      expect(talk).toMatch(/^The server answered\.\n/)
    } finally {
      await server.close()
    }
  })
})

describe('krypton init', () => {
  it('writes down who holds keys, so that a production server does not fall back by itself', async () => {
    const own = join(folder, 'own')
    const native = process.env['KRYPTON_NATIVE'] ?? 'auto'
    await runCommand(['init', '--dir', own, '--native', native])
    const print = async (...words: string[]): Promise<string> =>
      (
        await runCommand(['config', 'print', '--origin', '--config', join(own, 'krypton.yaml'), ...words], {
          environment: {},
        })
      ).data
    expect(await print()).toMatch(new RegExp(`^native +${native} +file`, 'm'))
    expect(await runCommand(['init', '--dir', join(folder, 'x'), '--native', 'maybe'])).toMatchObject({
      code: 2,
      talk: expect.stringMatching(/--native: native must be one of auto, required, off/),
    })
  })
})
