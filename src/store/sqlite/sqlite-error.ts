import { KryptonError } from '../../errors.ts'

/** SQLite's primary result codes that decide what is said to an operator. */
export const SqliteResult = { busy: 5, corrupt: 11, full: 13, constraint: 19, notADatabase: 26 } as const

/** The primary result code of an error of SQLite's, -1 of any other; the extended one has more in its upper bytes. */
export function resultOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : -1
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
