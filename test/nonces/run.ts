import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { nativeAddon } from '../../src/crypto/native.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { harnessFlags } from '../support/harness-flags.ts'
import { type NonceDefect } from './defects.ts'
import { buildForking, drawNonces } from './draws.ts'
import { traceKeys } from './random-calls.ts'
import { wrapUnderLimit } from './wrap-limit.ts'

const { nonces, cycles, keys, json } = harnessFlags({
  help: `
npm run test:nonces -- [--nonces N] [--cycles N] [--keys N] [--json]

With the addon, where there is one, and without: N nonces of processes that were forked and stopped, none twice; N keys of each kind, each
with a call of the kernel's generator of its own; and a key in AES-256-GCM with a low limit, under which several threads wrap and are
killed N times in all, and which is never passed. What is planted must be found first. Needs strace and g++.

npm run test:nonces -- --nonces 400000 --cycles 10 --keys 20`,
  numbers: { nonces: 10_000_000, cycles: 100, keys: 100 },
  switches: ['json'],
})

/** Enough for a planted defect to show. */
const planted = { nonces: 20_000, lives: 5, keys: 3 }
const root = temporaryDirectory('nonces')
process.on('exit', () => removeDirectory(root))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const rows: { readonly making: string; readonly what: string; readonly result: string; readonly faults: number }[] = []
let ok = true
const say = (line: string): void => void process.stderr.write(`${line}\n`)
const forking = buildForking(root)
for (const making of nativeAddon() === undefined ? (['off'] as const) : (['required', 'off'] as const)) {
  // The processes that are started take it from here.
  process.env['KRYPTON_NATIVE'] = making
  await runMaking(making === 'off' ? 'without the addon' : 'with the addon')
}
if (json) process.stdout.write(`${JSON.stringify({ ok, rows })}\n`)
else
  for (const { making, what, result, faults } of rows)
    process.stdout.write(`${making.padEnd(18)} ${what.padEnd(42)} ${result}; ${faults} faults\n`)
process.stdout.write(json ? '' : ok ? 'nonces: ok\n' : 'nonces: FAILED\n')
process.exit(ok ? 0 : 1)

async function runMaking(making: string): Promise<void> {
  found(
    'keeps random bytes',
    await inFolder((at) => drawNonces(at, forking, { count: planted.nonces, defect: 'keeps random bytes' })),
  )
  found('asks OpenSSL', await inFolder((at) => traceKeys(at, { count: planted.keys, defect: 'asks OpenSSL' })))
  found(
    'counts in its thread',
    await inFolder((at) => wrapUnderLimit(at, { lives: planted.lives, defect: 'counts in its thread' })),
  )

  const drawn = await inFolder((at) => drawNonces(at, forking, { count: nonces }))
  const { processes, stops } = drawn
  tell(
    making,
    'nonces, none twice',
    `${drawn.nonces} of ${processes} processes, half of them forked, ${stops} stops`,
    drawn.faults,
  )
  const traced = await inFolder((at) => traceKeys(at, { count: keys }))
  tell(
    making,
    "keys, each with a call of the kernel's own",
    `${traced.keys} keys, ${traced.calls} calls`,
    traced.faults,
  )
  const wrapped = await inFolder((at) => wrapUnderLimit(at, { lives: cycles }))
  const under = `${wrapped.keys} keys in suite 0x01, ${wrapped.kills} kills, ${wrapped.records} records, at most ${wrapped.mostOfKey} of ${wrapped.limit} a key`
  tell(making, 'limit of a key, never passed', under, wrapped.faults)
}

async function inFolder<T>(run: (directory: string) => Promise<T> | T): Promise<T> {
  const directory = join(root, 'run')
  mkdirSync(directory)
  try {
    return await run(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function found(defect: NonceDefect, { faults }: { readonly faults: readonly string[] }): void {
  say(`planted '${defect}': ${faults.length === 0 ? 'NOT FOUND' : `found: ${faults[0]}`}`)
  if (faults.length === 0) ok = false
}

function tell(making: string, what: string, result: string, faults: readonly string[]): void {
  for (const fault of faults.slice(0, 20)) say(`fault: ${fault}`)
  if (faults.length > 0) ok = false
  rows.push({ making, what, result, faults: faults.length })
}
