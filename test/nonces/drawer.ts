import { openSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Suite } from '../../src/crypto/aead.ts'
import { fillRandom } from '../../src/crypto/random.ts'
import { generateSecret } from '../../src/crypto/secret.ts'
import { Purpose, sealRecord } from '../../src/hierarchy/wrapped-key.ts'
import { plant } from './defects.ts'
import { comparedBytes } from './nonce-set.ts'

/*
 * node --single-threaded drawer.ts FORKING DIRECTORY NAME COUNT [DEFECT]: seals records, in either suite by turns, and writes the first bytes of their nonces into a file: COUNT itself, and as many the copy that
 * it makes of itself after some. The copy has none of its parent's keys: it draws as `sealRecord` does and seals nothing.
 */
const [forkingFile, directory, name, count, defect] = process.argv.slice(2)
plant(defect)
// What fork.cc exports.
const forking = createRequire(import.meta.url)(forkingFile!) as { fork(): number; join(): number; leave(): void }

const context = { cluster: Buffer.alloc(16, 1), tenant: Buffer.alloc(16, 2) }
const plaintext = generateSecret(32, 'object')
const nonceOffset = 28
const nonceBytes = { [Suite.Aes256Gcm]: 12, [Suite.Xaes256Gcm]: 24 } as const
type DrawnSuite = keyof typeof nonceBytes
const keys = {
  [Suite.Aes256Gcm]: wrappingKey(Suite.Aes256Gcm),
  [Suite.Xaes256Gcm]: wrappingKey(Suite.Xaes256Gcm),
}
const writtenAtOnce = 4096
const beforeFork = 100

const own = file(name!)
draw(own, beforeFork, sealed)
if (forking.fork() === 0) {
  draw(file(`${name}-copy`), Number(count), drawnAlone)
  forking.leave()
}
draw(own, Number(count) - beforeFork, sealed)
process.exit(forking.join() === 0 ? 0 : 1)

function draw(descriptor: number, wanted: number, next: (suite: DrawnSuite) => Uint8Array): void {
  const block = Buffer.alloc(writtenAtOnce * comparedBytes)
  let at = 0
  for (let drawn = 0; drawn < wanted; drawn++) {
    block.set(next(drawn % 2 === 0 ? Suite.Aes256Gcm : Suite.Xaes256Gcm).subarray(0, comparedBytes), at)
    at += comparedBytes
    if (at === block.byteLength) {
      writeSync(descriptor, block)
      at = 0
    }
  }
  writeSync(descriptor, block, 0, at)
}

function sealed(suite: DrawnSuite): Uint8Array {
  const record = sealRecord(Purpose.Object, keys[suite], context, plaintext)
  return record.subarray(nonceOffset, nonceOffset + nonceBytes[suite])
}

function drawnAlone(suite: DrawnSuite): Uint8Array {
  const nonce = Buffer.alloc(nonceBytes[suite])
  fillRandom(nonce, 0, nonceBytes[suite])
  return nonce
}

function wrappingKey(suite: DrawnSuite) {
  return { secret: generateSecret(32, 'wrapping'), keyId: Buffer.alloc(16, suite), version: 1, suite }
}

function file(part: string): number {
  return openSync(`${directory}/${part}`, 'w', 0o600)
}
