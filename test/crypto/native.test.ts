import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { generateKeyPair } from '../../src/crypto/key-pair.ts'
import { knownAnswers } from '../../src/crypto/known-answers.ts'
import {
  classNumbers,
  decideMaking,
  loadAddon,
  memoryReport,
  nativeAddon,
  type NativeAddon,
} from '../../src/crypto/native.ts'
import { generateSecret } from '../../src/crypto/secret.ts'

const root = join(import.meta.dirname, '../..')
const built = join(root, 'build/Release/krypton.node')
const directory = mkdtempSync(join(tmpdir(), 'krypton-native-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const file = (name: string, content: string): string => {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

describe('the addon is not used, and the reason is told,', () => {
  test('when there is none', () => {
    expect(loadAddon([join(directory, 'none.node')]).reason).toMatch(/was not built here: npm run install/)
  })

  test.skipIf(!existsSync(built))('when it is cut short: opening it would end the process', () => {
    const whole = readFileSync(built)
    for (const length of [40, 100_000, whole.byteLength - 1]) {
      const cut = join(directory, `cut-${length}.node`)
      writeFileSync(cut, whole.subarray(0, length))
      expect(loadAddon([cut]).reason).toMatch(/is cut short: npm run install/)
    }
  })

  test('when it does not load', () => {
    expect(loadAddon([file('text.node', 'no library')]).reason).toMatch(/text\.node does not load: /)
  })

  test('when it is of another version', () => {
    expect(loadAddon([file('old.cjs', 'exports.interfaceVersion = 0')]).reason).toMatch(/of another version/)
  })

  test.skipIf(!existsSync(built))('when it is of this version and has not its functions, or none at all', () => {
    const { interfaceVersion } = createRequire(import.meta.url)(built) as NativeAddon
    const bare = `exports.interfaceVersion = ${interfaceVersion}`
    expect(loadAddon([file('bare.cjs', bare)]).reason).toMatch(
      /bare\.cjs has no generateSecret, secretFromBytes, duplicateSecret: npm run install$/,
    )
    const whole = `Object.assign(exports, require(${JSON.stringify(built)}))`
    expect(loadAddon([file('whole.cjs', whole)]).reason).toBeUndefined()
    expect(loadAddon([file('less.cjs', `${whole}; exports.unwrapKey = 1`)]).reason).toMatch(/has no unwrapKey: /)
    expect(loadAddon([file('nothing.cjs', 'module.exports = null')]).reason).toMatch(/of another version/)
  })

  test.skipIf(!existsSync(built))('when a function of it that says what it is made of fails', () => {
    const fails = `Object.assign(exports, require(${JSON.stringify(built)}), { describe() { throw new Error('x') } })`
    expect(loadAddon([file('fails.cjs', fails)]).reason).toMatch(/fails\.cjs does not load: x$/)
  })

  test('unless another one is good', () => {
    const old = file('older.cjs', 'exports.interfaceVersion = 0')
    expect(loadAddon([old, built]).addon).toBe(loadAddon([built]).addon)
  })

  test('when it is switched off', () => {
    const { making, reason, lockedBytes } = inProcess('off', 'memoryReport()') as ReturnType<typeof memoryReport>
    expect({ making, reason, lockedBytes }).toEqual({ making: 'javascript', reason: 'native is off', lockedBytes: 0 })
  })
})

test('a setting that is none is refused, and so is the addon where it is required and cannot be had', () => {
  expect(inProcess('sometimes', 'refusalOf(() => nativeAddon())')).toMatch(/KRYPTON_NATIVE is auto, required or off/)
  // Seen from a copy of the sources beside which no addon lies.
  const sources = join(directory, 'copy/src')
  cpSync(join(root, 'src'), sources, { recursive: true })
  expect(inProcess('required', 'refusalOf(() => nativeAddon())', sources)).toMatch(
    /^config-invalid native: required cannot be met: the addon was not built here: npm run install/,
  )
  expect(inProcess('auto', 'memoryReport().making', sources)).toBe('javascript')
})

const addon = nativeAddon()

describe.skipIf(addon === undefined)('the addon', () => {
  test('seeds OpenSSL from the kernel before each RSA key that it makes', () => {
    const seeds = vi.spyOn(addon!, 'seedOpenSsl')
    for (const bits of [1_024, 1_024]) generateKeyPair({ type: 'rsa', bits }).privateKey.fill(0)
    expect(seeds).toHaveBeenCalledTimes(2)
    seeds.mockRestore()
  })

  const native = addon!
  const target = Buffer.alloc(64)
  const none = Buffer.alloc(0)
  const secretOf = (secretClass: keyof typeof classNumbers, bytes = Buffer.alloc(32, 9)): number =>
    native.secretFromBytes(classNumbers[secretClass], bytes)

  test.each(['suite1', 'suite2', 'hmac', 'kdf'] as const)('is not used when its answer of %s is wrong', (name) => {
    const answers = { ...knownAnswers, [name]: '00' } as typeof knownAnswers
    expect(loadAddon([built], answers).reason).toMatch(/fails its self-test: /)
    expect(loadAddon([built]).reason).toBeUndefined()
  })

  test('is decided once', () => {
    expect(() => decideMaking('auto')).not.toThrow()
    expect(() => decideMaking('required')).not.toThrow()
    expect(() => decideMaking('off')).toThrow(/was decided before/)
    expect(nativeAddon()).toBe(native)
  })

  test('refuses a handle that names nothing, and one that was used up, in every function', () => {
    const old = secretOf('object')
    expect(native.releaseSecret(old)).toBe(true)
    expect(native.releaseSecret(old)).toBe(false)
    // The next secret has the slot of the last one, and another handle.
    const fresh = secretOf('object')
    for (const handle of [old, 0, 1, 2 ** 22 - 1, 2 ** 53 - 1]) {
      for (const use of uses(native, target)) expect(() => use(handle)).toThrow(/after it was wiped/)
      expect(native.releaseSecret(handle)).toBe(false)
    }
    native.releaseSecret(fresh)
  })

  test('takes nothing for a handle that is none', () => {
    for (const handle of [-1, 1.5, Number.NaN, 2 ** 53, '1', undefined, {}, 1n] as number[]) {
      for (const use of uses(native, target)) expect(() => use(handle)).toThrow(TypeError)
    }
  })

  test('lets out no secret of another class than object, by any function', () => {
    for (const secretClass of ['wrapping', 'system'] as const) {
      const handle = secretOf(secretClass)
      const untouched = Buffer.alloc(64)
      target.fill(0)
      expect(() => native.copySecret(handle, target, 0)).toThrow(TypeError)
      expect(() => native.deriveBytes(handle, Buffer.from('label'), Buffer.alloc(0), target)).toThrow(TypeError)
      expect(() => native.deriveSecret(handle, Buffer.from('label'), Buffer.alloc(0), 0)).toThrow(TypeError)
      expect(() => native.deriveIdentifier(handle, Buffer.from('label'), Buffer.alloc(0), target, 0)).toThrow(TypeError)
      // The input of a derivation: its first block would be the key that `deriveSecret` keeps.
      expect(() => native.hmac(handle, 2, Buffer.from([0, 0, 0, 1, 108]), target, 0)).toThrow(TypeError)
      expect(() => native.verifyHmac(handle, 2, Buffer.alloc(8), 0, 8, target, 0, 32)).toThrow(TypeError)
      // Under a key that can be copied out it could be opened again outside.
      expect(() => native.sealRecord(1, secretOf('object'), target, 0, target, 0, handle, 16)).toThrow(TypeError)
      expect(() => native.wrapKey(0, secretOf('object'), handle, target)).toThrow(TypeError)
      expect(() => native.encrypt(0, handle, none, none, Buffer.alloc(16), target, 0)).toThrow(TypeError)
      expect(() => native.decrypt(0, handle, none, none, Buffer.alloc(16), 16, none, 0, 0, target)).toThrow(TypeError)
      expect(target).toEqual(untouched)
    }
    const object = secretOf('object')
    native.copySecret(object, target, 32)
    expect(target.subarray(32)).toEqual(Buffer.alloc(32, 9))
  })

  test('refuses wrong types, lengths and offsets with a TypeError, and writes nothing then', () => {
    const key = secretOf('wrapping')
    const object = secretOf('object')
    const record = Buffer.alloc(12 + 32 + 16)
    const calls: (() => unknown)[] = [
      () => native.generateSecret(3, 32),
      () => native.generateSecret(0, 2 ** 31),
      () => native.generateSecret(0, -1),
      () => native.secretFromBytes(0, 'text' as unknown as Buffer),
      () => native.secretFromBytes(0, new Uint16Array(4) as unknown as Buffer),
      () => native.secretFromBytes(0, new DataView(new ArrayBuffer(8)) as unknown as Buffer),
      () => native.copySecret(object, Buffer.alloc(31), 0),
      () => native.copySecret(object, Buffer.alloc(40), 9),
      () => native.copySecret(object, Buffer.alloc(40), 2 ** 52),
      () => native.fillRandom(Buffer.alloc(8), 4, 5),
      () => native.wipeBytes(undefined as unknown as Buffer),
      () => native.equalBytes(none, 'a' as unknown as Buffer),
      () => native.hmac(object, 11, none, target, 0),
      () => native.hmac(object, 4, none, Buffer.alloc(63), 0),
      () => native.verifyHmac(object, 2, Buffer.alloc(8), 1, 8, target, 0, 32),
      () => native.verifyHmac(object, 2, Buffer.alloc(8), 0, 8, target, 40, 32),
      () => native.sealRecord(0, key, record, 0, none, 0, Buffer.alloc(32), 12),
      () => native.sealRecord(3, key, record, 0, none, 0, Buffer.alloc(32), 12),
      () => native.sealRecord(1, key, record, 0, none, 1, Buffer.alloc(32), 12),
      () => native.sealRecord(1, key, record, 0, none, 0, Buffer.alloc(31), 12),
      () => native.sealRecord(1, key, record, 49, none, 0, Buffer.alloc(32), 12),
      () => native.sealRecord(1, key, record, 0, none, 0, Buffer.alloc(32), 61),
      () => native.sealRecord(1, native.secretFromBytes(1, Buffer.alloc(31)), record, 0, none, 0, Buffer.alloc(32), 12),
      () => native.openRecord(1, key, record, 0, none, 0, 45, 0),
      () => native.openRecord(1, key, record, 0, none, 0, 61, 0),
      () => native.openRecord(1, key, record, 0, none, 0, 12, 3),
      () => native.openRecord(2, key, record, 40, none, 0, 12, 0),
      () => native.encrypt(6, object, none, none, none, target, 0),
      () => native.encrypt(1, object, none, none, Buffer.alloc(16), target, 0),
      () => native.encrypt(1, object, Buffer.alloc(16), none, Buffer.alloc(49), target, 0),
      () => native.encrypt(3, object, Buffer.alloc(129), none, none, target, 16),
      () => native.encrypt(3, object, none, none, none, target, 16),
      () => native.encrypt(3, object, Buffer.alloc(12), none, none, target, 11),
      () => native.encrypt(3, object, Buffer.alloc(12), none, none, target, 17),
      () => native.encrypt(3, object, Buffer.alloc(12), none, Buffer.alloc(49), target, 16),
      () => native.encrypt(0, secretOf('object', Buffer.alloc(20)), none, none, none, target, 0),
      () => native.decrypt(0, object, none, none, Buffer.alloc(16), 17, none, 0, 0, target),
      () => native.decrypt(0, object, none, none, Buffer.alloc(80), 80, none, 0, 0, target),
      () => native.decrypt(3, object, Buffer.alloc(12), none, none, 0, target, 0, 11, target),
      () => native.decrypt(3, object, Buffer.alloc(12), none, none, 0, target, 50, 16, target),
      () => native.wrapKey(2 as 1, object, object, target),
      () => native.wrapKey(0, object, object, Buffer.alloc(46)),
      () => native.wrapKey(0, object, secretOf('object', Buffer.alloc(8)), target),
      () => native.unwrapKey(0, secretOf('object', Buffer.alloc(20)), target, 0),
      () => native.describe(new Float64Array(3)),
    ]
    for (const call of calls) expect(call, call.toString()).toThrow(TypeError)
    expect(record).toEqual(Buffer.alloc(60))
    const detached = Buffer.alloc(32)
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    expect(() => native.copySecret(object, detached, 0)).toThrow(TypeError)
  })

  test('keeps secrets of every length, from none to that of the largest object, each its own bytes', () => {
    for (const bytes of [0, 1, 16, 48, 64, 65, 128, 1024, 2350, 16_384, 16_385, 1024 * 1024]) {
      const source = Buffer.alloc(bytes, bytes % 251)
      for (const secretClass of ['object', 'wrapping', 'system'] as const) {
        const handle = secretOf(secretClass, source)
        expect(native.secretLength(handle)).toBe(bytes)
        const second = native.duplicateSecret(handle)
        native.releaseSecret(handle)
        expect(native.secretLength(second)).toBe(bytes)
        if (secretClass === 'object') {
          const copy = Buffer.alloc(bytes)
          native.copySecret(second, copy, 0)
          expect(copy.equals(source)).toBe(true)
        }
        native.releaseSecret(second)
      }
    }
  })

  test('locks its memory, and holds 100,000 keys of 32 bytes in 8 MiB of it', () => {
    const before = memoryReport()
    expect(before.lockedBytes + before.unlockedBytes).toBeGreaterThan(0)
    const handles = Array.from({ length: 100_000 }, () => native.generateSecret(0, 32))
    const full = memoryReport()
    expect(full.slotsInUse.object - before.slotsInUse.object).toBe(100_000)
    const bytes = full.lockedBytes + full.unlockedBytes - before.lockedBytes - before.unlockedBytes
    expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024)
    expect(new Set(handles).size).toBe(100_000)
    for (const handle of handles) native.releaseSecret(handle)
    expect(memoryReport().slotsInUse).toEqual(before.slotsInUse)
  })

  test('ends the secrets of a thread with it, and lets another thread use those that live', async () => {
    const before = memoryReport().slotsInUse
    const shared = secretOf('system')
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       const addon = require(workerData.built)
       for (let i = 0; i < 1000; i++) addon.generateSecret(i % 3, 32)
       const mac = new Uint8Array(32)
       addon.hmac(workerData.shared, 2, mac.subarray(0, 0), mac, 0)
       parentPort.postMessage(mac)`,
      { eval: true, workerData: { built, shared } },
    )
    const mac = await new Promise<Uint8Array>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await new Promise((resolve) => worker.once('exit', resolve))
    const own = Buffer.alloc(32)
    native.hmac(shared, 2, Buffer.alloc(0), own, 0)
    expect(Buffer.from(mac)).toEqual(own)
    native.releaseSecret(shared)
    // Those that other tests have let go may end meanwhile.
    const after = memoryReport().slotsInUse
    for (const name of ['object', 'wrapping', 'system'] as const) expect(after[name]).toBeLessThanOrEqual(before[name])
  })

  test('ends a secret of the hierarchy that nobody holds any more', async () => {
    const before = memoryReport().slotsInUse.wrapping
    for (let i = 0; i < 1000; i++) generateSecret(32, 'wrapping')
    for (let i = 0; i < 100 && memoryReport().slotsInUse.wrapping >= before + 1000; i++) {
      // What fills the heap makes the collector run.
      Array.from({ length: 100_000 }, () => ({}))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(memoryReport().slotsInUse.wrapping).toBeLessThan(before + 1000)
  })
})

describe.skipIf(addon === undefined)('with a limit of locked memory', () => {
  /** Makes secrets under that RLIMIT_MEMLOCK, and without the right to pass it; in the end the report. */
  const reportUnder = (limitKib: number, secrets: number): ReturnType<typeof memoryReport> => {
    const script = `
      const { memoryReport, nativeAddon } = await import(${JSON.stringify(join(root, 'src/crypto/native.ts'))})
      for (let i = 0; i < ${secrets}; i++) nativeAddon().generateSecret(0, 32)
      console.log(JSON.stringify(memoryReport()))`
    const drop = process.getuid?.() === 0 ? 'setpriv --bounding-set=-ipc_lock' : ''
    return JSON.parse(
      execFileSync(
        'sh',
        [
          '-c',
          `ulimit -l ${limitKib} && exec ${drop} "$@"`,
          'sh',
          process.execPath,
          '--input-type=module',
          '--eval',
          script,
        ],
        { env: { ...process.env, KRYPTON_NATIVE: 'required' }, encoding: 'utf8' },
      ),
    )
  }

  test('of 8 MiB, 100,000 keys are locked', () => {
    const report = reportUnder(8192, 100_000)
    expect(report.slotsInUse.object).toBe(100_000)
    expect(report.unlockedBytes).toBe(0)
    expect(report.lockedBytes).toBeLessThanOrEqual(8 * 1024 * 1024)
    expect(report.lockLimitBytes).toBe(8 * 1024 * 1024)
    expect(report.refused).toEqual([])
  })

  test('of 1 MiB, what does not fit is kept all the same, counted and told with what helps', () => {
    const report = reportUnder(1024, 20_000)
    expect(report.slotsInUse.object).toBe(20_000)
    expect(report.lockedBytes).toBeGreaterThan(512 * 1024)
    expect(report.lockedBytes).toBeLessThanOrEqual(1024 * 1024)
    expect(report.unlockedBytes).toBeGreaterThan(0)
    expect(report.refused.join()).toMatch(/RLIMIT_MEMLOCK is 1048576 bytes.*LimitMEMLOCK=64M/)
  })
})

/** What `expression` over the exports of `native.ts` gives in a process of its own, with that KRYPTON_NATIVE. */
function inProcess(setting: string, expression: string, sources = join(root, 'src')): unknown {
  const script = `
    const { decideMaking, memoryReport, nativeAddon } = await import(${JSON.stringify(join(sources, 'crypto/native.ts'))})
    const refusalOf = (run) => { try { run() } catch (error) { return error.code + ' ' + error.message } }
    console.log(JSON.stringify(${expression}))`
  const env = { ...process.env, KRYPTON_NATIVE: setting }
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '--eval', script], { env, encoding: 'utf8' }),
  )
}

/** A call of each function that takes a handle. */
function uses(native: NativeAddon, target: Buffer): ((handle: number) => unknown)[] {
  const none = Buffer.alloc(0)
  const label = Buffer.from('a-id')
  return [
    (handle) => native.duplicateSecret(handle),
    (handle) => native.secretLength(handle),
    (handle) => native.copySecret(handle, target, 0),
    (handle) => native.hmac(handle, 2, none, target, 0),
    (handle) => native.verifyHmac(handle, 2, none, 0, 0, target, 0, 32),
    (handle) => native.deriveSecret(handle, label, none, 1),
    (handle) => native.deriveIdentifier(handle, label, none, target, 0),
    (handle) => native.deriveBytes(handle, label, none, target),
    (handle) => native.sealRecord(1, handle, target, 0, none, 0, Buffer.alloc(36), 12),
    (handle) => native.openRecord(1, handle, target, 0, none, 0, 12, 0),
    (handle) => native.encrypt(0, handle, none, none, Buffer.alloc(16), target, 0),
    (handle) => native.decrypt(0, handle, none, none, target, 16, none, 0, 0, target),
    (handle) => native.wrapKey(0, handle, handle, target),
    (handle) => native.unwrapKey(0, handle, target, 0),
  ]
}
