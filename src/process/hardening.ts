import { readFileSync } from 'node:fs'
import { memoryReport, nativeAddon } from '../crypto/native.ts'
import { KryptonError } from '../errors.ts'
import type { Log } from '../telemetry/log.ts'
import { inspectionsOf, type NodeSettings } from './inspection.ts'
import { exposedSwap, readSwap } from './swap.ts'

export interface HardeningOptions {
  /** In production a process that shows its memory does not start; otherwise its log says so. */
  readonly production: boolean
  readonly log: Log
  readonly node?: NodeSettings
}

/**
 * Takes this process's memory away from whoever might look into it: refuses to run where a switch of Node shows it, keeps SIGUSR1 from
 * opening the inspector, ends core files, lets no other process of the same user read it; then warns of swap on a disk in the clear. To be
 * called in the main thread, when the addon was loaded and before the first key. Throws 'config-invalid' in production for each such switch,
 * and where the addon gets no locked memory, with what to do.
 */
export function hardenProcess({ production, log, node = thisNode() }: HardeningOptions): void {
  ignoreInspectorSignal(log)
  if (production) requireLockedMemory()
  const inspections = inspectionsOf(node)
  if (isInspected()) {
    const remedy = 'start the server again, with bin/krypton'
    inspections.push({ flag: 'the inspector', shows: 'is open: others read every object', remedy })
  }
  const sentences = inspections.map(({ flag, shows, remedy }) => `${flag} ${shows}: ${remedy}`)
  if (production && sentences.length > 0) throw new KryptonError('config-invalid', sentences.join('\n'))
  for (const sentence of sentences) log.warn(`keys are exposed: ${sentence}`)
  switchOffCores(log)
  for (const warning of swapWarnings()) log.warn(warning)
}

/** What the kernel lets others see of this process; undefined where only the addon could tell. */
export interface ProcessState {
  /** Bytes that a core file may have; Infinity where there is no limit. */
  readonly coreLimitBytes: number | undefined
  /** True if other processes of the same user may read the memory, and cores are written. */
  readonly dumpable: boolean | undefined
}

export function processState(): ProcessState {
  const addon = nativeAddon()
  if (addon === undefined) return { coreLimitBytes: limitOfProc('Max core file size'), dumpable: undefined }
  const numbers = new Float64Array(2)
  addon.describeProcess(numbers)
  const [limit = -1, dumpable] = numbers
  return { coreLimitBytes: limit < 0 ? Infinity : limit, dumpable: dumpable !== 0 }
}

/** A sentence for each place on a disk where memory may be written in the clear. */
export function swapWarnings(): string[] {
  return exposedSwap(readSwap()).map(
    (name) =>
      `memory may be swapped to ${name} in the clear: swapoff -a, encrypt it, or set MemorySwapMax=0 in the systemd unit`,
  )
}

/** Whether the inspector is open just now: SIGUSR1 opens the inspector while nobody listens to the signal yet. */
export function isInspected(): boolean {
  const inspector = process.getBuiltinModule('node:inspector') as { url(): string | undefined } | undefined
  return inspector?.url() !== undefined
}

/** How this process was started. */
export function thisNode(): NodeSettings {
  return { execArgv: process.execArgv, environment: process.env }
}

/** A signal that has a listener opens no inspector. bin/krypton passes --disable-sigusr1 too, which holds from the first moment. */
function ignoreInspectorSignal(log: Log): void {
  if (process.listenerCount('SIGUSR1') > 0) return
  process.on('SIGUSR1', () => log.warn('SIGUSR1 was ignored: it opens no inspector here'))
}

/** The addon has asked for memory already: it tries itself when it is loaded. */
function requireLockedMemory(): void {
  const { unlockedBytes, refused } = memoryReport()
  if (unlockedBytes === 0) return
  throw new KryptonError(
    'config-invalid',
    `a production server keeps keys in locked memory only: ${refused.join('; ')}`,
  )
}

function switchOffCores(log: Log): void {
  const addon = nativeAddon()
  if (addon === undefined) {
    log.warn(
      'core files are not switched off, which takes the native addon: set LimitCORE=0 in the systemd unit, or ulimit -c 0',
    )
    return
  }
  const errors = new Float64Array(2)
  addon.hardenProcess(errors)
  const [coreLimit = 0, dumpable = 0] = errors
  if (coreLimit !== 0) log.warn(`the limit of core files could not be set (errno ${coreLimit}): set LimitCORE=0`)
  if (dumpable !== 0) log.warn(`the process stays dumpable (errno ${dumpable}): let no other program run as this user`)
}

/** RLIMIT_MEMLOCK, the soft limit; Infinity where there is none. Undefined where the kernel does not say. */
export function lockLimitBytes(): number | undefined {
  return limitOfProc('Max locked memory')
}

/** `Max core file size     0      unlimited      bytes`: soft and hard limit. */
function limitOfProc(name: string): number | undefined {
  let limits
  try {
    limits = readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return undefined
  }
  const soft = new RegExp(`^${name}\\s+(\\S+)`, 'm').exec(limits)?.[1]
  return soft === undefined ? undefined : soft === 'unlimited' ? Infinity : Number(soft)
}
