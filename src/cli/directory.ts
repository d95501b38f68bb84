import { accessSync, chmodSync, constants, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { KryptonError } from '../errors.ts'

/**
 * Makes the directory and those above it that are missing, for their owner alone, and sees to it that files can be made in it.
 * Returns what it has made, the innermost first. Throws 'usage' with what is in the way. `flag` names it in the message.
 */
export function makeDirectory(directory: string, flag: string): readonly string[] {
  const path = resolve(directory)
  try {
    const made = makeLevels(path)
    accessSync(path, constants.W_OK | constants.X_OK)
    return made
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    throw new KryptonError('usage', `cannot write into ${path} (${code}): name another directory with ${flag}`, {
      cause,
    })
  }
}

/**
 * A directory that is to hold keys and nothing else: made, or taken over when it is empty, for its owner alone. A volume's own `lost+found` does
 * not count.
 * @throws KryptonError usage, already-exists
 */
export function makeOwnDirectory(directory: string, flag: string): void {
  makeDirectory(directory, flag)
  const found = readdirSync(directory).find((name) => name !== 'lost+found')
  if (found !== undefined) {
    throw new KryptonError(
      'already-exists',
      `${directory} is not empty, it holds ${found}: name a directory that is, or is not there yet, with ${flag}`,
    )
  }
  try {
    chmodSync(directory, 0o700)
  } catch (cause) {
    throw new KryptonError('usage', `${directory} belongs to another user: chown it, or name another with ${flag}`, {
      cause,
    })
  }
}

/** Level by level: Node's own recursion never ends where a level cannot be made, as below /proc. */
function makeLevels(path: string): string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return []
  const above = dirname(path) === path ? [] : makeLevels(dirname(path))
  mkdirSync(path, { mode: 0o700 })
  return [path, ...above]
}
