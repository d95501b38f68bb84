import { expect, test } from 'vitest'
import { VersionSlot, VersionTable } from '../../src/store/version-table.ts'
import { idOf } from './rows.ts'

test('a slot that one thread moves is read by another through the shared memory', () => {
  const table = new VersionTable()
  const other = new VersionTable(table.memory)
  const slot = table.slotOf(idOf(1))
  table.bump(slot)
  expect(other.read(slot)).toBe(1)
  expect(other.read(VersionSlot.trust)).toBe(0)
})

test('no identifier shares a slot with the named ones', () => {
  const table = new VersionTable()
  const highest = table.slotOf(Buffer.alloc(16, 0xff))
  expect(highest).toBeLessThan(Math.min(VersionSlot.trust, VersionSlot.keys))
})

test('a slot moves on past the largest number', () => {
  const table = new VersionTable()
  new Int32Array(table.memory).fill(2 ** 31 - 1)
  table.bump(0)
  expect(table.read(0)).not.toBe(2 ** 31 - 1)
})
