import '../support/no-compile-cache.ts'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBaoAnchor } from '../../src/seal/anchor-openbao.ts'
import { removeDirectory, temporaryDirectory, TestProcess } from '../support/counterparts.ts'
import { commandFile, krypton } from './krypton-server.ts'
import { openBaoMissing, OpenBaoServer } from './openbao-server.ts'

if (openBaoMissing !== undefined) console.warn(openBaoMissing)

describe.skipIf(openBaoMissing !== undefined)('an anchor in a real OpenBao', () => {
  const folder = temporaryDirectory('openbao-anchor')
  const [roleIdFile, secretIdFile] = [join(folder, 'role-id'), join(folder, 'secret-id')]
  const directory = join(folder, 'instance')
  let bao: OpenBaoServer
  let settings: string[]

  beforeAll(async () => {
    bao = await OpenBaoServer.start(join(folder, 'bao'))
    // What docs/operate/anchor.md has, with tokens that end within the test.
    await bao.admin('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } })
    const policy = 'path "secret/data/krypton/anchor" { capabilities = ["create", "read", "update"] }'
    await bao.admin('POST', 'sys/policies/acl/krypton-anchor', { policy })
    const role = 'auth/approle/role/krypton-anchor'
    await bao.admin('POST', role, { token_policies: 'krypton-anchor', token_ttl: '2s', token_max_ttl: '2s' })
    const roleId = await bao.admin('GET', `${role}/role-id`)
    const secretId = await bao.admin('POST', `${role}/secret-id`, {})
    writeFileSync(roleIdFile, String(Object(roleId['data']).role_id))
    writeFileSync(secretIdFile, String(Object(secretId['data']).secret_id), { mode: 0o600 })
    settings = [
      `anchor.address=${bao.address}`,
      `anchor.caFile=${bao.caFile}`,
      'anchor.path=krypton/anchor',
      `anchor.roleIdFile=${roleIdFile}`,
      `anchor.secretIdFile=${secretIdFile}`,
    ].flatMap((setting) => ['--set', setting])
  })
  afterAll(async () => {
    await bao.stop()
    removeDirectory(folder)
  })

  const init = (name: string) => krypton('init', '--dir', name, '--native', 'auto', '--anchor', 'openbao', ...settings)

  /** A server on the instance, once it serves; or what it says when it does not. */
  async function start(): Promise<TestProcess> {
    const config = ['--config', join(directory, 'krypton.yaml'), '--kmip-port', '0', '--health-port', '0']
    const server = new TestProcess(process.execPath, [commandFile, 'server', ...config])
    await server.until(
      () => (/serving/.test(server.stdout + server.stderr) ? true : server.ended),
      'the start of a server',
    )
    return server
  }

  async function stop(server: TestProcess): Promise<void> {
    expect(await server.stop()).toBe('exit code 0')
  }

  async function anchored(): Promise<{ keys: number; data: number }> {
    const { data } = await bao.admin('GET', 'secret/data/krypton/anchor')
    const { keys, data: objects } = JSON.parse(String(Object(Object(data).data).text))
    return { keys: keys.sequence, data: objects.sequence }
  }

  it('goes along with the database, tells an older one until it is accepted, and waits for an OpenBao that is sealed', async () => {
    expect(await init(directory)).toMatchObject({ code: 0 })
    expect(await init(join(folder, 'another'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('was not written by this cluster'),
    })
    const server = await start()
    expect(server.ended).toBeUndefined()
    cpSync(join(directory, 'data'), join(folder, 'older'), { recursive: true })
    const before = await anchored()
    expect(await krypton('tenant', 'add', 'acme', '--dir', directory)).toMatchObject({ code: 0 })
    await expect.poll(async () => (await anchored()).data, { timeout: 30_000 }).toBeGreaterThan(before.data)
    const status = JSON.parse((await krypton('status', '--dir', directory, '--json')).stdout)
    expect(status.anchor).toMatchObject({ type: 'openbao', place: expect.stringContaining('secret/krypton/anchor') })
    // While it is sealed the server goes on; afterwards the anchor catches up, also with its token gone.
    await bao.seal()
    expect(await krypton('tenant', 'add', 'globex', '--dir', directory)).toMatchObject({ code: 0 })
    const warnings = async (): Promise<string> => {
      const { stdout } = await krypton('status', '--dir', directory, '--json')
      return JSON.parse(stdout).warnings.join('\n')
    }
    await expect.poll(warnings, { timeout: 60_000 }).toMatch(/the anchor .* could not be written since/)
    await bao.unseal()
    await expect.poll(warnings, { timeout: 60_000 }).not.toMatch(/the anchor/)
    await stop(server)
    const last = await anchored()

    rmSync(join(directory, 'data'), { recursive: true })
    cpSync(join(folder, 'older'), join(directory, 'data'), { recursive: true })
    const older = await start()
    expect([older.ended, older.stderr]).toEqual(['exit code 1', expect.stringMatching(/is older than change/)])
    await bao.seal()
    const alone = await start()
    expect([alone.ended, alone.stderr]).toEqual([
      'exit code 3',
      expect.stringMatching(/the anchor cannot be read.*sealed/),
    ])
    await bao.unseal()
    const accepted = await krypton('anchor', 'accept', '--dir', directory, '--reason', 'a test', '--json')
    expect(JSON.parse(accepted.stdout)).toMatchObject({ anchor: expect.stringContaining('secret/krypton/anchor') })
    expect((await anchored()).data).toBeLessThan(last.data)
    const again = await start()
    expect(again.ended).toBeUndefined()
    await stop(again)
  })

  it('is written by one of two servers, and the other one is told', async () => {
    const options = {
      address: bao.address,
      caFile: bao.caFile,
      mount: 'secret',
      path: 'krypton/anchor',
      login: 'approle' as const,
      roleIdFile,
      secretIdFile,
    }
    const [one, two] = [openBaoAnchor(options), openBaoAnchor(options)]
    await one.read()
    await two.read()
    await one.write('one')
    await expect(two.write('two')).rejects.toMatchObject({ code: 'anchor-mismatch' })
    await one.write('one again')
    // Deleted by hand: it is missing, and is made anew on top of its versions.
    await bao.admin('DELETE', 'secret/data/krypton/anchor')
    expect(await two.read()).toBeUndefined()
    await two.write('two')
    await bao.admin('DELETE', 'secret/metadata/krypton/anchor')
    expect(await two.read()).toBeUndefined()
    await two.write('two')
    await bao.admin('POST', 'sys/mounts/old', { type: 'kv', options: { version: '1' } })
    const policy = 'path "*" { capabilities = ["create", "read", "update"] }'
    await bao.admin('POST', 'sys/policies/acl/krypton-anchor', { policy })
    const old = openBaoAnchor({ ...options, mount: 'old' })
    await expect(old.write('x')).rejects.toMatchObject({ code: 'config-invalid' })
    await expect(old.read()).rejects.toMatchObject({ code: 'config-invalid' })
    await expect(openBaoAnchor({ ...options, mount: 'nowhere' }).read()).rejects.toMatchObject({
      code: 'config-invalid',
    })
  })
})
