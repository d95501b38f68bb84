import { closeSync, fdatasyncSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { LatencyHistogram } from '../../src/bench/latency-histogram.ts'

const tmpfs = 0x01021994

/** True when `directory` lies in memory: a sync there is free, and every figure about durability would be empty. */
export function isInMemory(directory: string): boolean {
  return statfsSync(directory).type === tmpfs
}

/** F: 4 KiB appended and made durable, one after the other. Latencies in microseconds. */
export function measureFdatasync(directory: string, seconds: number): LatencyHistogram {
  const histogram = new LatencyHistogram()
  const page = Buffer.alloc(4096, 0x5a)
  const path = join(directory, 'fdatasync')
  const file = openSync(path, 'w')
  try {
    const end = performance.now() + seconds * 1000
    for (let start = performance.now(); start < end;) {
      writeSync(file, page)
      fdatasyncSync(file)
      const now = performance.now()
      histogram.record((now - start) * 1000)
      start = now
    }
  } finally {
    closeSync(file)
    unlinkSync(path)
  }
  return histogram
}
