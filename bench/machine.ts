import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, release, totalmem, type as osType } from 'node:os'

/** What a figure is worth depends on where it was taken. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  readonly openssl: string
  readonly commit: string
  readonly loadAverage: number
  readonly time: string
}

/** Counted before a generator keeps this process to some of them. */
export const machineCores = availableParallelism()

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: machineCores,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${osType()} ${release()}`,
    node: process.version,
    openssl: process.versions.openssl,
    commit: commit(),
    loadAverage: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    time: new Date().toISOString(),
  }
}

/** The commit, with a mark when source files differ from it. */
function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, {
        encoding: 'utf8',
        cwd: import.meta.dirname,
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim()
    const changed = git('status', '--porcelain', '--', '../src', '../bin', '../package-lock.json') !== ''
    return git('rev-parse', '--short=12', 'HEAD') + (changed ? ' with changes' : '')
  } catch {
    return 'not a git checkout'
  }
}
