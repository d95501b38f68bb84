import { afterAll, beforeAll, expect, test } from 'vitest'
import { setTables } from '../../src/hierarchy/sets.ts'
import { tableOf } from '../../src/store/schema.ts'
import type { Hierarchy } from './fixture.ts'
import { newStaticKey } from './fixture.ts'
import { newFullStore } from './full-store.ts'
import { isFound, type RowAttack, rowAttacks, scrubbed } from './row-attacks.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let attacks: readonly RowAttack[]

beforeAll(async () => {
  made = await newFullStore(externalKey)
  attacks = await rowAttacks(made, false)
})

test('an untouched store is as it was written', async () => {
  const untouched = { kind: 'digest', name: '', apply: () => undefined } as const
  expect(await isFound(made, untouched)).toBe(false)
  expect(await scrubbed(made, made.memory, made.memory)).toMatch(/^\d+ rows are as they were written$/)
})

test('every attack on a row is found: each table × column, flipped, inserted, copied, removed, put back', async () => {
  const missed: string[] = []
  for (const attack of attacks) {
    if (!(await isFound(made, attack))) missed.push(`${attack.kind} ${attack.name}`)
  }
  expect(missed).toEqual([])
  const columns = setTables.reduce((count, table) => count + Object.keys(tableOf(table).columns).length, 0)
  expect(attacks.filter(({ kind }) => kind === 'flip')).toHaveLength(columns)
})
