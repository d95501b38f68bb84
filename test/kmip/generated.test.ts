import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generate } from '../../scripts/generate-kmip.ts'
import { kmipPage, pagePath } from '../../scripts/kmip-page.ts'
import { attributeNames, attributeTable } from '../../src/kmip/attribute.ts'
import * as enums from '../../src/kmip/enums.ts'
import { Tag, tagTable } from '../../src/kmip/tags.ts'
import { absent, sharedDirectory } from './shared.ts'

test('tags.ts and enums.ts are what the tables say', () => {
  for (const { path, text } of generate()) expect(readFileSync(path, 'utf8')).toBe(text)
})

test('docs/kmip.md is what the tables that run say', () => {
  expect(readFileSync(pagePath, 'utf8')).toBe(kmipPage())
})

test('each attribute has its own tag, of the same name and not newer', () => {
  for (const name of attributeNames) {
    const { tag, attributeName, since } = attributeTable[name]
    expect(tagTable.get(tag)).toMatchObject({ name: attributeName })
    expect(since).toBeGreaterThanOrEqual(tagTable.get(tag)!.since)
  }
  expect(attributeNames).toHaveLength(50)
})

test.skipIf(sharedDirectory === undefined)(
  `tags and enumerations are those of the OASIS cases' tables (else: ${absent})`,
  () => {
    const load = (name: string) =>
      JSON.parse(readFileSync(join(sharedDirectory!, 'oasis', name), 'utf8')) as Record<string, unknown>
    expect(
      Object.values(load('tags.json'))
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(
      Object.values(Tag)
        .map(Number)
        .sort((a, b) => a - b),
    )
    const tables = enums as unknown as Record<string, Record<string, number>>
    for (const file of ['enums.json', 'masks.json']) {
      for (const [name, values] of Object.entries(load(file))) {
        if (typeof values !== 'object' || values === null) continue // a second name of a table
        expect(
          Object.values(tables[name]!).sort((a, b) => a - b),
          name,
        ).toEqual(Object.values(values).sort((a, b) => a - b))
      }
    }
  },
)
