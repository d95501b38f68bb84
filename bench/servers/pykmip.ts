import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchCertificates } from '../certificates.ts'
import { freePort, listens, serverCpu, startOn } from './server.ts'
import type { BenchServer } from './server.ts'

/** Debian's package; it needs the distribution's Python, since later ones have lost `ssl.wrap_socket`. */
const python = '/usr/bin/python3'
const executable = '/usr/bin/pykmip-server'

/** False where the package `python3-pykmip` is not installed. */
export function pykmipExists(): boolean {
  return existsSync(executable)
}

/** Starts PyKMIP's server on the server's core, with its database in `directory`. It speaks TLS 1.2. */
export async function startPykmip(directory: string, certificates: BenchCertificates): Promise<BenchServer> {
  const policies = join(directory, 'policies')
  mkdirSync(policies, { recursive: true })
  const port = await freePort()
  const config = join(directory, 'server.conf')
  writeFileSync(
    config,
    `[server]
hostname=127.0.0.1
port=${port}
certificate_path=${certificates.serverCertFile}
key_path=${certificates.serverKeyFile}
ca_path=${certificates.caFile}
auth_suite=TLS1.2
tls_cipher_suites=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
policy_path=${policies}
enable_tls_client_auth=True
logging_level=ERROR
database_path=${join(directory, 'pykmip.database')}
`,
  )
  const started = startOn(serverCpu, python, [executable, '-f', config, '-l', join(directory, 'server.log')])
  await started.until(() => listens(port))
  return {
    name: 'PyKMIP',
    pid: started.pid,
    stop: () => started.stop(),
    target: {
      host: '127.0.0.1',
      port,
      certFile: certificates.clientCertFile,
      keyFile: certificates.clientKeyFile,
      caFile: certificates.caFile,
      tls: '1.2',
    },
  }
}
