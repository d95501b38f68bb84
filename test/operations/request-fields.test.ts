import { expect, test } from 'vitest'
import { enumTables } from '../../src/kmip/enums.ts'
import { payloads } from '../../src/kmip/payloads/index.ts'
import { readSources } from '../support/source-tree.ts'

/** What is read and then ignored would be neither done nor refused. */
test('every field of every request is looked at by an operation', () => {
  const sources = [...readSources('src')].filter(([path]) => /^src\/(?:operations|objects)\//u.test(path))
  const words = new Set(sources.flatMap(([, text]) => text.match(/\w+/gu) ?? []))
  const ignored = Object.entries(payloads).flatMap(([operation, { request }]) =>
    request.description.fields
      .filter(({ key }) => !words.has(key))
      .map(({ key }) => `${enumTables.Operation.get(Number(operation))?.name}: ${key}`),
  )
  expect(words.size).toBeGreaterThan(1_000)
  expect(ignored).toEqual([])
})
