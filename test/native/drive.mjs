// Drives the addon without anything around it, so that a sanitizer or valgrind (with --jitless) sees the addon alone.
// node drive.mjs FILE PART+PART: `FILE` is the addon with the parts at the end of this file, or the one of planted bugs with their names.
import assert from 'node:assert'
import { generateKeyPairSync } from 'node:crypto'
import { createRequire } from 'node:module'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

const [file, part] = isMainThread ? process.argv.slice(2) : [workerData.file, workerData.part]
const addon = createRequire(import.meta.url)(file)
const none = new Uint8Array(0)
const bytes = (count, value = 7) => new Uint8Array(count).fill(value)
const described = () => {
  const numbers = new Float64Array(12)
  addon.describe(numbers)
  return numbers
}
const inUse = () => described().subarray(4, 7).join()

/** 100,000 secrets at once, of all classes and sizes, then each replaced once, then none. */
function slots() {
  const sizes = [32, 32, 32, 32, 0, 16, 48, 64, 65, 200, 1200]
  const handles = []
  for (let i = 0; i < 100_000; i++) handles.push(addon.generateSecret(i % 3, sizes[i % sizes.length]))
  for (let i = 0; i < 2_000; i++) {
    assert(addon.releaseSecret(handles[i]))
    handles[i] = addon.generateSecret(i % 3, i % 100 === 0 ? 40_000 : 32)
  }
  for (const handle of handles) assert(addon.releaseSecret(handle))
  for (const handle of handles) assert(!addon.releaseSecret(handle))
  assert.equal(inUse(), '0,0,0')
}

/** Every function with good arguments, at the edges of lengths. */
function calls() {
  const target = bytes(256)
  for (const secretClass of [0, 1, 2]) {
    for (const length of [0, 1, 31, 32, 64, 65, 129, 16_384, 1_048_576]) {
      const handle = addon.secretFromBytes(secretClass, bytes(length))
      assert.equal(addon.secretLength(handle), length)
      addon.releaseSecret(addon.duplicateSecret(handle))
      addon.hmac(handle, 2, bytes(300), target, 224)
      for (let digest = 0; digest < 11; digest++) addon.hmac(handle, digest, none, target, 192)
      addon.hmac(handle, 2, none, target, 0)
      assert(addon.verifyHmac(handle, 2, none, 0, 0, target, 0, 32))
      assert(!addon.verifyHmac(handle, 2, none, 0, 0, target, 1, 32))
      addon.deriveIdentifier(handle, Buffer.from('x-id'), none, target, 240)
      addon.releaseSecret(addon.deriveSecret(handle, Buffer.from('x'), none, secretClass))
      if (secretClass === 0) {
        addon.copySecret(handle, new Uint8Array(length), 0)
        addon.deriveBytes(handle, bytes(3), bytes(40), new Uint8Array(100))
      }
      addon.releaseSecret(handle)
    }
  }
  const wrapping = addon.secretFromBytes(1, bytes(32))
  for (const suite of [1, 2]) {
    for (const length of [0, 1, 15, 16, 17, 32, 4096]) {
      const record = bytes(24 + length + 16)
      addon.sealRecord(suite, wrapping, record, 0, bytes(200), 199, bytes(length), 24)
      const opened = addon.openRecord(suite, wrapping, record, 0, bytes(200), 199, 24, 0)
      assert(opened > 0)
      addon.sealRecord(suite, wrapping, record, 0, none, 0, opened, 24)
      assert.equal(addon.openRecord(suite, wrapping, record, 0, none, 0, 24, 0) > 0, true)
      record[24] ^= 1
      assert.equal(addon.openRecord(suite, wrapping, record, 0, none, 0, 24, 0), 0)
    }
  }
  for (const keyBytes of [16, 24, 32]) {
    const key = addon.secretFromBytes(0, bytes(keyBytes))
    for (const [mode, iv] of [
      [0, 0],
      [1, 16],
      [2, 16],
      [3, 12],
      [3, 1],
      [3, 128],
      [4, 0],
      [5, 16],
    ]) {
      for (const length of [0, 16, 32, 4096, ...(mode > 1 ? [1, 15, 17] : [])]) {
        const tag = mode === 3 ? 16 : 0
        const made = new Uint8Array(length + 16)
        const written = addon.encrypt(mode, key, bytes(iv), bytes(tag), bytes(length), made, tag)
        const back = new Uint8Array(written)
        const ciphertext = made.subarray(0, written)
        const tags = mode === 3 ? made : none
        const read = addon.decrypt(
          mode,
          key,
          bytes(iv),
          bytes(tag),
          ciphertext,
          written,
          tags,
          tag && length,
          tag,
          back,
        )
        assert.equal(read, length)
        if (mode === 3) {
          made[length] ^= 1
          assert.equal(addon.decrypt(3, key, bytes(iv), bytes(16), ciphertext, written, made, length, 16, back), -1)
        }
      }
    }
    for (const padded of [0, 1]) {
      const wrapped = new Uint8Array(64)
      const secret = addon.secretFromBytes(0, bytes(padded ? 21 : 32))
      const written = addon.wrapKey(padded, key, secret, wrapped)
      const opened = addon.unwrapKey(padded, key, wrapped.subarray(0, written), 0)
      assert.equal(addon.secretLength(opened), padded ? 21 : 32)
      wrapped[3] ^= 1
      assert.equal(addon.unwrapKey(padded, key, wrapped.subarray(0, written), 0), 0)
    }
  }
  assert.equal(
    addon.decrypt(5, addon.secretFromBytes(0, bytes(16)), bytes(16), none, bytes(16), 16, none, 0, 0, bytes(16)),
    -1,
  )
  const aesKey = addon.secretFromBytes(0, bytes(16))
  for (const mode of [0, 1, 2, 4, 5]) {
    const iv = bytes(mode === 0 || mode === 4 ? 0 : 16)
    assert.throws(() => addon.encrypt(mode, aesKey, iv, bytes(16), bytes(32), new Uint8Array(64), 0), /associated/)
    assert.throws(
      () => addon.decrypt(mode, aesKey, iv, bytes(16), bytes(32), 32, none, 0, 0, new Uint8Array(64)),
      /associated/,
    )
  }
  addon.fillRandom(target, 3, 250)
  addon.wipeBytes(target)
  addon.wipeStack()
  assert(addon.equalBytes(target, new Uint8Array(256)) && !addon.equalBytes(target, none))
}

/** Asymmetric keys: parsed from slots, used, and ended while others remain. */
function keys() {
  const parsed = ({ privateKey, publicKey }, form) => {
    const types = ['pkcs1', 'pkcs8', 'sec1', 'spki']
    const der = (form === 3 ? publicKey : privateKey).export({ format: 'der', type: types[form] })
    const secret = addon.secretFromBytes(0, der)
    const key = addon.parseKey(secret, form)
    assert(key > 0)
    assert.equal(addon.parseKey(secret, form === 3 ? 1 : 3), 0)
    addon.releaseSecret(secret)
    addon.describeKey(key, new Float64Array(3))
    return key
  }
  const target = bytes(256)
  for (const form of [1, 2]) {
    const key = parsed(generateKeyPairSync('ec', { namedCurve: 'P-256' }), form)
    const written = addon.signWithKey(key, 2, 2, 2, 0, bytes(100), 0, target)
    const signature = target.slice(0, written)
    assert(addon.verifyWithKey(key, 2, 2, 2, 0, bytes(100), 0, signature))
    assert(!addon.verifyWithKey(key, 2, 2, 2, 0, bytes(101), 0, signature))
    assert(!addon.verifyWithKey(key, 2, 2, 2, 0, bytes(100), 0, none))
    assert(addon.releaseKey(key) && !addon.releaseKey(key))
  }
  const pair = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const rsa = parsed(pair, 0)
  for (const scheme of [0, 1]) {
    const written = addon.signWithKey(rsa, scheme, 2, 2, 32, bytes(100), 0, target)
    assert(addon.verifyWithKey(rsa, scheme, 2, 2, 32, bytes(100), 0, target.slice(0, written)))
  }
  assert.equal(addon.decryptWithKey(rsa, 1, 2, 0, bytes(5), bytes(128), target), -1)
  parsed(pair, 1)
  parsed(pair, 3)
}

/** Every function with every kind of wrong argument, in every place: each refuses, and none does harm. */
function wrongCalls() {
  const handle = addon.secretFromBytes(0, bytes(32))
  const stale = addon.secretFromBytes(0, bytes(32))
  addon.releaseSecret(stale)
  const detached = new Uint8Array(64)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  const values = [
    undefined,
    null,
    -1,
    0.5,
    Number.NaN,
    Infinity,
    2 ** 32,
    2 ** 53,
    'text',
    {},
    10n,
    true,
    0,
    1,
    3,
    17,
    handle,
    stale,
    none,
    bytes(8),
    bytes(300),
    new Uint16Array(8),
    new DataView(new ArrayBuffer(8)),
    new Float64Array(12),
    detached,
    new Uint8Array(new SharedArrayBuffer(64)),
  ]
  let state = 1
  const next = (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (state >> 8) % below
  }
  let refused = 0
  for (const [name, run] of Object.entries(addon)) {
    if (typeof run !== 'function') continue
    for (let i = 0; i < 400; i++) {
      const args = Array.from({ length: next(13) }, () => values[next(values.length)])
      // A secret is not to grow to the largest that there is, 400 times.
      if (name === 'generateSecret') args[1] = i % 64
      if (args.includes(handle) && name === 'releaseSecret') continue
      try {
        run(...args)
      } catch (error) {
        assert(error instanceof Error)
        refused++
      }
    }
  }
  assert(refused > 4_000, `${refused} refusals`)
}

/** Threads that come, work, leave secrets behind and go; what they leave ends with them. */
async function workers() {
  const shared = addon.secretFromBytes(2, bytes(32))
  const before = inUse()
  for (let round = 0; round < 2; round++) {
    await Promise.all(
      Array.from({ length: 2 }, (_, i) => {
        const worker = new Worker(new URL(import.meta.url), { workerData: { file, part: 'worker', shared } })
        // One is ended in the middle of its work.
        if (i === 0) worker.once('message', () => worker.terminate())
        return new Promise((resolve, reject) => {
          worker.once('error', reject)
          worker.once('exit', resolve)
        })
      }),
    )
    assert.equal(inUse(), before)
  }
}

async function worker() {
  const { parentPort } = await import('node:worker_threads')
  const target = bytes(64)
  for (let i = 0; i < 1_500; i++) {
    addon.hmac(workerData.shared, 2, target, target, 0)
    addon.generateSecret(i % 3, 32)
    if (i === 100) parentPort.postMessage('works')
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Ends the process while another thread works and secrets are held. */
async function exit() {
  const shared = addon.secretFromBytes(2, bytes(32))
  for (let i = 0; i < 1_000; i++) addon.generateSecret(i % 3, 32)
  const worker = new Worker(new URL(import.meta.url), { workerData: { file, part: 'worker', shared } })
  await new Promise((resolve) => worker.once('message', resolve))
  process.exit(0)
}

/** Ends by an exception that nobody catches, which runs no end of an environment. */
function uncaught() {
  for (let i = 0; i < 1_000; i++) addon.generateSecret(i % 3, 32)
  throw new Error('nobody catches this')
}

const parts = { slots, calls, keys, wrongCalls, workers, worker, exit, uncaught }
for (const name of part.split('+')) {
  if (name in parts) await parts[name]()
  else addon[name]()
}
