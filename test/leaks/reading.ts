import { readdirSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { sleep } from '../support/counterparts.ts'
import type { KryptonServer } from '../integration/krypton-server.ts'

/** What a server holds at a moment. */
export interface Reading {
  readonly descriptors: number
  readonly threads: number
  /** Keys in locked memory; 0 without the addon. */
  readonly slots: number
  readonly residentMiB: number
}

const settleMsMax = 20_000
/** Longer than the server takes to close what its clients have closed, and watched-server.ts to collect what that leaves. */
const quietMs = 3_000

/** What the server holds once every connection is gone and it has had time to tidy up. Throws when connections stay open. */
export async function readWhenQuiet({ healthPort, process: { pid } }: KryptonServer): Promise<Reading> {
  const endMs = performance.now() + settleMsMax
  let metrics = await metricsOf(healthPort)
  while (valueOf(metrics, 'krypton_connections_open') > 0) {
    if (performance.now() > endMs)
      throw new Error(`${valueOf(metrics, 'krypton_connections_open')} connections stay open`)
    await sleep(100)
    metrics = await metricsOf(healthPort)
  }
  await sleep(quietMs)
  metrics = await metricsOf(healthPort)
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    slots: valueOf(metrics, 'krypton_secret_slots_in_use'),
    residentMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
  }
}

/** The sum of a metric over its labels. */
function valueOf(metrics: string, name: string): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** On a connection of its own that is gone with the answer: one that is kept would be counted. */
function metricsOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ port, path: '/metrics', agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.once('end', () => resolve(text))
    })
    request.once('error', reject)
  })
}
