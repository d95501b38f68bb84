import '../support/hidden-compile-cache.ts'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AdminClient } from '../../src/admin/client.ts'
import { loadConfig } from '../../src/config.ts'
import { type Krypton, startKrypton } from '../../src/krypton.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { openLog } from '../../src/telemetry/log.ts'
import { FakeOpenBao, refusal } from '../external-keys/fake-openbao.ts'
import { runCommand } from './terminal.ts'

let folder: string
let instance: string
let lines: string[]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'krypton-instance-'))
  instance = join(folder, 'instance')
  const { code, data, talk } = await runCommand(['init', '--dir', instance, '--host', 'kms.example.com'])
  expect([code, data]).toEqual([0, expect.stringMatching(/^names\s+localhost, 127.0.0.1, .*kms.example.com$/m)])
  expect(talk).not.toMatch(/names this machine alone/)
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** A copy of the instance, which a test may damage. */
function copy(name: string): string {
  const directory = join(folder, name)
  cpSync(instance, directory, { recursive: true })
  return directory
}

/** Starts the server on free ports; the caller stops it. */
async function start(directory: string, prepare?: () => Promise<void>, cryptoProfile = 'any'): Promise<Krypton> {
  lines = []
  const { config } = await loadConfig({
    file: join(directory, 'krypton.yaml'),
    flags: [
      { path: 'kmip.port', flag: '--kmip-port', value: '0' },
      { path: 'health.port', flag: '--health-port', value: '0' },
      { path: 'crypto.profile', flag: '--set', value: cryptoProfile },
    ],
  })
  return startKrypton({ config, log: openLog('info', (line) => lines.push(line)), prepare })
}

/** What is told besides warnings, which depend on the machine. */
const messages = (): string[] =>
  lines
    .map((line) => JSON.parse(line) as { msg: string; level: string })
    .filter(({ level }) => level !== 'warn')
    .map(({ msg }) => msg)

describe('krypton init', () => {
  it('makes an instance of an empty directory, for its owner alone, and of no other', async () => {
    const directory = join(folder, 'volume')
    mkdirSync(join(directory, 'lost+found'), { recursive: true, mode: 0o755 })
    expect((await runCommand(['init', '--dir', directory])).code).toBe(0)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    const used = join(folder, 'used')
    mkdirSync(used, { mode: 0o755 })
    writeFileSync(join(used, 'notes'), '')
    const { code, talk } = await runCommand(['init', '--dir', used])
    expect([code, talk]).toEqual([1, expect.stringMatching(/used is not empty, it holds notes: name a directory/)])
    expect(statSync(used).mode & 0o777).toBe(0o755)
  })
})

describe('a development server', () => {
  it('says when it puts its files beside those of others, and takes every address of this machine alone', async () => {
    const used = join(folder, 'sources')
    mkdirSync(used)
    writeFileSync(join(used, 'notes'), '')
    const taken = createServer().listen(0, '127.0.0.2')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const dev = (...args: string[]) =>
      runCommand([
        'server',
        '--dev',
        '--dir',
        used,
        '--kmip-port',
        String(port),
        '--health-port',
        '0',
        '--log-level',
        'fatal',
        ...args,
      ])
    expect((await dev('--listen', '127.example.com')).talk).toMatch(/127.example.com is not: add --dev-listen-anywhere/)
    expect(readdirSync(used)).toEqual(['notes'])
    const first = await dev('--listen', '127.0.0.2')
    expect(first).toMatchObject({
      code: 2,
      talk: expect.stringMatching(/sources holds other files \(notes\)[^]*EADDRINUSE/),
    })
    expect(readdirSync(used)).toContain('seal.key')
    expect((await dev('--listen', '127.0.0.2')).talk).not.toContain('other files')
    taken.close()
  })
})

describe('a development server in a directory with the certificate of another authority', () => {
  it('makes nothing there', async () => {
    const used = join(folder, 'foreign')
    mkdirSync(used)
    cpSync(join(instance, 'ca.pem'), join(used, 'ca.pem'))
    const { code, talk } = await runCommand([
      'server',
      '--dev',
      '--dir',
      used,
      '--kmip-port',
      '0',
      '--health-port',
      '0',
    ])
    expect([code, talk]).toEqual([
      2,
      expect.stringMatching(/ca.pem is here without its key .*ca.key: .* another directory/),
    ])
    expect(readdirSync(used)).toEqual(['ca.pem'])
  })
})

describe('a server that starts', () => {
  it('says that there is no instance where there is none', async () => {
    const { code, talk } = await runCommand(['server', '--dir', join(folder, 'nothing')])
    expect([code, talk]).toEqual([2, expect.stringMatching(/no instance here: krypton init --dir .* --dev/)])
  })

  it('is not started on a store of another cluster, root or epoch, says which, and writes nothing there', async () => {
    const directory = copy('pinned')
    const data = join(directory, 'data')
    // An older store, which a start would give new tables.
    for (const name of ['keys.db', 'data.db']) {
      const database = new DatabaseSync(join(data, name))
      database.exec('DROP TABLE IF EXISTS kept_backups; PRAGMA journal_mode = DELETE; PRAGMA user_version = 5')
      database.close()
    }
    const before = ['keys.db', 'data.db'].map((name) => readFileSync(join(data, name)))
    const file = join(directory, 'krypton.yaml')
    const settings = readFileSync(file, 'utf8')
    for (const [pin, value, message] of [
      ['cluster', 'ff'.repeat(16), /^the store is of cluster [0-9a-f]{32}, the configuration pins cluster ff/],
      ['verifier', 'ff'.repeat(32), /^the store has another MasterKey than the configuration pins/],
      ['epoch', '7', /^the store is of epoch 1 of its MasterKey, the configuration pins epoch 7/],
    ] as const) {
      const changed = settings.replace(new RegExp(`^( *${pin}:).*$`, 'm'), `$1 ${value}`)
      expect(changed).not.toBe(settings)
      writeFileSync(file, changed)
      await expect(start(directory)).rejects.toMatchObject({
        code: 'seal-failed',
        message: expect.stringMatching(message),
      })
      expect(['keys.db', 'data.db'].map((name) => readFileSync(join(data, name)))).toEqual(before)
    }
    writeFileSync(file, settings)
    await (await start(directory)).stop()
  })

  it('warns at its start and in its status where its configuration pins no root', async () => {
    const directory = copy('unpinned')
    const told = async (): Promise<unknown[]> => {
      const server = await start(directory)
      const admin = new AdminClient(server.addresses.admin)
      const { warnings } = await admin.status()
      await admin.close()
      await server.stop()
      const isOfPins = (text: string): boolean => text.includes('pins no root')
      return [
        warnings.filter(isOfPins),
        lines.map((line) => (JSON.parse(line) as { msg: string }).msg).filter(isOfPins),
      ]
    }
    expect(await told()).toEqual([[], []])
    // By default a production server does not start without the addon, which not every machine has.
    writeFileSync(join(directory, 'krypton.yaml'), 'version: 1\nnative: auto\n')
    const warning = [expect.stringMatching(/put seal.cluster, seal.verifier and seal.epoch into it as krypton init/)]
    expect(await told()).toEqual([warning, warning])
  })

  it('is no development server on a store that is none', async () => {
    const { config } = await loadConfig({
      file: join(copy('trusted'), 'krypton.yaml'),
      flags: [
        { path: 'server.profile', flag: '--dev', value: 'development' },
        { path: 'kmip.port', flag: '--kmip-port', value: '0' },
      ],
    })
    await expect(startKrypton({ config, log: openLog('fatal') })).rejects.toMatchObject({
      code: 'development-store',
      message: expect.stringContaining('krypton server --config'),
    })
  })

  it('says in its status and its audit log that it is set to approved algorithms', async () => {
    const directory = copy('approved')
    const krypton = await start(directory, undefined, 'approved')
    try {
      const { cryptoProfile } = await new AdminClient(krypton.addresses.admin).status()
      expect(cryptoProfile).toBe('approved')
    } finally {
      await krypton.stop()
    }
    const store = await openSqliteStore({ directory: join(directory, 'data'), onFatal: () => undefined })
    const rows = store.audit('data', 0, 1_000)
    await store.close()
    expect(rows.at(-1)).toMatchObject({ operation: 'ServerStart', detail: 'crypto.profile approved' })
  })

  it('asks for the backup when its data is lost, and makes nothing in its place', async () => {
    const directory = copy('lost')
    rmSync(join(directory, 'data'), { recursive: true })
    await expect(start(directory)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(
        /the data of cluster [0-9a-f]{32} is missing in .*keys.db, data.db.*put the backup back/,
      ),
    })
    expect(() => readFileSync(join(directory, 'data', 'keys.db'))).toThrow(/ENOENT/)
    expect(messages()).toEqual([])
    const empty = copy('empty')
    truncateSync(join(empty, 'data', 'keys.db'))
    await expect(start(empty)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/no root.*put the backup of its data back/),
    })
    const half = copy('half')
    rmSync(join(half, 'data', 'data.db'))
    await expect(start(half)).rejects.toMatchObject({ message: expect.stringMatching(/\(data.db\)/) })
  })

  it('names the file of its certificate or key that is wrong, and how', async () => {
    const directory = copy('certificate')
    const other = await runCommand(['init', '--dir', join(folder, 'other')])
    expect(other.talk).toMatch(/names this machine alone/)
    const wrong = async (): Promise<string> => {
      const refused = start(directory)
      await expect(refused).rejects.toMatchObject({ code: 'config-invalid' })
      return refused.then(
        () => '',
        (error: Error) => error.message,
      )
    }
    chmodSync(join(directory, 'ca.key'), 0o644)
    expect(await wrong()).toMatch(/ca.key is open to every user of this machine, it has mode 0644: run chmod 0400/)
    chmodSync(join(directory, 'ca.key'), 0o400)
    cpSync(join(folder, 'other', 'server.key'), join(directory, 'server.key'), { force: true })
    expect(await wrong()).toMatch(/server.key is not the key of .*server.pem/)
    rmSync(join(directory, 'server.key'))
    expect(await wrong()).toMatch(
      /cannot read .*server.key: put the file back, or run krypton server-certificate renew/,
    )
    writeFileSync(join(directory, 'server.key'), 'no key', { mode: 0o644 })
    expect(await wrong()).toMatch(/server.key is open to every user of this machine, it has mode 0644: run chmod 0400/)
    chmodSync(join(directory, 'server.key'), 0o440)
    expect(await wrong()).toMatch(/server.key is not a private key in PEM/)
    writeFileSync(join(directory, 'server.pem'), 'no certificate')
    expect(await wrong()).toMatch(/server.pem is not a certificate in PEM/)
  })

  it('says of a taken health port what to do', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const file = join(instance, 'krypton.yaml')
    const ports = ['--kmip-port', '0', '--health-port', String(port), '--log-level', 'fatal']
    const { code, talk } = await runCommand(['server', '--config', file, ...ports])
    expect([code, talk]).toEqual([
      2,
      expect.stringMatching(/\(EADDRINUSE\): another program listens there.*--health-port/),
    ])
    await new Promise((resolve) => taken.close(resolve))
  })
})

describe('a server that runs', () => {
  it('is ready after what was to be prepared, and logs what its administrator does', async () => {
    const order: string[] = []
    const server = await start(instance, async () => void order.push(messages().join()))
    const admin = new AdminClient(server.addresses.admin)
    const ask = (...args: string[]) => runCommand(args, { environment: { KRYPTON_DIR: instance } })
    try {
      expect(order).toEqual(['unsealed'])
      const { certificate } = await admin.status()
      expect(certificate.names).toContain('kms.example.com')
      expect(Date.parse(certificate.notAfter)).toBeGreaterThan(Date.now())
      await ask('tenant', 'add', 'acme')
      const add = (name: string, ...more: string[]) =>
        ask('client', 'add', name, '--tenant', 'acme', '--out', join(folder, `out-${name}`), ...more)
      expect((await add('b')).code).toBe(0)
      expect((await add('a', '--allow', 'get')).code).toBe(0)
      const until = new X509Certificate(readFileSync(join(folder, 'out-a', 'client.pem'))).validToDate.getTime()
      const listed = await admin.listClients('acme')
      expect(listed.map(({ name }) => name)).toEqual(['a', 'b'])
      expect(Math.abs(Date.parse(listed[0]!.certificateUntil) - until)).toBeLessThan(60_000)
      expect(await add('c', '--allow', 'gett')).toMatchObject({
        code: 2,
        talk: expect.stringMatching(/did you mean Get\?/),
      })
      const notServed = await add('c', '--allow', 'notify')
      expect([notServed.code, notServed.talk]).toEqual([
        2,
        expect.stringMatching(/notify is not served: name some of /),
      ])
      expect(notServed.talk).not.toMatch(/Notify/)
      const csr = join(folder, 'wrong.csr')
      writeFileSync(csr, 'no request')
      expect(await add('d', '--csr', csr)).toMatchObject({
        code: 2,
        talk: expect.stringMatching(/P-256, P-384, P-521 or Ed25519/),
      })
      await ask('client', 'revoke', 'b', '--tenant', 'acme')
      rmSync(join(folder, 'out-b'), { recursive: true })
      expect(await add('b')).toMatchObject({
        code: 1,
        talk: expect.stringMatching(/was revoked, and its name is not given/),
      })
    } finally {
      await admin.close()
      await server.stop()
    }
    expect(messages()).toEqual([
      'unsealed',
      'serving',
      'tenant added',
      'client added',
      'client added',
      'client revoked',
      'draining',
      'stopped',
    ])
  })

  it('takes a renewed certificate at its next start, with the old names or new ones', async () => {
    const directory = copy('renewed')
    const renew = (...more: string[]) =>
      runCommand(['server-certificate', 'renew', '--dir', directory, '--json', ...more])
    const same = await renew()
    expect([same.code, (JSON.parse(same.data) as { names: string[] }).names]).toEqual([
      0,
      ['localhost', '127.0.0.1', '0:0:0:0:0:0:0:1', 'kms.example.com'],
    ])
    expect((await renew('--host', 'bad host')).code).toBe(2)
    expect((await renew('--host', 'kms.example.org', '--host', '192.0.2.7')).code).toBe(0)
    const server = await start(directory)
    const admin = new AdminClient(server.addresses.admin)
    expect((await admin.status()).certificate.names.slice(3)).toEqual(['kms.example.org', '192.0.2.7'])
    await admin.close()
    await server.stop()
  })

  it('is not started on an older copy of its data that its anchor tells from the newest, until that is accepted', async () => {
    const directory = join(folder, 'anchored')
    const anchor = join(folder, 'volume-of-the-anchor')
    expect((await runCommand(['init', '--dir', directory, '--anchor', anchor])).data).toContain(anchor)
    const server = await start(directory)
    cpSync(join(directory, 'data'), join(folder, 'older'), { recursive: true })
    const admin = new AdminClient(server.addresses.admin)
    await admin.createTenant('acme')
    const status = await admin.status()
    expect(status.anchor).toMatchObject({ type: 'file', place: anchor })
    expect(status.warnings.join()).toMatch(/the anchor is on the volume of the store/)
    expect(status.warnings.join()).not.toMatch(/rollback is not detected/)
    await admin.close()
    await server.stop()
    const again = await start(directory)
    await again.stop()
    rmSync(join(directory, 'data'), { recursive: true })
    cpSync(join(folder, 'older'), join(directory, 'data'), { recursive: true })
    for (const name of ['keys', 'data']) rmSync(join(directory, 'data', `${name}.db-shm`), { force: true })
    rmSync(join(directory, 'data', 'lock'), { force: true })
    await expect(start(directory)).rejects.toMatchObject({
      code: 'anchor-mismatch',
      message: expect.stringMatching(/section \w+ of the database ends with change \d+ and is older than change \d+/),
    })
    expect((await runCommand(['anchor', 'accept', '--dir', directory])).code).toBe(2)
    const accepted = await runCommand(['anchor', 'accept', '--dir', directory, '--reason', 'a test', '--json'])
    expect(JSON.parse(accepted.data)).toMatchObject({ anchor })
    const accepting = await start(directory)
    await accepting.stop()
    const none = await runCommand(['anchor', 'accept', '--dir', instance, '--reason', 'a test'])
    expect([none.code, none.talk]).toEqual([2, expect.stringMatching(/has no anchor: set anchor.type to file/)])
  })

  it('is not started where its anchor in OpenBao cannot be reached, and is not made there either', async () => {
    const bao = await FakeOpenBao.start()
    const files = ['ca.pem', 'role-id', 'secret-id'].map((name) => join(folder, `bao-${name}`))
    const [ca = '', roleId = '', secretId = ''] = files
    for (const [name, text] of [
      [ca, bao.authority.certificatePem],
      [roleId, 'role'],
      [secretId, 'right'],
    ] as const)
      writeFileSync(name, text, { mode: 0o600 })
    const directory = join(folder, 'anchored-in-openbao')
    const settings = [
      `anchor.address=${bao.address}`,
      `anchor.caFile=${ca}`,
      'anchor.path=krypton/anchor',
      `anchor.roleIdFile=${roleId}`,
      `anchor.secretIdFile=${secretId}`,
      'server.threads=2',
      'crypto.tripleDes=true',
    ].flatMap((setting) => ['--set', setting])
    const init = ['init', '--dir', directory, '--anchor', 'openbao', ...settings]
    bao.before = () => refusal(503, 'Vault is sealed')
    const sealed = await runCommand(init)
    expect([sealed.code, sealed.talk]).toEqual([
      3,
      expect.stringMatching(/the anchor cannot be read.*OpenBao at .* cannot serve now: it is sealed/),
    ])
    bao.before = () => undefined
    expect((await runCommand(init)).code).toBe(0)
    expect(readFileSync(join(directory, 'krypton.yaml'), 'utf8')).toMatch(/threads: 2\n[^]*tripleDes: true\n/)
    const server = await start(directory)
    const admin = new AdminClient(server.addresses.admin)
    const { anchor, warnings } = await admin.status()
    expect(anchor).toMatchObject({
      type: 'openbao',
      place: `secret/krypton/anchor in OpenBao at ${new URL(bao.address).host}`,
    })
    expect(warnings.join()).not.toMatch(/anchor/)
    // Sealed while the server runs: it goes on, and says so.
    bao.before = () => refusal(503, 'Vault is sealed')
    await admin.createTenant('acme')
    await expect
      .poll(async () => (await admin.status()).warnings.join())
      .toMatch(
        /the anchor secret\/krypton\/anchor .* could not be written since .* \(OpenBao .* it is sealed .*\): see to OpenBao/,
      )
    await admin.close()
    await server.stop()
    await expect(start(directory)).rejects.toMatchObject({ code: 'external-key-unreachable' })
    bao.before = () => undefined
    const again = await start(directory)
    await again.stop()
    // Nobody makes another cluster's anchor his own.
    const other = await runCommand(['init', '--dir', join(folder, 'another-cluster'), ...init.slice(3)])
    expect([other.code, other.talk]).toEqual([1, expect.stringMatching(/was not written by this cluster/)])
    await bao.stop()
    const wrong = await runCommand(['init', '--dir', join(folder, 'never'), '--set', 'seal.epoch=2'])
    expect([wrong.code, wrong.talk]).toEqual([
      2,
      expect.stringMatching(/--set seal.epoch=2: give a setting that init does not/),
    ])
  })

  it('is not made by init where a development server keeps its store', async () => {
    const directory = join(folder, 'development')
    const { config } = await loadConfig({
      flags: [
        { path: 'server.directory', flag: '--dir', value: directory },
        { path: 'server.profile', flag: '--dev', value: 'development' },
      ],
    })
    const { initializeInstance } = await import('../../src/krypton.ts')
    await initializeInstance({ directory, development: true, hosts: [], config })
    await expect(initializeInstance({ directory, development: false, hosts: [], config })).rejects.toThrow(
      /the store of a development server, which init does not take/,
    )
    expect((await runCommand(['init', '--dir', directory])).code).toBe(1)
  })
})
