import { generateKeyPairSync } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { classNumbers, nativeAddon, type NativeAddon } from '../../src/crypto/native.ts'

const addon = nativeAddon()

describe.skipIf(addon === undefined)('asymmetric keys in the addon', () => {
  const native = addon as NativeAddon // the tests are skipped without it
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pkcs1 = rsa.privateKey.export({ format: 'der', type: 'pkcs1' })
  const secrets: number[] = []
  afterEach(() => {
    for (const secret of secrets.splice(0)) native.releaseSecret(secret)
  })
  const secretOf = (bytes: Uint8Array, secretClass: keyof typeof classNumbers = 'object') => {
    const handle = native.secretFromBytes(classNumbers[secretClass], bytes)
    secrets.push(handle)
    return handle
  }
  const data = Buffer.from('data')
  const target = Buffer.alloc(256)
  const signPkcs1 = (key: number) => native.signWithKey(key, 0, 2, 0, 0, data, 0, target)

  test('are parsed from secrets of objects, and from no others', () => {
    expect(native.parseKey(secretOf(Buffer.from('no key')), 0)).toBe(0)
    expect(native.parseKey(secretOf(Buffer.concat([pkcs1, Buffer.from([0])])), 0)).toBe(0)
    expect(native.parseKey(secretOf(pkcs1), 2)).toBe(0)
    expect(() => native.parseKey(secretOf(pkcs1, 'wrapping'), 0)).toThrow(TypeError)
    expect(() => native.parseKey(secretOf(pkcs1, 'system'), 0)).toThrow(TypeError)
    expect(() => native.parseKey(secretOf(pkcs1), 9)).toThrow(TypeError)
  })

  test('have handles that are never used again', () => {
    const secret = secretOf(pkcs1)
    const key = native.parseKey(secret, 0)
    expect(signPkcs1(key)).toBe(256)
    expect([native.releaseKey(key), native.releaseKey(key)]).toEqual([true, false])
    const other = native.parseKey(secret, 0)
    expect(other).not.toBe(key)
    expect(() => signPkcs1(key)).toThrow(/after it was wiped/)
    for (const wrong of [0, 1e15, -1, 0.5, Number.NaN, '1' as never]) expect(() => signPkcs1(wrong)).toThrow()
    native.releaseKey(other)
  })

  test('take no argument that is out of its bounds', () => {
    const key = native.parseKey(secretOf(pkcs1), 0)
    expect(() => native.signWithKey(key, 3, 2, 0, 0, data, 0, target)).toThrow(TypeError)
    expect(() => native.signWithKey(key, 0, 11, 0, 0, data, 0, target)).toThrow(TypeError)
    expect(() => native.signWithKey(key, 1, 2, 2, 5000, data, 0, target)).toThrow(TypeError)
    expect(() => native.signWithKey(key, 0, 2, 0, 0, data, 0, target.subarray(1))).toThrow(TypeError)
    expect(() => native.signWithKey(key, 0, 2, 0, 0, data, 1, target)).toThrow(/another length/)
    expect(() => native.decryptWithKey(key, 2, 0, 0, data, data, target)).toThrow(TypeError)
    expect(() => native.decryptWithKey(key, 1, 2, 2, data, data, target.subarray(1))).toThrow(TypeError)
    expect(native.decryptWithKey(key, 1, 2, 2, data, data, target)).toBe(-1)
    expect(target.every((byte) => byte === 0)).toBe(true)
    native.releaseKey(key)
  })

  test('are good in every thread, and end with the one that took them in', async () => {
    const key = native.parseKey(secretOf(pkcs1), 0)
    const body = `
      const { parentPort, workerData } = require('node:worker_threads')
      const addon = require(workerData.file)
      const target = Buffer.alloc(256)
      const bytes = addon.signWithKey(workerData.key, 0, 2, 0, 0, Buffer.from('data'), 0, target)
      const secret = addon.secretFromBytes(0, workerData.pkcs1)
      parentPort.postMessage({ bytes, own: addon.parseKey(secret, 0) })`
    const file = new URL('../../build/Release/krypton.node', import.meta.url).pathname
    const worker = new Worker(body, { eval: true, workerData: { file, key, pkcs1 } })
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    const { bytes, own } = await new Promise<{ bytes: number; own: number }>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    expect(bytes).toBe(256)
    await ended
    expect(() => signPkcs1(own)).toThrow(/after it was wiped/)
    expect(signPkcs1(key)).toBe(256)
    native.releaseKey(key)
  })
})
