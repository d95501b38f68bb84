import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AdminClient } from '../../src/admin/client.ts'
import { adminServer, startAdminServer, type AdminHttpServer } from '../../src/admin/http-server.ts'
import { ListedServices } from './services.ts'

let directory: string
let services: ListedServices
let faults: unknown[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'krypton-admin-'))
  services = new ListedServices()
  faults = []
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const report = (_message: string, error: unknown): void => void faults.push(error)

describe('the socket', () => {
  const socket = (): string => join(directory, 'krypton.sock')
  let server: AdminHttpServer | undefined

  afterEach(async () => {
    await server?.close()
    server = undefined
  })

  it('may be opened by its owner alone', async () => {
    server = await startAdminServer(services, report, socket())
    expect(statSync(socket()).mode & 0o777).toBe(0o600)
  })

  it('is not taken from a server that answers', async () => {
    server = await startAdminServer(services, report, socket())
    await expect(startAdminServer(services, report, socket())).rejects.toMatchObject({ code: 'store-locked' })
  })

  it('is replaced when it is left over from a process that was killed', async () => {
    const killed = `require('net').createServer().listen(${JSON.stringify(socket())}, () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', killed])
    expect(statSync(socket()).isSocket()).toBe(true)
    server = await startAdminServer(services, report, socket())
    const client = new AdminClient(socket())
    expect((await client.status()).state).toBe('unsealed')
    await client.close()
  })

  it('does not remove a file that has its name', async () => {
    writeFileSync(socket(), 'mine')
    await expect(startAdminServer(services, report, socket())).rejects.toMatchObject({ code: 'config-invalid' })
    expect(statSync(socket()).isFile()).toBe(true)
  })

  it('is gone after the server has closed', async () => {
    server = await startAdminServer(services, report, socket())
    await server.close()
    server = undefined
    expect(() => statSync(socket())).toThrow(/ENOENT/)
  })

  it('carries the client through: tenant, client, list, revoke', async () => {
    server = await startAdminServer(services, report, socket())
    const client = new AdminClient(socket())
    await client.createTenant('acme')
    expect((await client.listTenants()).map(({ name }) => name)).toEqual(['acme'])
    const created = await client.createClient({
      tenant: 'acme',
      system: 's',
      service: 't',
      name: 'orders',
      operations: ['get'],
      csr: 'REQUEST',
    })
    expect(created.certificatePem).toMatch(/CERTIFICATE/)
    expect((await client.listClients('acme'))[0]).toMatchObject({ name: 'orders', operations: ['get'] })
    expect(await client.revokeClient('acme', 'orders')).toMatchObject({ state: 'revoked' })
    await expect(client.revokeClient('acme', 'nobody')).rejects.toMatchObject({ code: 'not-found' })
    await expect(client.createTenant('acme')).rejects.toMatchObject({ code: 'already-exists' })
    await client.close()
  })

  it('tells who asks a server that is not there what to do', async () => {
    const client = new AdminClient(socket())
    await expect(client.status()).rejects.toMatchObject({ code: 'not-running' })
    await client.close()
  })

  it('is no server that answers nonsense', async () => {
    const impostor = createServer((stream) =>
      stream.once('data', () => stream.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello')),
    )
    await new Promise<void>((resolve) => impostor.listen(socket(), resolve))
    const client = new AdminClient(socket())
    await expect(client.status()).rejects.toMatchObject({ code: 'not-running' })
    await client.close()
    await new Promise((resolve) => impostor.close(resolve))
  })
})

describe('the routes', () => {
  it('refuse a body with a name that the schema does not know', async () => {
    const server = await adminServer(services, report)
    const answer = await server.inject({ method: 'POST', url: '/v1/tenants', payload: { name: 'acme', admin: true } })
    expect(answer.statusCode).toBe(400)
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.json()).toMatchObject({
      type: 'about:blank',
      status: 400,
      code: 'usage',
      detail: expect.stringMatching(/a field admin, which is not known/),
    })
    expect(services.tenants).toEqual([])
  })

  it('refuse a name that is no name, and a number for a text', async () => {
    const server = await adminServer(services, report)
    for (const name of ['', '-x', 'a/b', 'ü', 'x'.repeat(65), 7]) {
      const answer = await server.inject({ method: 'POST', url: '/v1/tenants', payload: { name } })
      expect([name, answer.statusCode]).toEqual([name, 400])
    }
    for (const [url, payload, words] of [
      ['/v1/tenants', { name: 'a b' }, /^name must be of this form: A letter or digit, then/],
      ['/v1/keys/destroy', { key: 'a/b/c/d' }, /^key must be of this form: TENANT, TENANT\/SYSTEM or/],
      ['/v1/keys/break-glass', { key: 'ivk', minutes: 5, reason: 'x' }, /^key must be of this form: TENANT\/SYSTEM or/],
    ] as const) {
      const answer = await server.inject({ method: 'POST', url, payload })
      expect(answer.json()).toMatchObject({ code: 'usage', detail: expect.stringMatching(words) })
    }
  })

  it('refuse a body that is too large or no JSON', async () => {
    const server = await adminServer(services, report)
    const large = await server.inject({ method: 'POST', url: '/v1/tenants', payload: { name: 'x'.repeat(70_000) } })
    expect(large.statusCode).toBe(413)
    const broken = await server.inject({
      method: 'POST',
      url: '/v1/tenants',
      headers: { 'content-type': 'application/json' },
      payload: '{',
    })
    expect(broken.statusCode).toBe(400)
  })

  it('tell an unknown route where the routes are listed', async () => {
    const server = await adminServer(services, report)
    const answer = await server.inject({ url: '/v1/nothing' })
    expect([answer.statusCode, answer.json().detail]).toEqual([404, expect.stringMatching(/openapi/)])
  })

  it('tell nothing of a fault of ours to the asker and all of it to the log', async () => {
    const server = await adminServer(services, report)
    const answer = await server.inject({ url: '/v1/tenants/broken/clients' })
    expect(answer.statusCode).toBe(500)
    expect(answer.body).not.toMatch(/secret detail/)
    expect(faults).toHaveLength(1)
  })

  it('are all in the OpenAPI document, with the version of the server beside it', async () => {
    const server = await adminServer(services, report)
    const document = (await server.inject({ url: '/v1/openapi.json' })).json()
    expect(document.openapi).toBe('3.1.0')
    expect(Object.keys(document.paths)).toEqual([
      '/v1/status',
      '/v1/doctor',
      '/v1/version',
      '/v1/tenants',
      '/v1/tenants/{tenant}/clients',
      '/v1/tenants/{tenant}/clients/{client}/revoke',
      '/v1/tenants/{tenant}/roles',
      '/v1/tenants/{tenant}/roles/{role}/remove',
      '/v1/tenants/{tenant}/clients/{client}/role',
      '/v1/tenants/{tenant}/clients/{client}/credential',
      '/v1/tenants/{tenant}/clients/{client}/credential/remove',
      '/v1/tenants/{tenant}/certificate-authority',
      '/v1/tenants/{tenant}/certificate-authority/use',
      '/v1/keys',
      '/v1/tenants/{tenant}/rotation',
      '/v1/keys/rotate',
      '/v1/keys/compromise',
      '/v1/keys/announce',
      '/v1/keys/activate',
      '/v1/keys/suspend',
      '/v1/keys/resume',
      '/v1/keys/deactivate',
      '/v1/keys/break-glass',
      '/v1/keys/break-glass/{grant}/end',
      '/v1/keys/foresee',
      '/v1/keys/destroy/foresee',
      '/v1/keys/destroy',
      '/v1/master-key/rotate/foresee',
      '/v1/master-key/rotate',
      '/v1/backups',
      '/v1/backups/{backup}/forget',
      '/v1/changed-rows',
      '/v1/changed-rows/accept',
      '/v1/tenants/{tenant}/links',
      '/v1/tenants/{tenant}/links/switch',
      '/v1/tenants/{tenant}/links/check',
      '/v1/tenants/{tenant}/links/lock',
      '/v1/tenants/{tenant}/links/disable',
      '/v1/tenants/{tenant}/links/enable',
      '/v1/tenants/{tenant}/links/rotate',
      '/v1/tenants/{tenant}/links/unlink',
      '/v1/tenants/{tenant}/links/detach',
      '/v1/tenants/{tenant}/links/repair',
      '/v1/tenants/{tenant}/links/recovery-file',
      '/v1/tenants/{tenant}/links/recovery-file/foresee',
      '/v1/tenants/{tenant}/links/effect',
      '/v1/jobs',
      '/v1/scrub',
      '/v1/jobs/{job}',
      '/v1/jobs/{job}/cancel',
    ])
    expect((await server.inject({ url: '/v1/version' })).json()).toMatchObject({ node: process.version })
  })
})
