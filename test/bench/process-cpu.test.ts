import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cpuBetween, processTreeCpu, processTreeRssMiB } from '../../bench/process-cpu.ts'

/** A process that starts a second one, which works for `workMs` of CPU time in threads that end, or in its main thread. */
function busyChild(workMs: number, inThreads: boolean): string {
  const burn = `const end = process.cpuUsage().user + ${workMs} * 1000; while (process.cpuUsage().user < end) for (let i = 0; i < 1e6; i++);`
  const worker = `const { Worker } = require('node:worker_threads'); await new Promise(done => new Worker(${JSON.stringify(burn)}, { eval: true }).once('exit', done))`
  const inner = `(async () => { ${inThreads ? worker : burn}; process.stdout.write('done'); setInterval(() => {}, 1000) })()`
  return `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(inner)}], { stdio: 'inherit' })`
}

for (const inThreads of [false, true]) {
  test(`CPU time of a descendant counts, also when its ${inThreads ? 'threads have ended' : 'main thread did the work'}`, async () => {
    const child = spawn(process.execPath, ['-e', busyChild(400, inThreads)], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await once(child.stdout, 'data')
      const used = cpuBetween({ threadsMs: 0, processesMs: 0 }, processTreeCpu(child.pid!))
      expect(used).toBeGreaterThan(390)
      expect(used).toBeLessThan(3000)
      expect(processTreeRssMiB(child.pid!)).toBeGreaterThan(40)
    } finally {
      const [grandchild] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
      if (grandchild) process.kill(Number(grandchild))
      child.kill()
    }
  })
}
