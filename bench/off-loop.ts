import { generateKeyPairSync } from 'node:crypto'
import { parseArgs } from 'node:util'
import { asymmetricKey } from '../src/crypto/asymmetric-key.ts'
import { encryptWithKey } from '../src/crypto/cipher.ts'
import { CryptoWork } from '../src/crypto/crypto-work.ts'
import { ellipticCurves } from '../src/crypto/elliptic-curve.ts'
import { readPkcs8 } from '../src/crypto/key-encoding.ts'
import { memoryReport } from '../src/crypto/native.ts'
import { secretFromBytes } from '../src/crypto/secret.ts'
import { sign, type SignatureScheme, verifySignature } from '../src/crypto/signature.ts'

/**
 * What cryptography costs the event loop, done here and handed to a worker thread: the figures behind `placement` in src/limits.ts. CPU time, which a
 * busy machine changes less than the clock: of this thread (`loop`) and of the whole process, in microseconds an operation.
 *
 *     node bench/off-loop.ts [--seconds 0.5]
 */
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '0.5' } } })
const budgetMs = Number(values.seconds) * 1000

interface Operation {
  readonly name: string
  readonly here: () => unknown
  readonly there: (work: CryptoWork) => unknown
  /** How many are under way at once when they are handed over. */
  readonly atOnce: number
}

const data = { bytes: Buffer.alloc(64, 1), isDigest: false }
const secret = secretFromBytes(Buffer.alloc(32, 1), 'object')
const gcm = { algorithm: 'aes', mode: 'gcm', padding: 'none', tagLength: 16 } as const
const nonce = Buffer.alloc(12)

const operations: Operation[] = [
  ...[96, 4096, 65_536, 262_144, 1_048_576].flatMap((bytes) => cipher(bytes)),
  ...ellipticCurves.flatMap(({ name }) =>
    signing(`ECDSA ${name}`, generateKeyPairSync('ec', { namedCurve: name }).privateKey, {
      scheme: 'ecdsa',
      hash: 'sha256',
    }),
  ),
  ...[2048, 3072, 4096].flatMap((modulusLength) =>
    signing(`RSA-${modulusLength}`, generateKeyPairSync('rsa', { modulusLength }).privateKey, {
      scheme: 'pkcs1',
      hash: 'sha256',
    }),
  ),
]

function cipher(bytes: number): Operation[] {
  const inShared = Buffer.from(new SharedArrayBuffer(bytes)).fill(1)
  const of = (name: string, source: Uint8Array): Operation => ({
    name: `AES-256-GCM of ${bytes} bytes${name}`,
    here: () => encryptWithKey(secret, gcm, source, nonce),
    there: (work) => work.encrypt('bench', secret, gcm, source, nonce, undefined),
    atOnce: bytes > 65_536 ? 4 : 16,
  })
  return bytes < 262_144
    ? [of('', Buffer.alloc(bytes, 1))]
    : [of(', copied once', Buffer.alloc(bytes, 1)), of(', not copied', inShared)]
}

function signing(
  name: string,
  privateKey: ReturnType<typeof generateKeyPairSync>['privateKey'],
  scheme: SignatureScheme,
): Operation[] {
  const parts = readPkcs8(privateKey.export({ format: 'der', type: 'pkcs8' }))
  const own = asymmetricKey(parts)
  const other = asymmetricKey({ ...parts, secret: undefined })
  const signature = sign(own, scheme, data)
  return [
    {
      name: `${name} sign`,
      here: () => sign(own, scheme, data),
      there: (work) => work.sign('bench', own, scheme, data),
      atOnce: 16,
    },
    {
      name: `${name} verify`,
      here: () => verifySignature(other, scheme, data, signature),
      there: (work) => work.verifySignature('bench', other, scheme, data, signature),
      atOnce: 16,
    },
  ]
}

/** Microseconds an operation: of this thread, and of all threads. */
interface Cost {
  readonly loop: number
  readonly process: number
}

async function costOf(run: () => unknown, atOnce: number): Promise<Cost> {
  await run()
  const thread = process.threadCpuUsage()
  const all = process.cpuUsage()
  const end = performance.now() + budgetMs
  let count = 0
  while (performance.now() < end) {
    const under: unknown[] = []
    for (let i = 0; i < atOnce; i++) under.push(run())
    for (const one of under) await one
    count += atOnce
    // A turn of the loop for each round, as requests come.
    await new Promise(setImmediate)
  }
  const threadSpent = process.threadCpuUsage(thread)
  const spent = process.cpuUsage(all)
  return {
    loop: (threadSpent.user + threadSpent.system) / count,
    process: (spent.user + spent.system) / count,
  }
}

const work = new CryptoWork({ offload: 'always', loops: 1 })
process.stdout.write(`Secrets are held by: ${memoryReport().making}\n\n`)
process.stdout.write('| operation | here, µs | handed over: loop, µs | of all threads, µs |\n|---|---|---|---|\n')
for (const { name, here, there, atOnce } of operations) {
  const inline = await costOf(here, atOnce)
  const handedOver = await costOf(() => there(work), atOnce)
  const figures = [inline.loop, handedOver.loop, handedOver.process].map((us) => us.toFixed(us < 100 ? 1 : 0))
  process.stdout.write(`| ${name} | ${figures.join(' | ')} |\n`)
}
await work.close(0)
