import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificates } from '../../bench/certificates.ts'
import { processTreeRssKiB } from '../../bench/process-cpu.ts'
import { startEcho } from '../../bench/servers/echo.ts'
import { sleep } from '../support/counterparts.ts'
import { KmipClient } from '../support/kmip-client.ts'

/** The shortest that is cut as a frame of KMIP: a header and nothing. */
const frame = Buffer.from('4200780100000000', 'hex')
const settleMs = 2_000

/**
 * KiB that a bare TLS server of this Node, which asks its clients for certificates as ours does, keeps of each of `count` connections after they are gone: what no server in Node can give back.
 */
export async function keptByNode(directory: string, count: number): Promise<number> {
  const certificates = await makeCertificates(join(directory, 'bare'))
  const server = await startEcho(certificates, frame)
  try {
    const { port, caFile, certFile, keyFile } = server.target
    const options = { port, ca: readFileSync(caFile), cert: readFileSync(certFile), key: readFileSync(keyFile) }
    const resident = async (): Promise<number> => {
      for (let at = 0; at < count; at++) {
        const client = await KmipClient.connect(options)
        await client.send(frame)
        await client.close()
      }
      await sleep(settleMs)
      return processTreeRssKiB(server.pid)
    }
    // The first ones compile its code and find the size of its heap.
    const before = await resident()
    return Math.max(0, (await resident()) - before) / count
  } finally {
    await server.stop()
  }
}
