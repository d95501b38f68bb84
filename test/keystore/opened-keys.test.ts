import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { secretFromBytes } from '../../src/crypto/secret.ts'
import type { Secret } from '../../src/crypto/secret.ts'
import { OpenedKeys } from '../../src/keystore/opened-keys.ts'
import { limits } from '../../src/limits.ts'
import type { ManagedObject } from '../../src/objects/managed-object.ts'
import { VersionSlot, VersionTable } from '../../src/store/version-table.ts'

let versions: VersionTable
let keys: OpenedKeys
beforeEach(() => {
  vi.useFakeTimers()
  versions = new VersionTable()
  keys = new OpenedKeys(versions, true)
})
afterEach(() => {
  keys.clear()
  vi.useRealTimers()
})

/** Only its identity counts here. */
const object = (): ManagedObject => ({}) as ManagedObject
const key = (bytes = 32): Secret => secretFromBytes(Buffer.alloc(bytes, 7), 'object')
const place = { slot: 5, version: 0 }
const isWiped = (secret: Secret): boolean => {
  try {
    secret.copyInto(Buffer.alloc(secret.byteLength), 0)
    return false
  } catch {
    return true
  }
}

describe('opened keys', () => {
  test('are taken as often as one likes, and end when they are let go', () => {
    const of = object()
    const secret = key()
    keys.keep(of, secret, place).wipe()
    for (let i = 0; i < 3; i++) {
      const taken = keys.take(of)!
      expect(isWiped(taken)).toBe(false)
      taken.wipe()
    }
    keys.forget(of)
    expect(isWiped(secret)).toBe(true)
    expect(keys.take(of)).toBeUndefined()
  })

  test('last for those who use them when they are let go', () => {
    const of = object()
    const first = keys.keep(of, key(), place)
    const second = keys.take(of)!
    keys.forget(of)
    first.wipe()
    expect(isWiped(second)).toBe(false)
    second.wipe()
    expect(isWiped(second)).toBe(true)
  })

  test('belong to one state of an object', () => {
    const of = object()
    keys.keep(of, key(), place).wipe()
    expect(keys.take(object())).toBeUndefined()
  })

  test('are not kept for an object that is not as it is stored, when they are long, or where memory is not locked', () => {
    const secrets = [key(), key(limits.openedKeyBytesEach + 1), key()]
    const unused = new OpenedKeys(versions, false)
    keys.keep(object(), secrets[0]!, undefined).wipe()
    keys.keep(object(), secrets[1]!, place).wipe()
    unused.keep(object(), secrets[2]!, place).wipe()
    expect(secrets.map(isWiped)).toEqual([true, true, true])
    expect(keys.size + unused.size).toBe(0)
  })

  test('are wiped when others push them out', () => {
    const first = key(limits.openedKeyBytesEach)
    keys.keep(object(), first, place).wipe()
    const fit = limits.openedKeyBytesMax / limits.openedKeyBytesEach
    for (let i = 1; i < fit; i++) keys.keep(object(), key(limits.openedKeyBytesEach), place).wipe()
    expect(isWiped(first)).toBe(false)
    keys.keep(object(), key(limits.openedKeyBytesEach), place).wipe()
    expect(isWiped(first)).toBe(true)
    expect(keys.size).toBe(fit)
  })

  test('are wiped within a second of a change of their object in another thread, and of no other', () => {
    const [changed, other] = [key(), key()]
    keys.keep(object(), changed, place).wipe()
    keys.keep(object(), other, { slot: 6, version: 0 }).wipe()
    versions.bump(place.slot)
    versions.bump(VersionSlot.any)
    vi.advanceTimersByTime(limits.openedKeysSweepMs)
    expect([isWiped(changed), isWiped(other)]).toEqual([true, false])
    expect(keys.size).toBe(1)
  })

  test('are all wiped at the end', () => {
    const secret = key()
    keys.keep(object(), secret, place).wipe()
    keys.clear()
    expect(isWiped(secret)).toBe(true)
  })
})
