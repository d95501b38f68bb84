import { subscribe } from 'node:diagnostics_channel'
import { openSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { generateSecret } from '../../src/crypto/secret.ts'

/*
 * Loaded into a server before its own code by NODE_OPTIONS, in every thread. It collects garbage every second, so that what is resident is what is held, and plants the leak that LEAK names: the server has no such
 * switch of its own.
 */
export const leaks = ['descriptors', 'memory', 'slots'] as const
export type Leak = (typeof leaks)[number]

setFlagsFromString('--expose-gc')
// What the flag makes appear in new contexts.
const collect = runInNewContext('gc') as () => void
setInterval(collect, 1_000).unref()

const kept: unknown[] = []
/** What each connection leaves behind. */
const leave: Readonly<Record<Leak, () => void>> = {
  descriptors: () => void openSync('/dev/null', 'r'),
  memory: () => void kept.push(Buffer.alloc(32 * 1024, 1)),
  slots: () => void kept.push(generateSecret(32, 'object')),
}
const asked = leaks.find((leak) => leak === process.env['LEAK'])
if (asked !== undefined) subscribe('net.server.socket', () => leave[asked]())
