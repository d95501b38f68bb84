import { limits } from '../../src/limits.ts'

/**
 * Loaded into a whole server before its own code, by NODE_OPTIONS, so that the write-ahead log is copied back many times in the half second that a server lives here: by the thread that
 * does it under load, and by the writer where that has not come to its end. Threads load it too.
 */
Object.assign(limits, { storeCheckpointPages: 30, storeLogPages: 200 })
