import { afterAll, beforeAll, expect, it } from 'vitest'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { requirePykmip, runLifecycle } from '../support/pykmip.ts'
import { KryptonServer } from './krypton-server.ts'

const directory = temporaryDirectory('pykmip')
let server: KryptonServer

beforeAll(async () => {
  await requirePykmip()
  server = await KryptonServer.start(directory)
})

afterAll(async () => {
  await server?.stop()
  removeDirectory(directory)
})

it.each(['1.0', '1.1', '1.2', '1.3', '1.4'])(
  "leads PyKMIP's client through the life of its objects at KMIP %s",
  async (version) => {
    const { host, port, caFile, certFile, keyFile } = { ...server.target(), ...server.demo }
    const steps = await runLifecycle(version, { host, port, caFile, certFile, keyFile })
    expect(steps.length).toBeGreaterThan(12)
    expect(steps.filter((step) => step.error !== undefined)).toEqual([])
  },
)
