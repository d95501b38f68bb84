import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { enumTables } from '../../src/kmip/enums.ts'
import { payloads } from '../../src/kmip/payloads/index.ts'
import { KryptonServer } from '../integration/krypton-server.ts'
import { projectDirectory, removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
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

/** Operations that no test case of OASIS brings to success, each with the test that does. */
const succeedElsewhere: Readonly<Record<string, string>> = {
  'RNG Retrieve': 'test/operations/query.test.ts',
  Hash: 'test/operations/mac-and-hash.test.ts',
  Validate: 'test/operations/certify.test.ts',
  Import: 'test/operations/import-export.test.ts',
  Export: 'test/operations/import-export.test.ts',
}

it('has every operation that Query lists succeed at least once, in these cases or in the test that is named for it', async () => {
  const metrics = await (await fetch(`http://127.0.0.1:${server.healthPort}/metrics`)).text()
  const succeeded = new Set(
    Array.from(
      metrics.matchAll(/^krypton_operations_total\{operation="([^"]+)",result="success"\} [1-9]/gm),
      ([, name = '']) => name,
    ),
  )
  // Query lists what has payloads: test/operations/query.test.ts.
  const listed = Object.keys(payloads).map((operation) => enumTables.Operation.get(Number(operation))!.name)
  expect(listed.filter((name) => !succeeded.has(name) && succeedElsewhere[name] === undefined)).toEqual([])
  expect(Object.keys(succeedElsewhere).filter((name) => succeeded.has(name))).toEqual([])
  for (const [name, file] of Object.entries(succeedElsewhere)) {
    expect(readFileSync(join(projectDirectory, file), 'utf8')).toContain(`send(Operation.${name.replaceAll(/\W/g, '')}`)
  }
})
