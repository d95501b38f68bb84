import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Suite } from '../../src/crypto/aead.ts'
import { rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { RotationRealm } from '../rotations/realm.ts'
import type { NonceDefect } from './defects.ts'
import { lowered, lowerLimits } from './lowered-limits.ts'
import { NonceSet } from './nonce-set.ts'

const { wrapsOfShortNonceMax: most } = lowered
const threads = 3
const lifeMsMax = 250
const entryBytes = 28

/** What lives under the limit have come to. */
export interface WrapOutcome {
  readonly lives: number
  readonly kills: number
  readonly keys: number
  /** Records sealed under those keys, those that a kill has lost among them. */
  readonly records: number
  /** The most that one key has sealed. */
  readonly mostOfKey: number
  /** What each may seal. */
  readonly limit: number
  readonly faults: readonly string[]
}

/**
 * Several threads make tenants under an IVK in suite 0x01 whose limit is lowered, and are killed again and again, `lives` times in all; where nothing more may be wrapped a new key is taken. Counts what was sealed by
 * what was written down before each commit.
 */
export async function wrapUnderLimit(
  directory: string,
  { lives, defect }: { lives: number; defect?: NonceDefect },
): Promise<WrapOutcome> {
  lowerLimits()
  const faults: string[] = []
  let [kills, keys, records, mostOfKey] = [0, 0, 0, 0]
  for (let life = 0; life < lives;) {
    const realm = join(directory, `key-${keys}`)
    const log = join(directory, `key-${keys}.log`)
    await prepare(realm, log)
    keys++
    let isUsedUp = false
    while (life < lives && !isUsedUp) {
      isUsedUp = await live(realm, log, { defect, isKilled: life % 5 !== 4 })
      if (!isUsedUp) kills++
      life++
    }
    const sealed = readFileSync(log)
    const { count, wrong } = look(sealed)
    faults.push(...wrong)
    // Each kill wastes what the threads had taken; a key that is refused long before its limit shows nothing.
    if (isUsedUp && count < most / 2) faults.push(`a key that may wrap ${most} records was refused after ${count}`)
    records += count
    mostOfKey = Math.max(mostOfKey, count)
  }
  return { lives, kills, keys, records, mostOfKey, limit: most, faults }
}

async function prepare(directory: string, log: string): Promise<void> {
  mkdirSync(directory, { recursive: true })
  writeFileSync(log, '')
  const realm = await RotationRealm.open(directory, undefined, Suite.Aes256Gcm)
  await realm.queue.start()
  const parts = { from: 1, reason: 'command', actor: 'system', subject: 'ivk' } as const
  await realm.queue.add(rotationJob({ table: 'ivks' }, parts))
  while (realm.queue.open().length > 0) await new Promise((resolve) => setTimeout(resolve, 2))
  await realm.close()
}

/** True when the threads came to the end of what they may wrap. */
async function live(
  directory: string,
  log: string,
  { defect, isKilled }: { defect: NonceDefect | undefined; isKilled: boolean },
): Promise<boolean> {
  const args = [directory, log, String(threads), ...(defect === undefined ? [] : [defect])]
  const wrapper = spawn(process.execPath, [join(import.meta.dirname, 'wrapper.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(wrapper, 'exit')
  wrapper.stdout.once('data', () => {
    if (!isKilled) return
    const timer = setTimeout(() => wrapper.kill('SIGKILL'), Math.random() * lifeMsMax)
    wrapper.once('exit', () => clearTimeout(timer))
  })
  wrapper.stdout.resume()
  // A child's end is its code or its signal.
  const [code, signal] = (await ended) as [number | null, string | null]
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`a wrapper ended with ${code ?? signal}`)
  return code === 0
}

/** Every record in the log is of the one key that its store has in this suite. */
function look(sealed: Buffer): { count: number; wrong: string[] } {
  const count = sealed.byteLength / entryBytes
  const wrong: string[] = []
  const seen = new NonceSet(count)
  const key = sealed.subarray(0, 16)
  for (let at = 0; at < sealed.byteLength; at += entryBytes) {
    if (!sealed.subarray(at, at + 16).equals(key)) wrong.push('a record is under another key than the first')
    if (!seen.add(sealed, at + 16)) wrong.push(`nonce ${sealed.toString('hex', at + 16, at + entryBytes)} came twice`)
  }
  if (count > most) wrong.push(`a key that may wrap ${most} records has wrapped ${count}`)
  return { count, wrong }
}
