import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { AnchorPlace } from '../../src/seal/anchor-place.ts'
import { openBaoAnchor, type OpenBaoAnchorSettings } from '../../src/seal/anchor-openbao.ts'
import { answer, FakeOpenBao, refusal } from '../external-keys/fake-openbao.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'

const directory = temporaryDirectory('anchor-openbao')
let server: FakeOpenBao
let settings: OpenBaoAnchorSettings
let place: AnchorPlace

beforeAll(async () => {
  server = await FakeOpenBao.start()
  const [caFile, roleIdFile, secretIdFile] = ['ca.pem', 'role-id', 'secret-id'].map((name) => join(directory, name))
  writeFileSync(caFile!, server.authority.certificatePem)
  writeFileSync(roleIdFile!, 'role\n')
  writeFileSync(secretIdFile!, 'right\n', { mode: 0o600 })
  const { address } = server
  settings = { address, caFile, mount: 'secret', path: 'krypton/anchor', login: 'approle', roleIdFile, secretIdFile }
})
afterAll(async () => {
  await server.stop()
  removeDirectory(directory)
})
beforeEach(() => {
  server.before = () => undefined
  Object.assign(server.kept, { version: 0, text: '', writer: '' })
  place = openBaoAnchor(settings)
})

const isWrite = ({ method, path }: { method: string; path: string }): boolean =>
  method === 'POST' && path.startsWith('secret/')

describe('an anchor in OpenBao', () => {
  it('is written over what was read or written last', async () => {
    expect(await place.read()).toBeUndefined()
    await place.write('one')
    await place.write('two')
    expect(server.kept).toMatchObject({ version: 2, text: 'two' })
    const again = openBaoAnchor(settings)
    expect(await again.read()).toBe('two')
    await again.write('three')
    expect(server.kept).toMatchObject({ version: 3, text: 'three' })
  })

  it('is not written over what nobody has looked at, nor over what another server wrote, however often it is tried', async () => {
    await place.write('one')
    const blind = openBaoAnchor(settings)
    await expect(blind.write('two')).rejects.toMatchObject({ code: 'anchor-mismatch' })
    const other = openBaoAnchor(settings)
    await other.read()
    await other.write('another')
    for (let i = 0; i < 3; i++) {
      await expect(place.write('two')).rejects.toMatchObject({
        code: 'anchor-mismatch',
        message: expect.stringContaining('two servers run on copies of one database'),
      })
    }
    expect(server.kept.text).toBe('another')
  })

  it('knows its own write again whose answer was lost, and goes on from it; one that did not arrive is written', async () => {
    await place.write('one')
    // It arrives, its answer does not.
    server.before = (asked) => {
      if (!isWrite(asked)) return undefined
      server.before = () => undefined
      Object.assign(server.kept, { version: server.kept.version + 1, ...asked.body.data })
      return answer({ never: 'seen' }, 502)
    }
    await expect(place.write('two')).rejects.toMatchObject({ code: 'external-key-unreachable' })
    await place.write('three')
    expect(server.kept).toMatchObject({ version: 3, text: 'three' })
    server.before = (asked) => (isWrite(asked) ? refusal(503, 'Vault is sealed') : undefined)
    await expect(place.write('four')).rejects.toMatchObject({ code: 'external-key-unreachable' })
    server.before = () => undefined
    await place.write('five')
    expect(server.kept).toMatchObject({ version: 4, text: 'five' })
    // It did not arrive, and another server's did meanwhile.
    server.before = (asked) => (isWrite(asked) ? refusal(503, 'Vault is sealed') : undefined)
    await expect(place.write('six')).rejects.toMatchObject({ code: 'external-key-unreachable' })
    server.before = () => undefined
    Object.assign(server.kept, { version: 5, text: 'another', writer: 'another' })
    for (let i = 0; i < 2; i++) await expect(place.write('six')).rejects.toMatchObject({ code: 'anchor-mismatch' })
  })

  it('that was deleted is none, and is written on top of what it was', async () => {
    await place.write('one')
    server.before = ({ method }) =>
      method === 'GET' ? answer({ data: { data: null, metadata: { version: 1 } } }, 404) : undefined
    const again = openBaoAnchor(settings)
    expect(await again.read()).toBeUndefined()
    await again.write('two')
    expect(server.kept).toMatchObject({ version: 2, text: 'two' })
  })

  it('is refused where it is none, where KV is of version 1 or not there, and where settings cannot be meant so', async () => {
    const found = [
      answer({ data: { data: { x: 1 }, metadata: { version: 1 } } }),
      answer({ data: { data: { text: 'x' } } }),
      refusal(404, 'no handler for route "secret/data/krypton/anchor". route entry not found.'),
    ]
    for (const reply of found) {
      server.before = ({ path }) => (path.startsWith('secret/') ? reply : undefined)
      await expect(place.read()).rejects.toMatchObject({ code: 'config-invalid' })
    }
    server.before = (asked) => (isWrite(asked) ? (response) => void response.writeHead(204).end() : undefined)
    await expect(place.write('x')).rejects.toMatchObject({ code: 'config-invalid' })
    for (const wrong of [{ path: '../x' }, { mount: 'a//b' }, { address: 'https://x:1/v1' }]) {
      expect(() => openBaoAnchor({ ...settings, ...wrong })).toThrow(
        expect.objectContaining({ code: 'config-invalid' }),
      )
    }
  })
})
