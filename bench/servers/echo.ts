import { fileURLToPath } from 'node:url'
import type { BenchCertificates } from '../certificates.ts'
import { serverCpu, startOn } from './server.ts'
import type { BenchServer } from './server.ts'

/** Starts the bare TLS echo on the server's core; it answers every frame with `answer`. */
export async function startEcho(certificates: BenchCertificates, answer: Buffer): Promise<BenchServer> {
  const script = fileURLToPath(new URL('../load/echo.ts', import.meta.url))
  const started = startOn(serverCpu, process.execPath, [
    script,
    '--answer',
    answer.toString('hex'),
    '--ca',
    certificates.caFile,
    '--cert',
    certificates.serverCertFile,
    '--key',
    certificates.serverKeyFile,
  ])
  const port = (): number => Number(/"port":(\d+)/.exec(started.printed)?.[1] ?? 0)
  await started.until(() => port() > 0)
  return {
    name: 'echo',
    pid: started.pid,
    stop: () => started.stop(),
    target: {
      host: '127.0.0.1',
      port: port(),
      certFile: certificates.clientCertFile,
      keyFile: certificates.clientKeyFile,
      caFile: certificates.caFile,
    },
  }
}
