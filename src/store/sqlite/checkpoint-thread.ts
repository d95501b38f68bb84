import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { limits } from '../../limits.ts'
import type { CheckpointAnswer, CheckpointData } from './checkpointer.ts'
import { writeObstacleOf } from './sqlite-error.ts'

/**
 * Copies the write-ahead log of one section back into its file whenever it is asked to. It takes no lock that the writer needs: SQLite copies what was in the log when it began
 * (PASSIVE), syncs the file, and only then lets the log be used anew.
 */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a Checkpointer starts this thread with
const { path } = workerData as CheckpointData
let checkpoint: StatementSync | undefined

parentPort!.on('message', () => parentPort!.postMessage(copyBack()))

function copyBack(): CheckpointAnswer {
  try {
    checkpoint ??= open()
    checkpoint.get()
    return {}
  } catch (error) {
    // Nothing is lost by it: the log has all of it, and goes on until there is space and nobody else's lock.
    if (writeObstacleOf(error) !== undefined) return {}
    return { failed: error instanceof Error ? error.message : String(error) }
  }
}

function open(): StatementSync {
  const database = new DatabaseSync(path, { timeout: limits.storeBusyMs })
  database.exec('PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0')
  return database.prepare('PRAGMA wal_checkpoint(PASSIVE)')
}
