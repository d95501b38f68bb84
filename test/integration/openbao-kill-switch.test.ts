import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Operation, ResultReason } from '../../src/kmip/enums.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { removeDirectory, sleep, temporaryDirectory } from '../support/counterparts.ts'
import { exchangeOnce } from './kmip-connection.ts'
import {
  about,
  createKey,
  encryptData,
  identifierOf,
  locateByName,
  registerKey,
  resultOf,
  succeeded,
} from './kmip-messages.ts'
import { type Identity, krypton, KryptonServer } from './krypton-server.ts'
import { openBaoMissing, OpenBaoServer } from './openbao-server.ts'
import { bytesOf, textOf } from './ttlv-tree.ts'

if (openBaoMissing !== undefined) console.warn(openBaoMissing)

/** The shortest that a development server takes: everything that a lease times is a part of it. */
const leaseSeconds = 10

describe.skipIf(openBaoMissing !== undefined)("a tenant's key in a real OpenBao", () => {
  const folder = temporaryDirectory('openbao-kill-switch')
  const key = 'krypton-acme'
  const material = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
  let bao: OpenBaoServer
  let server: KryptonServer
  let client: Identity
  let neighbour: Identity
  let named: string
  let registered: string

  beforeAll(async () => {
    bao = await OpenBaoServer.start(join(folder, 'bao'))
    await bao.admin('POST', `transit/keys/${key}`, { type: 'aes256-gcm96' })
    server = await KryptonServer.start(join(folder, 'krypton'), { env: { KRYPTON_SERVER_THREADS: '2' } })
    client = await server.addClient('app', 'acme')
    neighbour = await server.addClient('app', 'globex')
    named = identifierOf(await exchangeOnce(server.target(client), createKey('before the link')))
    registered = identifierOf(await exchangeOnce(server.target(client), registerKey(material)))
    succeeded(await exchangeOnce(server.target(client), about(Operation.Activate, named)))
  })
  afterAll(async () => {
    await server.stop()
    await bao.stop()
    removeDirectory(folder)
  })

  async function link(): Promise<void> {
    const secretId = join(folder, 'secret-id')
    writeFileSync(secretId, bao.secretId, { mode: 0o600 })
    await server.command(
      'tenant',
      'link',
      'acme',
      '--provider',
      'openbao',
      '--l1',
      `transit/${key}`,
      '--setting',
      `address=${bao.address}`,
      '--setting',
      `ca=@${bao.caFile}`,
      '--setting',
      `roleId=${bao.roleId}`,
      '--credentials-file',
      secretId,
      '--lease-seconds',
      String(leaseSeconds),
    )
    await expect
      .poll(
        async () => {
          const jobs = JSON.parse(await server.command('job', 'list', '--json')) as { kind: string; state: string }[]
          return jobs.find(({ kind }) => kind === 'rotate-tenant-key')?.state
        },
        { timeout: 120_000 },
      )
      .toBe('done')
  }

  /** What each kind of use says; every connection is a new one, so that all listener threads are asked. */
  async function uses(): Promise<(number | undefined)[]> {
    const messages = [
      about(Operation.Get, registered),
      encryptData(named, material),
      createKey(),
      about(Operation.Get, named),
    ]
    const answers = await Promise.all(messages.map((message) => exchangeOnce(server.target(client), message)))
    return answers.map((answer) => resultOf(answer).reason)
  }

  const served = [undefined, undefined, undefined, undefined]
  const refused = (reason: number): number[] => [reason, reason, reason, reason]
  const reasonOfGet = async (): Promise<number | undefined> =>
    resultOf(await exchangeOnce(server.target(client), about(Operation.Get, registered))).reason
  const check = () => krypton('tenant', 'check', 'acme', '--dir', server.directory)

  /** Seconds until a Get is answered so. */
  async function secondsUntil(reason: number | undefined, atMost: number): Promise<number> {
    const started = performance.now()
    while ((await reasonOfGet()) !== reason) {
      const seconds = (performance.now() - started) / 1000
      if (seconds > atMost) throw new Error(`not answered so after ${seconds} s`)
      await sleep(100)
    }
    return (performance.now() - started) / 1000
  }

  /** What needs no key of the tenant goes on; nothing of another tenant's is touched. */
  async function expectOthersServed(): Promise<void> {
    const located = await exchangeOnce(server.target(client), locateByName('before the link'))
    expect(textOf(succeeded(located), Tag.UniqueIdentifier)).toBe(named)
    const theirs = identifierOf(await exchangeOnce(server.target(neighbour), createKey()))
    succeeded(await exchangeOnce(server.target(neighbour), about(Operation.Get, theirs)))
  }

  it('serves what was there before it was linked, and what is made since', async () => {
    await link()
    expect(await uses()).toEqual(served)
    const got = await exchangeOnce(server.target(client), about(Operation.Get, registered))
    expect(bytesOf(got, Tag.KeyMaterial)).toEqual(material)
  })

  const rights = (paths: readonly string[]): string =>
    paths.map((path) => `path "transit/${path}/krypton*" { capabilities = ["update", "read"] }`).join('\n')
  const setPolicy = (policy: string) => bao.admin('POST', 'sys/policies/acl/krypton', { policy })
  const configure = (minimum: number) =>
    bao.admin('POST', `transit/keys/${key}/config`, { min_decryption_version: minimum })
  const switches: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
    [
      'soft-deletes it',
      () => bao.admin('DELETE', `transit/keys/${key}/soft-delete`),
      () => bao.admin('POST', `transit/keys/${key}/soft-delete-restore`),
    ],
    [
      'raises min_decryption_version',
      async () => {
        await bao.admin('POST', `transit/keys/${key}/rotate`)
        await configure(2)
      },
      () => configure(1),
    ],
    ['revokes the policy', () => setPolicy(rights(['keys'])), () => setPolicy(rights(['encrypt', 'decrypt', 'keys']))],
  ]
  it.each(switches)(
    'ends everything at once when its owner %s and the server is told, until it is undone',
    async (_, off, on) => {
      await off()
      const told = await check()
      const since = performance.now()
      expect(told.code).not.toBe(0)
      expect(await uses()).toEqual(refused(ResultReason.PermissionDenied))
      console.info(`refused ${Math.round(performance.now() - since)} ms after the server was told`)
      await expectOthersServed()
      const links = JSON.parse(await server.command('tenant', 'links', 'acme', '--json')) as { lastError?: string }[]
      expect(links[0]?.lastError).toMatch(/OpenBao/)
      await on()
      expect((await check()).code).toBe(0)
      expect(await uses()).toEqual(served)
    },
  )

  it('ends everything within its lease when nobody tells the server', async () => {
    await bao.admin('DELETE', `transit/keys/${key}/soft-delete`)
    const seconds = await secondsUntil(ResultReason.PermissionDenied, leaseSeconds + 5)
    console.info(`refused ${seconds.toFixed(1)} s after it was soft-deleted, with a lease of ${leaseSeconds} s`)
    expect(await uses()).toEqual(refused(ResultReason.PermissionDenied))
    await bao.admin('POST', `transit/keys/${key}/soft-delete-restore`)
    await secondsUntil(undefined, 30)
    expect(await uses()).toEqual(served)
  })

  it('is used to the end of its lease where OpenBao is sealed, and again when it is not', async () => {
    expect((await check()).code).toBe(0)
    await bao.seal()
    expect(await uses()).toEqual(served)
    const seconds = await secondsUntil(ResultReason.GeneralFailure, leaseSeconds + 5)
    expect(seconds).toBeGreaterThan(leaseSeconds / 2)
    console.info(`refused ${seconds.toFixed(1)} s after OpenBao was sealed, with a lease of ${leaseSeconds} s`)
    expect(await uses()).toEqual(refused(ResultReason.GeneralFailure))
    await expectOthersServed()
    const refusal = resultOf(await exchangeOnce(server.target(client), about(Operation.Get, registered)))
    expect(refusal.message).toMatch(/sealed|reached|later/)
    // After a restart nothing opens without it either.
    await server.stop()
    server = await server.restart()
    expect(await uses()).toEqual(refused(ResultReason.GeneralFailure))
    await bao.unseal()
    await secondsUntil(undefined, 30)
    const got = await exchangeOnce(server.target(client), about(Operation.Get, registered))
    expect(bytesOf(got, Tag.KeyMaterial)).toEqual(material)
    expect(await uses()).toEqual(served)
  }, 600_000)
})
