import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type AsymmetricKey, asymmetricKey } from '../../src/crypto/asymmetric-key.ts'
import { readSubjectPublicKeyInfo } from '../../src/crypto/key-encoding.ts'
import { ParsedKeys } from '../../src/keystore/parsed-keys.ts'
import { limits } from '../../src/limits.ts'
import { VersionTable } from '../../src/store/version-table.ts'

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const parts = readSubjectPublicKeyInfo(publicKey.export({ format: 'der', type: 'spki' }))

let versions: VersionTable
let keys: ParsedKeys
let parsed: { key: AsymmetricKey; wiped: boolean }[]
beforeEach(() => {
  vi.useFakeTimers()
  versions = new VersionTable()
  keys = new ParsedKeys(versions)
  parsed = []
})
afterEach(() => {
  keys.clear()
  vi.useRealTimers()
})

const parse = (): AsymmetricKey => {
  const key = asymmetricKey(parts)
  const entry = { key, wiped: false }
  const wipe = key.wipe.bind(key)
  key.wipe = () => {
    entry.wiped = true
    wipe()
  }
  parsed.push(entry)
  return key
}
const place = (slot = 1) => ({ slot, version: versions.read(slot) })
const use = (name: string, at = place()) => keys.use(name, at, parse, (key) => key)

describe('parsed keys', () => {
  test('are parsed once while their object stands as it stood', () => {
    expect(use('a')).toBe(use('a'))
    expect(parsed.length).toBe(1)
    versions.bump(1)
    void use('a')
    expect(parsed.length).toBe(2)
    expect(parsed.map(({ wiped }) => wiped)).toEqual([true, false])
  })

  test('are wiped when they are let go, and not before their last use has ended', async () => {
    let end = (): void => undefined
    const using = keys.use('a', place(), parse, () => new Promise<void>((resolve) => (end = resolve)))
    keys.forget('a')
    expect(parsed[0]!.wiped).toBe(false)
    expect(() => parsed[0]!.key.toString()).not.toThrow()
    end()
    await using
    expect(parsed[0]!.wiped).toBe(true)
  })

  test('are wiped when a use fails and nobody remembers them', async () => {
    const fails = () => keys.use('a', undefined, parse, () => Promise.reject(new Error('planted')))
    await expect(fails()).rejects.toThrow('planted')
    expect(() =>
      keys.use('a', undefined, parse, () => {
        throw new Error('planted')
      }),
    ).toThrow('planted')
    expect(parsed.map(({ wiped }) => wiped)).toEqual([true, true])
    expect(keys.size).toBe(0)
  })

  test('of objects that another thread has changed are wiped by the next sweep', () => {
    void use('a', place(1))
    void use('b', place(2))
    versions.bump(1)
    vi.advanceTimersByTime(limits.parsedKeysSweepMs)
    expect(parsed.map(({ wiped }) => wiped)).toEqual([true, false])
    versions.bump(2)
    vi.advanceTimersByTime(limits.parsedKeysSweepMs)
    expect([keys.size, vi.getTimerCount()]).toEqual([0, 0])
  })

  test('are bounded: the one that was not used for longest goes', () => {
    for (let i = 0; i <= limits.parsedKeysMax; i++) void use(`key ${i}`)
    expect(keys.size).toBe(limits.parsedKeysMax)
    expect(parsed.filter(({ wiped }) => wiped)).toEqual([parsed[0]])
  })

  test('all go at the end', () => {
    void use('a')
    void use('b')
    keys.clear()
    expect(parsed.every(({ wiped }) => wiped)).toBe(true)
    expect([keys.size, vi.getTimerCount()]).toEqual([0, 0])
  })
})
