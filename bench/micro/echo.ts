import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from '../certificates.ts'
import { startEcho } from '../servers/echo.ts'
import { median } from '../table.ts'
import { measureWindow, warmUp } from '../window.ts'
import type { WindowLoad } from '../window.ts'

const windows = 3

/** E: what the bare TLS echo that answers a Get with `answer` costs a request, in nanoseconds of processor time; the median of three windows of `seconds`, with the clients of `bench cost`. */
export async function measureEcho(answer: Buffer, seconds: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-micro-'))
  try {
    const echo = await startEcho(await makeCertificates(join(directory, 'certificates')), answer)
    try {
      const load: WindowLoad = {
        scenario: 'get',
        mode: 'persistent',
        connections: 16,
        depth: 1,
        processes: 1,
        seconds,
        warmupSeconds: 0.4,
        objects: [{ identifier: '0190f3c2-8d4e-7a10-9c33-5b1d2f6a7e88', name: 'one' }],
        timeoutMs: 5000,
      }
      await warmUp(echo, load, seconds)
      const microseconds: number[] = []
      for (let window = 0; window < windows; window++)
        microseconds.push((await measureWindow(echo, load)).serverMicrosecondsPerRequest)
      return median(microseconds) * 1000
    } finally {
      await echo.stop()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
