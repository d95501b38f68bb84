import { memoryReport, type MemoryReport, type NativeSetting } from '../crypto/native.ts'
import { limits } from '../limits.ts'
import { isInspected, lockLimitBytes, processState, thisNode } from '../process/hardening.ts'
import { inspectionsOf } from '../process/inspection.ts'
import { exposedSwap, readSwap } from '../process/swap.ts'
import type { Finding } from './finding.ts'

/** What is asked of this process. */
export interface Expectations {
  readonly production: boolean
  readonly native: NativeSetting
}

/** How well this process keeps its secrets, part by part: the server's own answer, or what a server started like this would have. */
export function findingsOfProcess(expected: Expectations): Finding[] {
  const memory = memoryReport()
  return [
    native(memory, expected),
    ...(memory.making === 'native' ? [lockedMemory(memory, expected), secretPages(memory)] : []),
    lockLimit(),
    swap(),
    coreFiles(),
    otherProcesses(),
    inspection(expected),
    node(),
    user(),
  ]
}

function native({ making, reason }: MemoryReport, { native: setting }: Expectations): Finding {
  const check = 'native addon'
  if (making === 'native') return { check, state: 'good', found: 'in use: keys are held in slots of locked memory' }
  const found = `not in use, keys are held by JavaScript: ${reason ?? 'nobody asked for it'}`
  const remedy =
    setting === 'off'
      ? 'set native: required'
      : 'apt-get install g++ make python3 && npm run install, or take a package that has prebuilds/'
  return { check, state: setting === 'required' ? 'wrong' : 'warning', found, remedy }
}

function lockedMemory(
  { lockedBytes, unlockedBytes, slots, slotsInUse }: MemoryReport,
  { production }: Expectations,
): Finding {
  const { object, wrapping, system } = slotsInUse
  const use = `${object + wrapping + system} of ${slots} slots in use (object ${object}, wrapping ${wrapping}, system ${system})`
  const check = 'locked memory'
  if (unlockedBytes === 0) return { check, state: 'good', found: `${lockedBytes} bytes locked, ${use}` }
  return {
    check,
    state: production ? 'wrong' : 'warning',
    found: `${lockedBytes} bytes locked, ${unlockedBytes} not: they may be swapped; ${use}`,
    remedy: raiseLockLimit,
  }
}

function secretPages({ lockedBy, lockedBytes }: MemoryReport): Finding {
  const check = 'memfd_secret'
  if (lockedBy === 'memfd_secret') return { check, state: 'good', found: 'in use: not even root reads these pages' }
  return {
    check,
    state: 'warning',
    found: lockedBytes > 0 ? 'not to be had: pages are locked by mlock' : 'not to be had',
    remedy: 'boot Linux 5.14 or newer with secretmem.enable=1',
  }
}

function lockLimit(): Finding {
  const check = 'RLIMIT_MEMLOCK'
  const bytes = lockLimitBytes()
  if (bytes === undefined) return { check, state: 'warning', found: 'cannot be read here' }
  if (bytes === Infinity) return { check, state: 'good', found: 'no limit' }
  const enough = bytes >= limits.lockedMemoryBytesMin
  if (enough) return { check, state: 'good', found: `${bytes} bytes` }
  return {
    check,
    state: 'warning',
    found: `${bytes} bytes, fewer than ${limits.lockedMemoryBytesMin}`,
    remedy: raiseLockLimit,
  }
}

function swap(): Finding {
  const report = readSwap()
  const exposed = exposedSwap(report)
  const check = 'swap'
  if (exposed.length > 0) {
    return {
      check,
      state: 'warning',
      found: `in the clear: ${exposed.join(', ')}`,
      remedy: 'swapoff -a, encrypt it, or set MemorySwapMax=0 in the systemd unit',
    }
  }
  const found = report.spaces.map(({ name, protection }) => `${name} (${protection})`).join(', ')
  return { check, state: 'good', found: found === '' ? 'none' : report.keptOut ? `${found}, kept out of it` : found }
}

function coreFiles(): Finding {
  const { coreLimitBytes } = processState()
  const check = 'core files'
  if (coreLimitBytes === 0) return { check, state: 'good', found: 'none are written' }
  const size = coreLimitBytes === Infinity ? 'of any size' : `of ${coreLimitBytes ?? 'unknown'} bytes`
  return { check, state: 'warning', found: size, remedy: 'set LimitCORE=0 in the systemd unit, or ulimit -c 0' }
}

function otherProcesses(): Finding {
  const { dumpable } = processState()
  const check = 'other processes'
  if (dumpable === false) return { check, state: 'good', found: 'none of the same user reads the memory' }
  return {
    check,
    state: 'warning',
    found:
      dumpable === true
        ? 'those of the same user may read the memory'
        : 'those of the same user may read the memory, as far as is known here',
    remedy: 'use the native addon, and a user of its own for the server',
  }
}

function inspection({ production }: Expectations): Finding {
  const check = 'switches of Node'
  const found = inspectionsOf(thisNode())
  if (found.length === 0 && !isInspected()) return { check, state: 'good', found: 'none that show memory' }
  return {
    check,
    state: production ? 'wrong' : 'warning',
    found: found.length === 0 ? 'the inspector is open' : found.map(({ flag, shows }) => `${flag} ${shows}`).join('; '),
    remedy: found.map(({ remedy }) => remedy).join('; ') || 'start the server again',
  }
}

function node(): Finding {
  return { check: 'Node', state: 'good', found: [process.version, process.execPath, ...process.execArgv].join(' ') }
}

function user(): Finding {
  const check = 'user'
  const number = process.getuid?.()
  if (number !== 0) return { check, state: 'good', found: `${number ?? 'unknown'}` }
  return { check, state: 'warning', found: 'root', remedy: 'set User=krypton in the systemd unit' }
}

const raiseLockLimit = 'set LimitMEMLOCK=64M in the systemd unit, or ulimit -l 65536'
