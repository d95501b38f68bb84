import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, listens, serverCpu, startOn } from './server.ts'
import type { BenchServer } from './server.ts'

const root = join(import.meta.dirname, '../..')
const executable = join(root, 'bin/krypton')

const identityFiles = ['ca.pem', 'client.pem', 'client.key', 'client-bundle.pem'] as const

/** False in a checkout that has no server yet. */
export function kryptonExists(): boolean {
  return existsSync(executable)
}

/** What differs from the defaults: cores, settings as environment variables, and the compiled package instead of the sources. */
export interface KryptonOptions {
  readonly cpus?: string
  readonly settings?: Readonly<Record<string, string>>
  readonly executable?: string
}

/** Starts the whole server as a user would: a development instance in `directory`, on the server's core unless others are given. */
export async function startKrypton(directory: string, options: KryptonOptions = {}): Promise<BenchServer> {
  const [port, healthPort] = [await freePort(), await freePort()]
  const started = startOn(
    options.cpus ?? serverCpu,
    process.execPath,
    [
      options.executable ?? executable,
      'server',
      '--dev',
      '--dir',
      directory,
      '--kmip-port',
      String(port),
      '--health-port',
      String(healthPort),
    ],
    options.settings,
  )
  await started.until(() => listens(port))
  const listeningAt = performance.now()
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
    listeningAt,
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

/** Compiles the sources as the package has them, with the addon that this checkout has; returns its executable. */
export function compilePackage(directory: string): string {
  mkdirSync(directory)
  for (const name of ['bin', 'package.json']) cpSync(join(root, name), join(directory, name), { recursive: true })
  for (const name of ['node_modules', 'build', 'prebuilds', 'binding.gyp'])
    if (existsSync(join(root, name))) symlinkSync(join(root, name), join(directory, name))
  execFileSync(process.execPath, [join(root, 'scripts/build.ts'), join(directory, 'dist')])
  return join(directory, 'bin/krypton')
}
