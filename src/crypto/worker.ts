import { workerData } from 'node:worker_threads'
import { decideMaking, type NativeSetting } from './native.ts'
import { runTask } from './worker-task.ts'

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- WorkerPool starts this thread, with this data
decideMaking(workerData as NativeSetting)

/** Entry of a worker thread: piscina calls it with each task. */
export default runTask
