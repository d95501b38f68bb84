import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

/** Makes the store's directory, for its owner only, so that it is still there after a power loss. */
export function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  syncDirectory(dirname(path))
}

/** Makes the file if it is not there, for its owner only, before SQLite would with the process's umask. */
export function makeFile(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
}

/** Makes the directory's entries durable: a file whose entry is lost is lost, whatever was synced into it. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
