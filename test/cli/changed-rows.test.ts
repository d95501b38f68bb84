import '../support/hidden-compile-cache.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { ResultReason } from '../../src/kmip/enums.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { type Krypton, startKrypton } from '../../src/krypton.ts'
import { openLog } from '../../src/telemetry/log.ts'
import { KmipConnection } from '../integration/kmip-connection.ts'
import { createKey, identifierOf, locateByName, resultOf } from '../integration/kmip-messages.ts'
import { find } from '../integration/ttlv-tree.ts'
import type { Item } from '../integration/ttlv-tree.ts'
import { runCommand } from './terminal.ts'

let directory: string
let krypton: Krypton

async function start(): Promise<void> {
  const { config } = await loadConfig({
    file: join(directory, 'krypton.yaml'),
    flags: [
      { path: 'kmip.port', flag: '--kmip-port', value: '0' },
      { path: 'health.port', flag: '--health-port', value: '0' },
      { path: 'server.threads', flag: '--threads', value: '2' },
      { path: 'log.level', flag: '--set', value: 'fatal' },
    ],
  })
  krypton = await startKrypton({ config, log: openLog('fatal', () => undefined) })
}

const command = (...args: string[]) => runCommand([...args, '--dir', directory])

async function done(...args: string[]): Promise<string> {
  const { code, data, talk } = await command(...args)
  expect([args.join(' '), code, talk]).toEqual([args.join(' '), 0, expect.anything()])
  return data
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'krypton-changed-rows-'))
  expect((await runCommand(['init', '--dir', directory])).code).toBe(0)
  await start()
  for (const tenant of ['acme', 'beta']) await done('tenant', 'add', tenant)
  for (const [tenant, name] of [
    ['acme', 'gone'],
    ['acme', 'app'],
    ['beta', 'stranger'],
  ] as const)
    await done('client', 'add', name, '--tenant', tenant, '--out', join(directory, name))
})

afterAll(async () => {
  await krypton.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** What a client is told when it makes a key: on several connections, so that each thread is asked. */
async function told(name: string): Promise<string[]> {
  const files = join(directory, name)
  const answers = new Set<string>()
  for (let asked = 0; asked < 6; asked++) {
    const connection = await KmipConnection.open({
      ...krypton.addresses.kmip,
      caFile: join(files, 'ca.pem'),
      certFile: join(files, 'client.pem'),
      keyFile: join(files, 'client.key'),
    })
    const { status, reason, message } = resultOf(await connection.exchange(createKey()))
    answers.add(status === 0 ? 'served' : `${reason}: ${message}`)
  }
  return [...answers]
}

function edit<T>(use: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(directory, 'data', 'data.db'), { timeout: 10_000 })
  try {
    return use(database)
  } finally {
    database.close()
  }
}

type StoredRow = Record<string, SQLInputValue>
const clientRow = (): StoredRow =>
  edit((database) => database.prepare("SELECT * FROM clients WHERE name = 'gone'").get() as StoredRow)
const putBack = (row: StoredRow): void =>
  edit((database) => {
    const assignments = Object.keys(row).map((column) => `${column} = ?`)
    database.prepare(`UPDATE clients SET ${assignments.join(', ')} WHERE name = 'gone'`).run(...Object.values(row))
  })
const audited = (operation: string): unknown[] =>
  edit((database) => database.prepare('SELECT detail FROM audit WHERE operation = ?').all(operation))

interface Listed {
  readonly table: string
  readonly code: string
  readonly rows?: readonly string[]
}
const listed = async (...more: string[]): Promise<Listed[]> =>
  JSON.parse(await done('changed-rows', ...(more.length === 0 ? ['list'] : more), '-o', 'json')) as Listed[]

const ready = async () => {
  const { host, port } = krypton.addresses.health!
  const answer = await fetch(`http://${host}:${port}/readyz`)
  return { code: answer.status, detail: (await answer.json()) as { refused: string[]; warnings: string[] } }
}
const metrics = async (): Promise<string> => {
  const { host, port } = krypton.addresses.health!
  return (await fetch(`http://${host}:${port}/metrics`)).text()
}

const refused = [
  expect.stringMatching(
    new RegExp(
      `^${ResultReason.PermissionDenied}: Ask the operator of this server: rows .* until the database is restored`,
    ),
  ),
]
const unknown = [expect.stringMatching(new RegExp(`^${ResultReason.AuthenticationNotSuccessful}: `))]

it('a revoked client that is put back is refused, and it alone where the row is known; until it is restored, or accepted by its code', async () => {
  const trusted = clientRow()
  await done('client', 'revoke', 'gone', '--tenant', 'acme')
  const revoked = clientRow()
  expect(await told('gone')).toEqual(unknown)
  expect(await listed()).toEqual([])

  putBack(trusted)
  // Nobody asks: SQLite tells that somebody else has written.
  await expect.poll(ready, { timeout: 20_000 }).toMatchObject({ detail: { refused: [expect.any(String)] } })
  const [changed] = await listed()
  expect(changed).toMatchObject({ table: 'clients', written: 3, found: 3 })
  expect(changed!.rows).toEqual([expect.stringMatching(/^tenant .*, client /)])
  expect(await told('gone')).toEqual(refused)
  expect(await told('app')).toEqual(['served'])
  expect(await told('stranger')).toEqual(['served'])
  // Nothing is written over it.
  const { code, talk } = await command('client', 'revoke', 'gone', '--tenant', 'acme')
  expect([code, talk]).toEqual([1, expect.stringMatching(/not the one that was written.*krypton changed-rows list/)])
  // A load balancer that asks goes on sending those who are served.
  expect(await ready()).toMatchObject({ code: 200, detail: { refused: [expect.stringMatching(/table clients/)] } })
  expect(await done('status')).toMatch(/^refused +.*what hangs on these rows is refused$/m)
  expect(await metrics()).toMatch(/^krypton_changed_rows\{table="clients"\} 1$/m)
  expect(audited('IntegrityFault')).toEqual([{ detail: expect.stringMatching(/table clients/) }])

  putBack(revoked)
  expect(await listed()).toEqual([])
  expect(await told('gone')).toEqual(unknown)
  expect(audited('IntegrityFaultEnd')).toHaveLength(1)
  expect((await ready()).detail.refused).toEqual([])

  putBack(trusted)
  await krypton.stop()
  await start()
  for (const name of ['gone', 'app', 'stranger']) expect(await told(name)).toEqual(refused)
  expect(await ready()).toMatchObject({ code: 503, detail: { refused: [expect.stringMatching(/every request/)] } })
  const [whole] = await listed('accept', 'clients', '--dry-run')
  expect(whole).toMatchObject({ table: 'clients', code: expect.stringMatching(/^[0-9a-f]{16}$/) })
  expect(whole!.rows).toBeUndefined()
  const accept = (code: string) =>
    command('changed-rows', 'accept', 'clients', '--code', code, '--reason', 'ticket 4711')
  expect((await command('changed-rows', 'accept', 'clients')).code).toBe(2)
  expect((await command('changed-rows', 'accept', 'clients', '--code', whole!.code)).code).toBe(2)
  expect(await accept('0'.repeat(16))).toMatchObject({ code: 1, talk: expect.stringMatching(/look at them again/) })
  expect(await told('app')).toEqual(refused)
  expect(await accept(whole!.code)).toMatchObject({ code: 0 })
  expect(audited('ChangedRowsAccept')).toEqual([{ detail: expect.stringMatching(/ticket 4711$/) }])
  for (const name of ['gone', 'app', 'stranger']) expect(await told(name)).toEqual(['served'])
  expect((await ready()).code).toBe(200)
  await done('client', 'revoke', 'gone', '--tenant', 'acme')
  expect(await told('gone')).toEqual(unknown)
})

it('a client whose row was edited while no server ran is a stranger, it alone; status and /readyz tell the row, and it is served again when the row is back', async () => {
  const change = (set: string): void =>
    edit((database) => database.exec(`UPDATE clients SET ${set} WHERE name = 'app'`))
  await krypton.stop()
  change('created = created + 1')
  await start()
  expect(await told('app')).toEqual(unknown)
  expect(await told('stranger')).toEqual(['served'])
  const { code, detail } = await ready()
  expect([code, detail.warnings.filter((warning) => warning.includes('table clients'))]).toEqual([
    200,
    [expect.stringMatching(/client .* is not as it was written.*restore it/)],
  ])
  expect(await done('status')).toMatch(/a row of table clients .* is not as it was written/)
  change('created = created - 1')
  expect(await told('app')).toEqual(['served'])
})

it('two names that were exchanged in the index while no server ran find nothing, and status and /readyz name both objects', async () => {
  const files = join(directory, 'app')
  const asked = async (request: Item): Promise<Item> => {
    const connection = await KmipConnection.open({
      ...krypton.addresses.kmip,
      caFile: join(files, 'ca.pem'),
      certFile: join(files, 'client.pem'),
      keyFile: join(files, 'client.key'),
    })
    return connection.exchange(request)
  }
  const exchange = (): void =>
    edit((database) => {
      const rows = database.prepare("SELECT * FROM object_index WHERE attribute = 'name'").all() as StoredRow[]
      const [one, other] = rows
      database.exec("DELETE FROM object_index WHERE attribute = 'name'")
      const columns = Object.keys(one!)
      const insert = database.prepare(
        `INSERT INTO object_index (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      )
      for (const [row, { object, sequence }] of [
        [one!, other!],
        [other!, one!],
      ] as const)
        insert.run(...Object.values({ ...row, object: object!, sequence: sequence! }))
    })
  const names = ['first', 'second']
  const keys: string[] = []
  for (const name of names) keys.push(identifierOf(await asked(createKey(name))))
  await krypton.stop()
  exchange()
  await start()
  for (const name of names) {
    const answer = await asked(locateByName(name))
    expect([resultOf(answer).status, find(answer, Tag.UniqueIdentifier)]).toEqual([0, undefined])
  }
  const status = await done('status')
  const { code, detail } = await ready()
  expect(code).toBe(200)
  for (const key of keys)
    for (const told of [status, detail.warnings.join('\n')])
      expect(told).toMatch(new RegExp(`object ${key}\\) is found in the index by a value that it does not have`))
  exchange()
})

it('clients whose authority is taken away are answered on the connections that they have, and served again when it is back', async () => {
  const files = join(directory, 'app')
  const open = () =>
    KmipConnection.open({
      ...krypton.addresses.kmip,
      caFile: join(files, 'ca.pem'),
      certFile: join(files, 'client.pem'),
      keyFile: join(files, 'client.key'),
    })
  const connections = await Promise.all([open(), open(), open()])
  const answers = async () =>
    Promise.all(connections.map(async (connection) => resultOf(await connection.exchange(createKey()))))
  const isServed = (answer: { status: number }): boolean => answer.status === 0
  expect((await answers()).every(isServed)).toBe(true)
  const row = edit((database) => database.prepare('SELECT * FROM authorities').get() as StoredRow)
  edit((database) => database.prepare('DELETE FROM authorities').run())
  await expect.poll(ready, { timeout: 20_000 }).toMatchObject({ detail: { refused: [expect.any(String)] } })
  const told = { reason: ResultReason.PermissionDenied, message: expect.stringMatching(/^Ask the operator/) }
  for (let times = 0; times < 2; times++) expect(await answers()).toMatchObject([told, told, told])
  edit((database) => {
    const columns = Object.keys(row)
    const values = columns.map(() => '?').join()
    database.prepare(`INSERT INTO authorities (${columns.join()}) VALUES (${values})`).run(...Object.values(row))
  })
  expect(await listed()).toEqual([])
  expect((await answers()).every(isServed)).toBe(true)
  for (const connection of connections) connection.close()
})
