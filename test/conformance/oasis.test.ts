import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { KryptonServer } from '../integration/krypton-server.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { knownCases, runOasisCases } from './oasis-cases.ts'

const directory = temporaryDirectory('oasis')
let server: KryptonServer

beforeAll(async () => {
  server = await KryptonServer.start(directory)
})

afterAll(async () => {
  await server?.stop()
  removeDirectory(directory)
})

it('passes the test cases of OASIS but for those that are known, no more and no fewer', async () => {
  const { code, stdout, stderr, results } = await runOasisCases(server, join(directory, 'oasis.json'))
  const unexpected = stdout
    .split('\n')
    .filter((line) => /^(not expected to fail|expected to fail, but passed)/.test(line))
  expect(unexpected).toEqual([])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(server.process.ended).toBeUndefined()

  const ids = new Set(results.map(({ id }) => id))
  expect([...knownCases().keys()].filter((id) => !ids.has(id))).toEqual([])
}, 600_000)
