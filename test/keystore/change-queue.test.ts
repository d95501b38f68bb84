import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ChangeQueue } from '../../src/keystore/change-queue.ts'
import type { Places } from '../../src/keystore/change-queue.ts'
import { limits } from '../../src/limits.ts'

const turnsOf = (places: readonly Places[]) => {
  const come: number[] = []
  places.forEach((place, i) => void place.turn?.then(() => come.push(i)))
  return come
}

describe('the queue of changes', () => {
  test('lets the first one of an object on at once, and costs it no promise', () => {
    const queue = new ChangeQueue()
    expect(queue.enter(['a', 'b']).turn).toBeUndefined()
    expect(queue.enter(['c']).turn).toBeUndefined()
    expect(queue.enter(['c', 'd']).turn).toBeInstanceOf(Promise)
  })

  test('lets on whoever is first at all of its objects, in the order in which they came', async () => {
    const queue = new ChangeQueue()
    const places = [['a'], ['b'], ['b', 'a'], ['a'], ['b']].map((ids) => queue.enter(ids))
    const come = turnsOf(places)
    places[0]!.leave()
    await setImmediate()
    expect(come).toEqual([])
    places[1]!.leave()
    await setImmediate()
    expect(come).toEqual([2])
    places[2]!.leave()
    await setImmediate()
    expect(come.toSorted((a, b) => a - b)).toEqual([2, 3, 4])
  })

  test('forgets an object that nobody waits for, whoever leaves when and how often', async () => {
    const queue = new ChangeQueue()
    const places = [['a'], ['a', 'b'], ['b', 'a'], ['a']].map((ids) => queue.enter(ids))
    const come = turnsOf(places)
    places[1]!.leave()
    places[1]!.leave()
    await setImmediate()
    expect(come).toEqual([])
    places[0]!.leave()
    await setImmediate()
    expect(come).toEqual([2])
    places[2]!.leave()
    places[3]!.leave()
    expect(queue.objects).toBe(0)
    expect(queue.enter(['a', 'b']).turn).toBeUndefined()
  })

  test('is bounded, and takes nobody in half', () => {
    const queue = new ChangeQueue()
    for (let i = 0; i < limits.changesWaitingMax; i++) queue.enter(['full'])
    expect(() => queue.enter(['empty', 'full'])).toThrow(expect.objectContaining({ code: 'overloaded' }))
    expect(queue.enter(['empty']).turn).toBeUndefined()
  })
})
