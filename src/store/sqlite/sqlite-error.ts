import { KryptonError } from '../../errors.ts'

/** SQLite's primary result codes that decide what is said to an operator. */
export const SqliteResult = { busy: 5, corrupt: 11, full: 13, constraint: 19, notADatabase: 26 } as const

/** The primary result code of an error of SQLite's, -1 of any other; the extended one has more in its upper bytes. */
export function resultOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : -1
}

/** What keeps a store from being written that is over by itself or by an operator's act: nothing of what was asked for is left behind. */
export type WriteObstacle = 'disk-full' | 'locked' | 'log-read'

/** Another program reads what the log of a section holds, so that the log cannot be emptied. */
export class LogIsRead extends Error {
  constructor() {
    super('the log of a section could not be emptied: somebody reads it')
  }
}

/** Undefined for an error that is none of these. */
export function writeObstacleOf(error: unknown): WriteObstacle | undefined {
  if (isDiskFull(error)) return 'disk-full'
  if (error instanceof LogIsRead) return 'log-read'
  return isLocked(error) ? 'locked' : undefined
}

/** True if another connection held a lock for `limits.storeBusyMs`. A transaction did not begin then, or is still open: SQLite has committed nothing of it. */
export function isLocked(error: unknown): boolean {
  return resultOf(error) === SqliteResult.busy
}

/** True if the disk has no space left, whoever found out. */
export function isDiskFull(error: unknown): boolean {
  return resultOf(error) === SqliteResult.full || (error instanceof Error && 'code' in error && error.code === 'ENOSPC')
}

/**
 * Runs `open` and says of a failure what the operator is to do with the file at `path`. Only a file that is damaged, or no database, is to be
 * restored, 'store-format': whoever restores an intact one loses what was written since the backup. All else is 'store-failed'.
 */
export function opening<T>(path: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    throw error instanceof KryptonError ? error : couldNotOpen(path, error)
  }
}

function couldNotOpen(path: string, cause: unknown): KryptonError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const result = resultOf(cause)
  if (result === SqliteResult.corrupt || result === SqliteResult.notADatabase) {
    return new KryptonError('store-format', `${path} cannot be read (${reason}): restore it from a backup`, { cause })
  }
  const remedy = isDiskFull(cause)
    ? 'the disk is full: free space, then start again; the data is intact'
    : `${reason}: check the disk, its free space and who may write there, then start again; the data shows no damage, restore nothing`
  return new KryptonError('store-failed', `${path} cannot be opened, ${remedy}`, { cause })
}
