import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { KryptonServer } from '../integration/krypton-server.ts'
import { removeDirectory, run, sharedFile, temporaryDirectory } from '../support/counterparts.ts'

const directory = temporaryDirectory('oasis')
const knownFailures = join(import.meta.dirname, 'known-failures.txt')
let server: KryptonServer

beforeAll(async () => {
  server = await KryptonServer.start(directory)
})

afterAll(async () => {
  await server?.stop()
  removeDirectory(directory)
})

it('passes the test cases of OASIS but for those that are known, no more and no fewer', async () => {
  const identity = await server.addClient('first', 'oasis')
  const second = await server.addClient('second', 'oasis')
  const { code, stdout, stderr } = await run(
    process.execPath,
    [
      sharedFile('oasis', 'run.mjs'),
      `--port=${server.port}`,
      `--ca=${identity.caFile}`,
      `--cert=${identity.certFile}`,
      `--key=${identity.keyFile}`,
      `--cert2=${second.certFile}`,
      `--key2=${second.keyFile}`,
      `--expect-file=${knownFailures}`,
    ],
    { timeoutMs: 540_000 },
  )
  const unexpected = stdout
    .split('\n')
    .filter((line) => /^(not expected to fail|expected to fail, but passed)/.test(line))
  expect(unexpected).toEqual([])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(server.process.ended).toBeUndefined()
}, 600_000)
