import { readFileSync, readdirSync } from 'node:fs'

/**
 * CPU time in milliseconds that a process and all its descendants have used: the scheduler's own run time of every thread, in
 * nanoseconds, where `times` would count ticks of 10 ms. A thread that ended is no longer counted, so take differences over
 * windows in which the server keeps its threads.
 */
export function processTreeCpuMs(pid: number): number {
  let nanoseconds = 0
  for (const process of tree(pid)) {
    for (const thread of list(`/proc/${process}/task`)) {
      const [run] = read(`/proc/${process}/task/${thread}/schedstat`).split(' ')
      nanoseconds += Number(run ?? 0)
    }
  }
  return nanoseconds / 1e6
}

/** Resident memory of the process and its descendants in MiB. */
export function processTreeRssMiB(pid: number): number {
  let kib = 0
  for (const process of tree(pid)) kib += Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${process}/status`))?.[1] ?? 0)
  return Math.round(kib / 1024)
}

/** CPU time in milliseconds that all processors together have spent working since the machine started, in steps of 10 ms. */
export function machineBusyMs(): number {
  const fields = (read('/proc/stat').split('\n', 1)[0] ?? '').trim().split(/\s+/).slice(1).map(Number)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields
  return (user + nice + system + irq + softirq + steal) * 10
}

function tree(pid: number): number[] {
  const found = [pid]
  for (const parent of found) {
    for (const thread of list(`/proc/${parent}/task`)) {
      for (const child of read(`/proc/${parent}/task/${thread}/children`).trim().split(' ')) {
        if (child !== '') found.push(Number(child))
      }
    }
  }
  return found
}

/** Processes and threads end while they are looked at; what is gone used nothing more. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
