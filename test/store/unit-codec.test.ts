import { expect, test } from 'vitest'
import { decodeUnit, separateUnits, UnitsEncoder } from '../../src/store/sqlite/unit-codec.ts'
import { insertObject, objectRow, unitOf } from './rows.ts'

const unit = (n: number, bytes = 10) => unitOf(insertObject({ ...objectRow(n), attributes: Buffer.alloc(bytes, n) }))
const back = (bytes: Uint8Array) => separateUnits(bytes).map(decodeUnit)

test('units come back as they were, in their order, small and large', () => {
  const encoder = new UnitsEncoder()
  const ofKeys = { section: 'keys', changes: [], audit: [] } as const
  const later = { ...ofKeys, erasure: 'later' } as const
  const units = [unit(1), unit(2, 3_000_000), unitOf([]), ofKeys, later, unit(3)]
  for (const one of units) encoder.add(one)
  expect(encoder.count).toBe(6)
  expect(back(encoder.take())).toEqual(units)
  expect(encoder.count).toBe(0)
  encoder.add(unit(4))
  expect(back(encoder.take())).toEqual([unit(4)])
  expect(back(encoder.take())).toEqual([])
})

test('what was taken is not written over by what comes later', () => {
  const encoder = new UnitsEncoder()
  encoder.add(unit(1))
  const taken = encoder.take()
  encoder.add(unit(2))
  expect(back(taken)).toEqual([unit(1)])
})

test('a row that is none of its table is refused, and the others are not hurt', () => {
  const encoder = new UnitsEncoder()
  encoder.add(unit(1))
  const wrong = unitOf(insertObject({ ...objectRow(2), state: 'Active' as never }))
  expect(() => encoder.add(wrong)).toThrow(TypeError)
  encoder.add(unit(3))
  expect(back(encoder.take())).toEqual([unit(1), unit(3)])
})
