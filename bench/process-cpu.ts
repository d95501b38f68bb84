import { readFileSync, readdirSync } from 'node:fs'

/** CPU time of a process and all its descendants, in milliseconds, taken in the two ways that the kernel offers. */
export interface TreeCpu {
  /** The scheduler's own run time of every thread that lives, in nanoseconds inside; threads that ended are not in it. */
  readonly threadsMs: number
  /** What the processes were charged, in ticks of 10 ms; with the threads that ended. */
  readonly processesMs: number
}

export function processTreeCpu(pid: number): TreeCpu {
  let nanoseconds = 0
  let ticks = 0
  for (const process of tree(pid)) {
    for (const thread of list(`/proc/${process}/task`)) {
      const [run] = read(`/proc/${process}/task/${thread}/schedstat`).split(' ')
      nanoseconds += Number(run ?? 0)
    }
    // The command's name, in brackets, may have spaces in it; user and system time are the 12th and 13th field after it.
    const fields = read(`/proc/${process}/stat`).split(') ').at(-1)?.split(' ') ?? []
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  }
  return { threadsMs: nanoseconds / 1e6, processesMs: ticks * 10 }
}

/** Two ticks of rounding, and a difference that rounding cannot explain. */
const roundingMs = 20
const unexplained = 1.05

/** CPU time between two looks: the exact figure, unless threads ended in between (a thread for each connection) and took theirs along. */
export function cpuBetween(start: TreeCpu, end: TreeCpu): number {
  const threads = end.threadsMs - start.threadsMs
  const processes = end.processesMs - start.processesMs
  return processes > threads * unexplained + roundingMs ? processes : threads
}

/** Resident memory of the process and its descendants in MiB. */
export function processTreeRssMiB(pid: number): number {
  return Math.round(processTreeRssKiB(pid) / 1024)
}

/** The same in KiB, as the kernel gives it. */
export function processTreeRssKiB(pid: number): number {
  let kib = 0
  for (const process of tree(pid)) kib += Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${process}/status`))?.[1] ?? 0)
  return kib
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
