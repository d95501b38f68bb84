import { credentialInput, verifiesCredential } from '../../src/auth/credential-verifier.ts'
import type { Command } from 'commander'
import { createPrivateKey } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { startAdminServer, type AdminHttpServer } from '../../src/admin/http-server.ts'
import { commands } from '../../src/cli/commands/index.ts'
import { demoIdentity } from '../../src/cli/demo-identity.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { processTerminal } from '../../src/cli/terminal.ts'
import { ListedServices } from '../admin/services.ts'
import { runCommand } from './terminal.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'krypton-cli-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('every command', () => {
  it('has a description, help with an example, and no secret among its flags', async () => {
    const leaves = (command: Command): Command[] =>
      command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
    const program = await buildProgram(processTerminal)
    expect(program.commands.map((command) => command.name())).toEqual(Object.keys(commands))
    const found = leaves(program)
    expect(found.length).toBeGreaterThan(program.commands.length)
    for (const command of found) {
      const path = []
      for (let at: typeof command | null = command; at?.parent; at = at.parent) path.unshift(at.name())
      const { code, data } = await runCommand([...path, '--help'])
      expect([path, code]).toEqual([path, 0])
      expect(command.description()).not.toBe('')
      expect(data).toMatch(/Examples:\n {2}\$ |source </)
      expect(data).not.toMatch(/--(password|pin|secret|token|key)\b/)
    }
  })

  it('ends with 2 for a wrong command line and says where help is', async () => {
    for (const args of [
      ['nothing'],
      ['tenant', 'add'],
      ['status', '--nope'],
      ['client', 'add', 'x'],
      ['completion', 'csh'],
    ]) {
      const { code, data, talk } = await runCommand(args)
      expect([args, code, data]).toEqual([args, 2, ''])
      expect(talk).toMatch(/^krypton: (?!error).* --help shows what is allowed\n$/)
    }
  })

  it('has its help under `help` too', async () => {
    const { code, data } = await runCommand(['help', 'client', 'add'])
    expect([code, data]).toEqual([0, (await runCommand(['client', 'add', '--help'])).data])
    expect((await runCommand(['help'])).data).toMatch(/^Usage: krypton /)
    expect(await runCommand(['help', 'client', 'nope'])).toMatchObject({ code: 2, data: '' })
  })

  it('names itself in hints as it was called', async () => {
    const environment = { KRYPTON_COMMAND: 'bin/krypton' }
    expect((await runCommand(['client', 'add', '--help'], { environment })).data).toContain('$ bin/krypton client add')
    const { talk } = await runCommand(['status', '--dir', directory], { environment })
    expect(talk).toMatch(/^krypton: .*start one with bin\/krypton server/)
  })

  it('refuses an output form that it does not have', async () => {
    const { code, talk } = await runCommand(['version', '-o', 'xml'])
    expect([code, talk]).toEqual([2, 'krypton: --output can be table, json, yaml, not xml\n'])
    expect(await runCommand(['version'], { environment: { KRYPTON_OUTPUT: 'xml' } })).toMatchObject({
      code: 2,
      talk: expect.stringMatching(/^krypton: KRYPTON_OUTPUT can be/),
    })
  })

  it('gives the same data as table, JSON and YAML', async () => {
    const json = JSON.parse((await runCommand(['version', '--json'])).data) as object
    expect(parse((await runCommand(['version'], { environment: { KRYPTON_OUTPUT: 'yaml' } })).data)).toEqual(json)
    expect((await runCommand(['version', '-o', 'table'])).data).toContain(`node     ${process.version}\n`)
  })
})

describe('commands that ask the server', () => {
  let services: ListedServices
  let server: AdminHttpServer
  const ask = (...args: string[]) => runCommand(args, { environment: { KRYPTON_DIR: directory } })

  beforeEach(async () => {
    services = new ListedServices()
    server = await startAdminServer(services, () => undefined, join(directory, 'krypton.sock'))
  })

  afterEach(() => server.close())

  it('end with 3 where no server answers', async () => {
    const { code, talk } = await runCommand(['status', '--dir', join(directory, 'none')])
    expect([code, talk]).toEqual([3, expect.stringMatching(/no server answers on .*start one with krypton server/)])
  })

  it('tell the status with its warnings; sealed ends with 3', async () => {
    const { code, data, talk } = await ask('status')
    expect([code, talk]).toEqual([0, ''])
    expect(data).toMatch(/^warnings\s+rollback is not detected\n {2,}keys are held/m)
    expect(data).toMatch(/^kmip\.port\s+5696$/m)
    expect(JSON.parse((await ask('status', '-o', 'json')).data)).toMatchObject({
      warnings: ['rollback is not detected', 'keys are held by JavaScript'],
    })
    services.state = 'sealed'
    expect((await ask('status')).code).toBe(3)
  })

  it('add and list tenants', async () => {
    expect((await ask('tenant', 'list')).talk).toBe('none\n')
    expect((await ask('tenant', 'add', 'acme')).code).toBe(0)
    expect((await ask('tenant', 'list')).data).toMatch(/^NAME\s+STATE/)
    expect(await ask('tenant', 'add', 'acme')).toMatchObject({ code: 1, talk: 'krypton: the tenant acme exists\n' })
    expect((await ask('tenant', 'add', 'a/b')).code).toBe(2)
  })

  it('make, list, give and remove roles', async () => {
    await ask('tenant', 'add', 'acme')
    const out = join(directory, 'of-role')
    const added = await ask('client', 'add', 'one', '--tenant', 'acme', '--role', 'reader', '--out', out, '--json')
    expect(JSON.parse(added.data)).toMatchObject({ name: 'one', role: 'reader' })
    const rule = 'get,locate types=symmetric-key groups=cards,wallets'
    expect((await ask('role', 'add', 'own', '--tenant', 'acme', '--rule', rule, '--rule', 'user')).code).toBe(0)
    expect(services.roles.at(-1)?.rules).toEqual([
      { operations: ['get', 'locate'], objectTypes: ['symmetric-key'], objectGroups: ['cards', 'wallets'] },
      { operations: ['user'] },
    ])
    expect((await ask('role', 'list', '--tenant', 'acme')).data).toContain(`own     ${rule}; user`)
    expect((await ask('client', 'role', 'one', 'own', '--tenant', 'acme')).code).toBe(0)
    expect((await ask('client', 'show', 'one', '--tenant', 'acme')).data).toMatch(/^role\s+own$/m)
    expect((await ask('client', 'list', '--tenant', 'acme')).data).toContain('of own')
    expect((await ask('client', 'show', 'two', '--tenant', 'acme')).code).not.toBe(0)
    expect((await ask('role', 'remove', 'own', '--tenant', 'acme')).code).toBe(0)
    expect(services.roles).toHaveLength(1)
    for (const wrong of ['', 'get,', 'get types', 'get types=', 'get sorts=a', 'get types=a types=b']) {
      expect((await ask('role', 'add', 'own', '--tenant', 'acme', '--rule', wrong)).code, wrong).toBe(2)
    }
    const both = ['--role', 'reader', '--allow', 'get', '--out', out]
    expect((await ask('client', 'add', 'two', '--tenant', 'acme', ...both)).code).toBe(2)
  })

  it('leave no directory of a client that was refused', async () => {
    const out = join(directory, 'new', 'inner')
    const add = () => ask('client', 'add', 'one', '--tenant', 'nobody', '--out', out)
    expect((await add()).code).toBe(1)
    expect(existsSync(join(directory, 'new'))).toBe(false)
    mkdirSync(join(directory, 'new'))
    expect((await add()).code).toBe(1)
    expect(readdirSync(join(directory, 'new'))).toEqual([])
  })

  it('ask a client for a credential, whose password no server and no argument is told', async () => {
    await ask('tenant', 'add', 'acme')
    await ask('client', 'add', 'one', '--tenant', 'acme', '--out', join(directory, 'of-credential'))
    const file = join(directory, 'password')
    writeFileSync(file, 'geheim\n')
    const add = ['client', 'credential', 'add', 'one', '--tenant', 'acme']
    const { code, data } = await ask(...add, '--username', 'fgt', '--file', file)
    expect([code, data]).toEqual([0, expect.stringMatching(/^credential\s+username-and-password$/m)])
    const fields = { type: 'username-and-password' as const, username: 'fgt', password: Buffer.from('geheim') }
    const verifier = Buffer.from(services.verifiers[0]!, 'hex')
    expect(await verifiesCredential(credentialInput(fields), verifier)).toBe(true)
    const environment = { KRYPTON_DIR: directory }
    const piped = [...add, '--device-serial-number', '12', '--file', '-']
    expect((await runCommand(piped, { environment, input: Buffer.from('x\r\n') })).data).toMatch(
      /^credential\s+device$/m,
    )
    const device = { type: 'device' as const, deviceSerialNumber: '12', password: Buffer.from('x') }
    expect(await verifiesCredential(credentialInput(device), Buffer.from(services.verifiers[1]!, 'hex'))).toBe(true)
    expect((await ask('client', 'credential', 'remove', 'one', '--tenant', 'acme')).code).toBe(0)
    const wrong = [[], ['--username', 'a'], ['--username', 'a', '--media-identifier', 'b'], ['--file', file]]
    for (const flags of wrong) expect((await ask(...add, ...flags)).code).toBe(2)
    for (const input of ['', '\n', '\u{feff}', 'x'.repeat(1025), Buffer.from([0x67, 0xe4])]) {
      expect((await runCommand(piped, { environment, input: Buffer.from(input as string) })).code).toBe(2)
    }
    expect((await runCommand(piped, { environment, input: Buffer.from('\u{feff}x') })).code).toBe(0)
    expect(await verifiesCredential(credentialInput(device), Buffer.from(services.verifiers[2]!, 'hex'))).toBe(true)
    expect((await ask(...add, '--username', 'a', '--file', join(directory, 'none'))).code).toBe(2)
  })

  it('make, name and show a certificate authority, and write its certificate once', async () => {
    await ask('tenant', 'add', 'acme')
    const file = join(directory, 'acme-ca.pem')
    const create = ['authority', 'create', 'issuing', '--tenant', 'acme', '--subject', 'CN=CA']
    expect((await ask(...create, '--out', file)).code).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe('CERTIFICATE\n')
    expect((await ask('authority', 'show', '--tenant', 'acme', '--out', file)).code).toBe(2)
    expect(JSON.parse((await ask('authority', 'show', '--tenant', 'acme', '--json')).data)).toMatchObject({
      subject: 'CN=CA',
      certificatePem: 'CERTIFICATE\n',
    })
    const use = ['authority', 'use', '--tenant', 'acme', '--private-key', 'k', '--certificate', 'c']
    expect((await ask(...use)).data).toMatch(/^privateKey\s+k$/m)
    for (const wrong of [
      ['--algorithm', 'dsa'],
      ['--days', '0'],
      ['--days', 'x'],
    ]) {
      expect((await ask(...create, ...wrong)).code).toBe(2)
    }
  })

  it('show and set how often the keys of a tenant are rotated', async () => {
    await ask('tenant', 'add', 'acme')
    expect((await ask('tenant', 'rotation', 'acme')).data).toMatch(/^tenantKeyDays +90\nserviceKeyDays +30$/m)
    expect((await ask('tenant', 'rotation', 'acme', '--service-key-days', '7')).data).toMatch(/^serviceKeyDays +7$/m)
    for (const days of ['0', '366', '1.5', 'x'])
      expect((await ask('tenant', 'rotation', 'acme', '--tenant-key-days', days)).code).toBe(2)
    expect((await ask('tenant', 'rotation', 'nobody')).code).toBe(1)
  })

  it('show keys and jobs, ask for rotations, and cancel jobs', async () => {
    expect((await ask('key', 'list')).data).toMatch(/^KEY +LEVEL +VERSION.*\nivk +IVK +2 +active/)
    expect((await ask('key', 'list', '--tenant', 'acme')).talk).toBe('none\n')
    expect((await ask('key', 'show', 'ivk')).data).toMatch(/3 Tenant Keys$/m)
    const rotated = await ask('key', 'rotate', 'acme/default')
    expect([rotated.code, rotated.talk]).toEqual([0, expect.stringContaining(`krypton job show ${'0'.repeat(32)}`)])
    expect((await ask('key', 'compromise', 'acme/default', '--json')).data).toContain('"compromised"')
    for (const name of ['acme', 'a/b/c/d', 'acme/', 'ivk/1']) {
      expect(await ask('key', 'rotate', name), name).toMatchObject(name === 'ivk/1' ? { code: 0 } : { code: 2 })
    }
    expect((await ask('key', 'announce', 'acme/default/new')).data).toMatch(/acme\/default\/new +L3 +1 +pending/)
    for (const act of ['activate', 'suspend', 'resume', 'deactivate'])
      expect((await ask('key', act, 'acme/default')).data).toMatch(/acme\/default +L2/)
    expect((await ask('key', 'ancestors', 'acme/default')).data).toMatch(/^ivk/m)
    expect((await ask('key', 'descendants', 'ivk')).talk).toBe('none\n')
    for (const name of ['integrity', 'integrity:acme']) expect((await ask('key', 'rotate', name)).code).toBe(0)
    expect((await ask('operator', 'rotate')).code).toBe(2)
    expect((await ask('operator', 'rotate', '--dry-run', '--yes')).code).toBe(2)
    expect((await ask('operator', 'rotate', '--dry-run')).data).toMatch(/^epoch +2\nivks +2\nintegrityKeys +1\n/)
    const epoch = await ask('operator', 'rotate', '--yes')
    expect(epoch.data).toMatch(/^cluster +00\nverifier +01\nepoch +2\n$/)
    expect(epoch.talk).toContain('  verifier: 01\n  epoch: 2\n')
    expect((await ask('key', 'destroy', 'acme')).code).toBe(2)
    expect((await ask('key', 'destroy', 'acme', '--dry-run', '--yes')).code).toBe(2)
    expect((await ask('key', 'destroy', 'acme', '--dry-run')).data).toMatch(/^objects +30$/m)
    expect((await ask('key', 'destroy', 'acme/a/b', '--only-version', 'x', '--yes')).code).toBe(2)
    expect((await ask('key', 'destroy', 'acme/a/b', '--only-version', '3', '--yes')).data).toMatch(
      /^subject +acme\/a\/b 3$/m,
    )
    expect((await ask('job', 'list')).data).toMatch(/rotate-ivk +IVK +running +3\/10/)
    expect((await ask('job', 'show', '0'.repeat(32))).data).toMatch(/^state +running$/m)
    expect((await ask('job', 'cancel', '0'.repeat(32))).data).toMatch(/^state +cancelling$/m)
    const glass = (...args: string[]) => ask('key', 'break-glass', ...args)
    expect((await glass('grant', 'acme/default', '--minutes', '30', '--reason', 'incident')).code).toBe(0)
    expect((await glass('list')).data).toMatch(/^a{32} +acme\/default +2026-01-01T00:30.* +incident$/m)
    for (const minutes of ['0', '1441', 'x'])
      expect((await glass('grant', 'acme/default', '--minutes', minutes, '--reason', 'x')).code, minutes).toBe(2)
    expect((await glass('grant', 'acme/default', '--minutes', '5')).code).toBe(2)
    expect((await glass('end', 'a')).code).toBe(2)
    expect((await glass('end', 'a'.repeat(32))).code).toBe(0)
    expect((await glass('end', 'a'.repeat(32))).code).toBe(1)
    expect((await ask('backup', 'note', 'nightly', '--until', '2040-12-31')).data).toMatch(/until +2040-12-31T23:59:59/)
    expect((await ask('backup', 'list')).data).toMatch(/^NAME +NOTED +UNTIL\nnightly +2026/)
    expect((await ask('key', 'destroy', 'acme', '--dry-run')).data).toMatch(/^backups +nightly until 2040-12-31/m)
    expect((await ask('key', 'destroy', 'acme', '--dry-run', '--json')).data).toContain('"name": "nightly"')
    expect((await ask('backup', 'forget', 'nightly')).code).toBe(0)
    expect((await ask('backup', 'forget', 'nightly')).code).toBe(1)
    expect((await ask('backup', 'note', 'monthly', '--days', '90')).code).toBe(0)
    for (const wrong of [
      [],
      ['--days', '0'],
      ['--until', 'tomorrow'],
      ['--until', '2040-13-31'],
      ['--days', '1', '--until', '2040-12-31'],
    ])
      expect((await ask('backup', 'note', 'x', ...wrong)).code, wrong.join(' ')).toBe(2)
    for (const act of ['rotate', 'compromise', 'activate', 'suspend', 'resume', 'deactivate'])
      expect((await ask('key', act, 'acme/default', '--dry-run')).data).toMatch(/^tenantKeys +0$/m)
    const grant = ['key', 'break-glass', 'grant', 'acme/default', '--minutes', '5', '--reason', 'a test', '--dry-run']
    expect((await ask(...grant)).data).toMatch(/^objects +0$/m)
    const scrub = await ask('scrub')
    expect(scrub.data).toMatch(/^kind +scrub$/m)
    expect(scrub.talk).toMatch(/queued .* says nothing of what it finds[^]*krypton job show 0{32}/)
    expect((await runCommand(['changed-rows', 'list', '--help'])).data).toMatch(/Objects, their index[^]*krypton scrub/)
    expect((await ask('changed-rows', 'list')).data).toMatch(/^clients +2 +3 +tenant 1, client 2 +what hangs/m)
    expect((await ask('changed-rows', 'accept', 'clients', '--dry-run')).data).toMatch(/0123456789abcdef$/m)
    expect((await ask('changed-rows', 'accept', 'roles', '--dry-run')).data).not.toMatch(/clients/)
    expect((await ask('changed-rows', 'accept', 'clients')).code).toBe(2)
    const accepted = ['changed-rows', 'accept', 'clients', '--code', '0123456789abcdef', '--reason', 'a test']
    expect((await ask(...accepted)).data).not.toMatch(/^clients/m)
    expect((await ask('changed-rows', 'list')).talk).toMatch(/^none\n[^]*Objects, their index[^]*krypton scrub/)
    expect((await ask(...accepted)).code).toBe(1)
    expect((await ask('job', 'show', 'f'.repeat(32))).code).toBe(1)
    expect((await ask('job', 'cancel', 'nonsense')).code).toBe(2)
  })

  it('write the identity of a new client in four files, keys for the owner alone, with snippets that name them', async () => {
    await ask('tenant', 'add', 'acme')
    const out = join(directory, 'orders')
    const { code, data, talk } = await ask(
      'client',
      'add',
      'orders',
      '--tenant',
      'acme',
      '--allow',
      'get, locate',
      '--out',
      out,
    )
    expect([code, data.includes('PRIVATE KEY'), talk.includes('PRIVATE KEY')]).toEqual([0, false, false])
    expect(services.asked[0]).toMatchObject({ system: 'default', service: 'default', operations: ['get', 'locate'] })
    const mode = (name: string): number => statSync(join(out, name)).mode & 0o777
    expect([mode('client.key'), mode('client-bundle.pem'), mode('client.pem'), mode('ca.pem')]).toEqual([
      0o600, 0o600, 0o644, 0o644,
    ])
    const key = readFileSync(join(out, 'client.key'), 'utf8')
    expect(createPrivateKey(key).asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
    expect(readFileSync(join(out, 'client-bundle.pem'), 'utf8')).toBe(`CERTIFICATE\n${key}`)
    expect(services.asked[0]?.csr).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n/)
    expect(talk).toContain(`krypton snippet PRODUCT --files ${out}`)
    const snippet = await ask('snippet', 'mongod', '--files', out)
    expect(snippet.data).toContain(join(out, 'client-bundle.pem'))
    expect(await ask('snippet', 'mongod', '--files', directory)).toMatchObject({ code: 2 })
    expect(await ask('snippet', 'oracle', '--files', out)).toMatchObject({
      code: 2,
      talk: expect.stringMatching(/pykmip/),
    })
    const again = await ask('client', 'add', 'orders', '--tenant', 'acme', '--out', out)
    expect([again.code, services.asked.length]).toEqual([1, 1])
    expect((await ask('client', 'list', '--tenant', 'acme')).data).toMatch(
      /orders\s+default\s+default\s+active\s+get, locate/,
    )
    const other = await ask(
      'client',
      'add',
      'b',
      '--tenant',
      'acme',
      '--out',
      join(directory, 'b'),
      '--snippet',
      'pykmip',
    )
    expect(other.talk).toContain(`keyfile=${join(directory, 'b', 'client.key')}`)
    expect((await ask('client', 'list', '--tenant', 'acme')).data).toMatch(/b\s+default\s+default\s+active\s+all/)
    expect(await ask('client', 'revoke', 'orders', '--tenant', 'acme')).toMatchObject({ code: 0 })
    expect(await ask('client', 'revoke', 'nobody', '--tenant', 'acme')).toMatchObject({ code: 1 })
  })

  it('write beside a key that its owner has made there, and name it', async () => {
    await ask('tenant', 'add', 'acme')
    const out = join(directory, 'ours')
    mkdirSync(out)
    writeFileSync(join(out, 'client.key'), 'OURS')
    writeFileSync(join(out, 'client.csr'), 'REQUEST')
    const add = async (name: string, ...flags: readonly string[]) =>
      await ask('client', 'add', name, '--tenant', 'acme', '--out', out, ...flags)
    expect(await add('ours')).toMatchObject({ code: 1, talk: expect.stringMatching(/client\.key exists and is not/) })
    const added = await add('ours', '--csr', join(out, 'client.csr'), '--snippet', 'pykmip')
    expect([added.code, added.talk.includes('PATH-OF-THE-KEY')]).toEqual([0, false])
    expect(added.talk).toContain(`keyfile=${join(out, 'client.key')}`)
    const line = `cat ${join(out, 'client.pem')} ${join(out, 'client.key')} > ${join(out, 'client-bundle.pem')}`
    expect(added.talk).toContain(line)
    expect((await ask('snippet', 'mongod', '--files', out)).talk).toContain(line)
    expect(readFileSync(join(out, 'client.key'), 'utf8')).toBe('OURS')
    const again = await add('again', '--csr', join(out, 'client.csr'))
    expect(again).toMatchObject({ code: 1, talk: expect.stringMatching(/ca\.pem exists and is not/) })
  })

  it('leave the key where it is when a certificate request is given', async () => {
    await ask('tenant', 'add', 'acme')
    const csr = join(directory, 'orders.csr')
    writeFileSync(csr, 'REQUEST')
    const out = join(directory, 'orders')
    const added = await ask(
      'client',
      'add',
      'orders',
      '--tenant',
      'acme',
      '--csr',
      csr,
      '--out',
      out,
      '--snippet',
      'pykmip',
    )
    expect(added.code).toBe(0)
    expect(added.talk).toContain('keyfile=PATH-OF-THE-KEY')
    expect(added.talk).toContain(`cat ${join(out, 'client.pem')} PATH-OF-THE-KEY > ${join(out, 'client-bundle.pem')}`)
    writeFileSync(csr, '\n')
    const emptyOut = join(directory, 'empty')
    const empty = await ask('client', 'add', 'e', '--tenant', 'acme', '--csr', csr, '--out', emptyOut)
    expect([empty.code, empty.talk, existsSync(emptyOut)]).toEqual([
      2,
      expect.stringMatching(/orders.csr is empty/),
      false,
    ])
    expect([services.asked[0]?.csr, existsSync(join(out, 'client.key'))]).toEqual(['REQUEST', false])
    const missing = await ask(
      'client',
      'add',
      'x',
      '--tenant',
      'acme',
      '--csr',
      `${csr}.none`,
      '--out',
      join(directory, 'x'),
    )
    expect(missing.code).toBe(2)
    const badList = await ask(
      'client',
      'add',
      'x',
      '--tenant',
      'acme',
      '--allow',
      'get,,',
      '--out',
      join(directory, 'x'),
    )
    expect(badList.code).toBe(2)
  })

  it('ask the server for nothing when the files of a new client cannot be written', async () => {
    await ask('tenant', 'add', 'acme')
    writeFileSync(join(directory, 'ca.pem'), 'another')
    for (const [out, code] of [
      ['/proc/x', 2],
      [join(directory, 'ca.pem'), 2],
      [directory, 1],
    ] as const)
      expect(await ask('client', 'add', 'orders', '--tenant', 'acme', '--out', out)).toMatchObject({ code })
    expect(services.asked).toEqual([])
  })

  it('revoke a new client whose files could not be written in the end', async () => {
    await ask('tenant', 'add', 'acme')
    const out = join(directory, 'orders')
    services.onCreate = () => writeFileSync(join(out, 'client.key'), 'somebody was faster')
    const { code, talk } = await ask('client', 'add', 'orders', '--tenant', 'acme', '--out', out)
    expect([code, talk]).toEqual([2, expect.stringMatching(/the client orders was revoked/)])
    expect(services.clients[0]?.state).toBe('revoked')
    expect(readdirSync(out)).toEqual(['client.key'])
  })

  it('make the demo identity once and reuse its files', async () => {
    const files = await demoIdentity(server.socket, directory)
    expect(await demoIdentity(server.socket, directory)).toEqual(files)
    expect([services.tenants.length, services.clients.length]).toEqual([1, 1])
    rmSync(files.bundle)
    await expect(demoIdentity(server.socket, directory)).rejects.toMatchObject({ code: 'already-exists' })
  })
})

describe('krypton decode', () => {
  const message = '420069010000002042006a0200000004000000010000000042006b02000000040000000400000000'

  it('prints the tree of a message given as hex, as a file of hex or bytes, and on standard input', async () => {
    const { code, data } = await runCommand(['decode', message])
    expect([code, data]).toEqual([
      0,
      'Protocol Version (Structure)\n  Protocol Version Major (Integer) 1\n  Protocol Version Minor (Integer) 4\n',
    ])
    const file = join(directory, 'message')
    writeFileSync(file, Buffer.from(message, 'hex'))
    expect((await runCommand(['decode', file])).data).toBe(data)
    writeFileSync(file, `${message.replace(/(.{32})/g, '$1\n')}\n`)
    expect((await runCommand(['decode', file])).data).toBe(data)
    expect((await runCommand(['decode', '-'], { input: Buffer.from(message, 'hex') })).data).toBe(data)
    expect((await runCommand(['decode', message + message])).data).toBe(data + data)
  })

  it('names the values of enumerations and keeps byte strings to itself', async () => {
    expect((await runCommand(['decode', '42005c05000000040000000a00000000'])).data).toBe(
      'Operation (Enumeration) 0x0000000a Get\n',
    )
    const { data } = await runCommand(['decode', '4200430800000008dededededededede'])
    expect([data.includes('de'.repeat(2)), data]).toEqual([false, 'Key Material (Byte String) 8 bytes\n'])
  })

  it('prints JSON and YAML, by flag and by KRYPTON_OUTPUT', async () => {
    const { data } = await runCommand(['decode', message + message, '-o', 'json'])
    const major = { tag: 'Protocol Version Major', type: 'Integer', value: '1' }
    const minor = { tag: 'Protocol Version Minor', type: 'Integer', value: '4' }
    const version = { tag: 'Protocol Version', type: 'Structure', value: [major, minor] }
    expect(JSON.parse(data)).toEqual([version, version])
    const yaml = await runCommand(['decode', message], { environment: { KRYPTON_OUTPUT: 'yaml' } })
    expect(yaml.data).toMatch(/^- tag: Protocol Version\n {2}type: Structure\n/)
  })

  it('prints of what was cut off what is there whole, and says that the rest is not', async () => {
    const inner = '4200770100000058'
    const nested = `4200780100000060${inner}${message}42000d0200000004000000010000000042000f0100000020`
    const whole = '  '.repeat(2)
    for (const [text, tree] of [
      [nested, 'Request Message (Structure)\n  Request Header (Structure)\n    Protocol Version (Structure)\n'],
      [`${message}${message}`.slice(0, -20), 'Protocol Version (Structure)\n  Protocol Version Major (Integer) 1\n'],
    ] as const) {
      const { code, data, talk } = await runCommand(['decode', text])
      expect([code, data, talk]).toEqual([2, expect.stringContaining(tree), expect.stringMatching(/it was cut off/)])
    }
    const { data } = await runCommand(['decode', nested])
    expect(data.endsWith(`${whole}Batch Count (Integer) 1\n${whole}Batch Item (Structure)\n`)).toBe(true)
    const structured = await runCommand(['decode', message.slice(0, 48), '--json'])
    expect([structured.code, JSON.parse(structured.data)]).toMatchObject([2, [{ value: [{ value: '1' }] }]])
  })

  it('refuses what is no TTLV', async () => {
    const short = await runCommand(['decode', message.slice(0, 40)])
    expect([short.code, short.data, short.talk]).toEqual([
      2,
      '',
      expect.stringMatching(/announces 40 bytes and only 20 are there/),
    ])
    expect((await runCommand(['decode', '420078'])).talk).toMatch(/3 bytes are no TTLV/)
    expect((await runCommand(['decode', `${message}42`])).talk).toMatch(/1 bytes are left after/)
    const wrong = await runCommand(['decode', '4200780f00000000'])
    expect([wrong.code, wrong.talk]).toEqual([2, expect.stringMatching(/^krypton: this is not well-formed TTLV: /)])
    expect((await runCommand(['decode', directory])).talk).toMatch(/is a directory/)
    expect((await runCommand(['decode'], { input: new Uint8Array() })).code).toBe(2)
    expect((await runCommand(['decode', join(directory, 'none')])).talk).toMatch(/not hex, and there is no such file/)
  })
})

describe('krypton config', () => {
  it('checks a file', async () => {
    const file = join(directory, 'krypton.yaml')
    writeFileSync(file, 'kmip: { port: 7000 }\n')
    const right = await runCommand(['config', 'check', '--config', file], { environment: { KRYPTON_KIMP: 'x' } })
    expect([right.code, right.data]).toEqual([0, `file    ${file}\nresult  right\n`])
    expect(right.talk).toMatch(/KRYPTON_KIMP is not a setting/)
    const none = await runCommand(['config', 'check'], { environment: { KRYPTON_DIR: join(directory, 'none') } })
    expect([none.code, none.talk]).toEqual([2, expect.stringMatching(/no krypton.yaml/)])
    writeFileSync(file, 'kmip: { port: -1 }\nlog: { level: loud }\n')
    expect((await runCommand(['config', 'check', '--config', file])).talk).toMatch(/^(krypton: .*\n){2}$/)
    writeFileSync(file, 'kmip: { prot: 7000 }\n')
    const { code, talk } = await runCommand(['config', 'check'], { environment: { KRYPTON_DIR: directory } })
    expect([code, talk]).toEqual([2, `krypton: ${file}:1:9: kmip.prot is not a setting, did you mean port?\n`])
  })

  it('prints every setting with its origin', async () => {
    const file = join(directory, 'krypton.yaml')
    writeFileSync(file, 'kmip: { port: 7000 }\n')
    const environment = { KRYPTON_CONFIG: file, KRYPTON_LOG_LEVEL: 'warn' }
    const { data } = await runCommand(['config', 'print', '--origin'], { environment })
    expect(data).toMatch(/^kmip\.port\s+7000\s+file .*krypton\.yaml:1:15\s+KRYPTON_KMIP_PORT$/m)
    expect(data).toMatch(/^log\.level\s+warn\s+environment KRYPTON_LOG_LEVEL/m)
    expect(data).toMatch(/^native\s+required\s+default/m)
    expect(parse((await runCommand(['config', 'print', '-o', 'yaml'], { environment })).data)).toMatchObject({
      kmip: { port: 7000 },
    })
  })
})

describe('krypton server', () => {
  it('keeps a development server on loopback unless a second flag says otherwise', async () => {
    const { code, talk } = await runCommand(['server', '--dev', '--dir', directory, '--listen', '0.0.0.0'])
    expect([code, talk]).toEqual([2, expect.stringMatching(/--dev-listen-anywhere/)])
  })

  it('takes --dev or a file, not both', async () => {
    expect(await runCommand(['server', '--dev', '--config', 'x'])).toMatchObject({ code: 2 })
  })
})

describe('krypton init', () => {
  it('refuses names and addresses that are none, before it makes anything', async () => {
    const out = join(directory, 'new')
    for (const wrong of [
      ['--host', 'bad host'],
      ['--host', '-x.example'],
      ['--listen', 'bad host'],
      ['--listen', 'nonsense.invalid'],
    ])
      expect([wrong, (await runCommand(['init', '--dir', out, ...wrong])).code]).toEqual([wrong, 2])
    expect(existsSync(out)).toBe(false)
    expect((await runCommand(['init', '--dir', '/proc/x'])).code).toBe(2)
  })

  it('leaves an instance alone that is there already', async () => {
    writeFileSync(join(directory, 'krypton.yaml'), '')
    expect(await runCommand(['init', '--dir', directory])).toMatchObject({ code: 1 })
  })
})
