// Uses a key in every way there is, and stops after each step until a line comes: `key-copies.test.ts` looks into its memory then. Run
// with --expose-gc. Prints first what to look for, every bit turned, so that the key is nowhere in the clear but where it is used.
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { openFrom, sealInto, Suite } from '../../src/crypto/aead.ts'
import { decryptWithKey, encryptWithKey } from '../../src/crypto/cipher.ts'
import { beginDecryption, beginEncryption } from '../../src/crypto/cipher-stream.ts'
import { deriveSecret } from '../../src/crypto/kdf.ts'
import { unwrapKey, wrapKey } from '../../src/crypto/key-wrap.ts'
import { labels } from '../../src/crypto/labels.ts'
import { hmac } from '../../src/crypto/mac.ts'
import { beginMac } from '../../src/crypto/message-mac.ts'
import { ownBuffer } from '../../src/crypto/own-buffer.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { adoptSecret } from '../../src/crypto/secret.ts'
import { wipeTraces } from '../../src/crypto/traces.ts'

const turned = randomBytes(32)
console.log(turned.toString('hex'))
const lines = createInterface(process.stdin)[Symbol.asyncIterator]()

function key() {
  const bytes = ownBuffer(32)
  for (let i = 0; i < 32; i++) bytes[i] = turned[i] ^ 0xff
  return bytes
}

/** Everything that is done with keys, with a key of each class. */
function use(object, wrapping, system) {
  const record = Buffer.alloc(24 + 48)
  const place = { bytes: record, nonceOffset: 0, sealedOffset: 24 }
  const data = randomBytes(200)
  for (let i = 0; i < 200; i++) {
    for (const suite of [Suite.Xaes256Gcm, Suite.Xaes256GcmCommitted]) {
      sealInto(suite, wrapping, place, data, 200, object)
      openFrom(suite, wrapping, place, data, 200, 'wrapping').wipe()
      openFrom(suite, wrapping, place, data, 200, 'object').wipe()
    }
    for (const secret of [object, wrapping, system])
      for (const digest of ['sha256', 'sha512']) hmac(digest, secret, data)
    deriveSecret(wrapping, labels.wrapIvk, data, 'wrapping').wipe()
    unwrapKey('kw', wrapping, wrapKey('kw', wrapping, object), 'object').wipe()
    for (const mode of ['ecb', 'cbc', 'ctr', 'gcm', 'cfb', 'ofb', 'ccm', 'xts', 'kw', 'kwp']) {
      const parameters = { algorithm: 'aes', mode, padding: 'pkcs5', tagLength: 16 }
      const { data: encrypted, iv, tag } = encryptWithKey(object, parameters, data)
      decryptWithKey(object, parameters, encrypted, iv, tag)
    }
    inParts(object, data)
  }
}

/** Begun and ended, and begun and let go. */
function inParts(object, data) {
  const parameters = { algorithm: 'aes', mode: 'cbc', padding: 'ansi-x9.23', tagLength: 16 }
  const start = { iv: data.subarray(0, 16), associatedData: undefined, tag: undefined }
  for (const begin of [beginEncryption, beginDecryption]) begin(object, parameters, start).wipe()
  const encryption = beginEncryption(object, parameters, start)
  encryption.update(data)
  encryption.final()
  for (const algorithm of ['aes-cmac', 'sha256']) {
    for (const end of ['final', 'wipe']) {
      const mac = beginMac(algorithm, object)
      mac.update(data)
      mac[end]()
    }
  }
}

async function report(step) {
  wipeTraces()
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await setImmediate()
  }
  console.log(step)
  await lines.next()
}

await report('before')
const planted = key()
await report('planted')
planted.fill(0)
const secrets = ['object', 'wrapping', 'system'].map((secretClass) => adoptSecret(key(), secretClass))
await report('held')
use(...secrets)
await report('used')
for (const secret of secrets) secret.wipe()
secrets.length = 0
await report('wiped')
process.stdin.destroy()
