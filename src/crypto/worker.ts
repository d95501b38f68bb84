import { setPriority } from 'node:os'
import { workerData } from 'node:worker_threads'
import { move, Piscina } from 'piscina'
import { limits } from '../limits.ts'
import { decideMaking, type NativeSetting } from './native.ts'
import { handedOver, runTask, type WorkerTask } from './worker-task.ts'

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- WorkerPool starts this thread, with this data
decideMaking(workerData as NativeSetting)

// On Linux a thread has a priority of its own: where cores are few, those who wait for a Get come before those who wait for an RSA key.
if (process.platform === 'linux') setPriority(limits.workerPriority)

/** Entry of a worker thread: piscina calls it with each task. */
export default function worker(task: WorkerTask): unknown {
  const answer = runTask(task)
  const buffer = handedOver(answer)
  if (buffer === undefined) return answer
  const moved: object = { [Piscina.transferableSymbol]: buffer, [Piscina.valueSymbol]: answer }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its two symbols are what makes a Transferable
  return move(moved as Parameters<typeof move>[0])
}
