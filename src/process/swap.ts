import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Where memory that is not locked may be written to. */
export interface SwapSpace {
  /** A device or a file. */
  readonly name: string
  /**
   * `memory`: compressed in memory, on no disk. `encrypted`: all that is below it is dm-crypt. `plain`: it is not. `unknown`: what lies below
   * cannot be seen from here.
   */
  readonly protection: 'memory' | 'encrypted' | 'plain' | 'unknown'
}

/** What of this process may be swapped. */
export interface SwapReport {
  readonly spaces: readonly SwapSpace[]
  /** True if the process's control group has no swap: `memory.swap.max` is 0 in it or above it. */
  readonly keptOut: boolean
}

/**
 * Looks at /proc/swaps and at what the kernel says of each device below it. A container sees the swap of its host and may not see
 * the devices. `root` is another place for /proc and /sys, for tests.
 */
export function readSwap(root = '/'): SwapReport {
  const lines = text(join(root, 'proc/swaps')).split('\n').slice(1)
  const names = lines.map((line) => line.split(/\s/, 1)[0] ?? '').filter((name) => name !== '')
  const spaces = names.map((name) => spaceOf(root, name.replaceAll(/\\([0-7]{3})/g, octal)))
  return { spaces, keptOut: isKeptOut(root) }
}

/** The spaces on which memory can be read later by whoever has the disk. */
export function exposedSwap({ spaces, keptOut }: SwapReport): string[] {
  if (keptOut) return []
  return spaces
    .filter(({ protection }) => protection === 'plain' || protection === 'unknown')
    .map(({ name, protection }) => (protection === 'plain' ? name : `${name} (what lies below it cannot be seen)`))
}

function spaceOf(root: string, name: string): SwapSpace {
  const zram = /^\/dev\/(zram\d+)$/.exec(name)?.[1]
  if (zram !== undefined) {
    // Pages that compress badly may be written to a device behind it.
    const backing = text(join(root, 'sys/block', zram, 'backing_dev')).trim()
    return { name, protection: backing === 'none' || backing === '' ? 'memory' : 'unknown' }
  }
  const device = deviceOf(join(root, name))
  const encrypted = device === undefined ? undefined : isEncrypted(root, join(root, 'sys/dev/block', device), 0)
  return { name, protection: encrypted === undefined ? 'unknown' : encrypted ? 'encrypted' : 'plain' }
}

/** `major:minor` of a device, or of the file system that a file lies on. */
function deviceOf(name: string): string | undefined {
  const status = statSync(name, { throwIfNoEntry: false })
  if (status === undefined) return undefined
  const number = status.isBlockDevice() ? status.rdev : status.dev
  // The low 32 bits of makedev: minor 8 low and 12 high bits, major 12 bits between.
  return `${(number >>> 8) & 0xfff}:${(number & 0xff) | ((number >>> 12) & 0xfff00)}`
}

/** dm-crypt says so in its uuid; a volume or an array is encrypted when all that it is made of is. Undefined: nobody says. */
function isEncrypted(root: string, device: string, depth: number): boolean | undefined {
  if (depth > stackedDevicesMax || statSync(device, { throwIfNoEntry: false }) === undefined) return undefined
  if (text(join(device, 'dm/uuid')).startsWith('CRYPT-')) return true
  const below = list(join(device, 'slaves'))
  if (below.length === 0) return false
  const answers = below.map((name) => isEncrypted(root, join(root, 'sys/class/block', name), depth + 1))
  if (answers.includes(false)) return false
  return answers.includes(undefined) ? undefined : true
}

/** Devices below one another, as the kernel stacks them: partition, array, volume, encryption. */
const stackedDevicesMax = 8

/** Control groups of version 2: a limit of a group holds for all below it. */
function isKeptOut(root: string): boolean {
  const own = /^0::\/(.*)$/m.exec(text(join(root, 'proc/self/cgroup')))?.[1]
  if (own === undefined) return false
  const names = own.split('/').filter((name) => name !== '')
  // In a container the group is its root, which has limits where the root of the machine has none.
  return ['', ...names].some((_, depth) => {
    const group = join(root, 'sys/fs/cgroup', ...names.slice(0, depth))
    return text(join(group, 'memory.swap.max')).trim() === '0'
  })
}

const octal = (_: string, digits: string): string => String.fromCharCode(parseInt(digits, 8))

/** Not every kernel has every file, and a container not every one that its kernel has: what is not there says nothing. */
function text(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
