import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, serverCpu, startOn } from './server.ts'
import type { BenchServer } from './server.ts'

const executable = join(import.meta.dirname, '../../bin/krypton')

const identityFiles = ['ca.pem', 'client.pem', 'client.key', 'client-bundle.pem'] as const

/** False in a checkout that has no server yet. */
export function kryptonExists(): boolean {
  return existsSync(executable)
}

/** Starts the whole server as a user would: a development instance in `directory`, on the server's core unless others are given. */
export async function startKrypton(directory: string, cpus = serverCpu): Promise<BenchServer> {
  const [port, healthPort] = [await freePort(), await freePort()]
  const started = startOn(cpus, process.execPath, [
    executable,
    'server',
    '--dev',
    '--dir',
    directory,
    '--kmip-port',
    String(port),
    '--health-port',
    String(healthPort),
  ])
  await started.until(async () => {
    // The development server makes the identity of its client after it has come up.
    if (!identityFiles.every((file) => existsSync(join(directory, file)))) return false
    try {
      return (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).ok
    } catch {
      // Nobody listens yet: the deadline of `until` bounds how often we ask.
      return false
    }
  })
  return {
    name: 'Krypton',
    pid: started.pid,
    stop: () => started.stop(),
    target: {
      host: '127.0.0.1',
      port,
      certFile: join(directory, 'client.pem'),
      keyFile: join(directory, 'client.key'),
      caFile: join(directory, 'ca.pem'),
    },
  }
}
