import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { RefusalRecords } from './audit/refusal-records.ts'
import { Authenticator, type Peer } from './auth/authenticate.ts'
import { systemBootClock, systemClock } from './clock.ts'
import { CredentialCheck } from './auth/credential-check.ts'
import { CryptoWork } from './crypto/crypto-work.ts'
import { decideMaking } from './crypto/native.ts'
import { randomBytes } from './crypto/random.ts'
import { wipeTraces } from './crypto/traces.ts'
import { isKryptonError, type KryptonError } from './errors.ts'
import { Distrust } from './hierarchy/distrust.ts'
import { importRootKeys, KeyChain } from './hierarchy/key-chain.ts'
import { LeaseCells } from './hierarchy/lease-cells.ts'
import { Keystore } from './keystore/keystore.ts'
import { type LeaseAnswer, LeaseRelay } from './lease-relay.ts'
import { limits } from './limits.ts'
import { cannotListen } from './listen-refusal.ts'
import {
  type ListenerThreadData,
  type ListenerThreadMessage,
  type RefreshKeys,
  type RefuseChanged,
  stopListening,
} from './listener-threads.ts'
import { policyOf } from './objects/crypto-policy.ts'
import { executeBatch, type Services } from './operations/execute-batch.ts'
import { failureOf } from './operations/result.ts'
import { Streams } from './operations/streams.ts'
import { UnfinishedAnswers } from './operations/unfinished-answers.ts'
import { wipeAtEnd } from './process/wipe-at-end.ts'
import { KmipResponder } from './server/kmip-responder.ts'
import { Listener } from './server/listener.ts'
import { connectSqliteStore } from './store/sqlite/sqlite-store.ts'
import { type StreamMessage, StreamRelay } from './stream-relay.ts'
import { Counters } from './telemetry/counters.ts'
import { openLog } from './telemetry/log.ts'
import { ClientDirectory } from './tenants/client-directory.ts'
import { version } from './version.ts'

/** Entry of a listener thread: its own TLS socket, connections, caches and reader of the store; writes go to the one writer. */
const port = parentPort
if (port === null) throw new Error('listener-thread is the entry of a worker')
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ListenerThreads starts this thread, and tells it this first
const [data] = (await once(port, 'message')) as [ListenerThreadData]
const { config } = data
decideMaking(config.native)
const log = openLog(config.log.level)
const counters = new Counters(data.counters)
counters.threadBegins()
const store = connectSqliteStore(data.store)
const keyChain = new KeyChain(store, importRootKeys(data.root), systemClock)
wipeAtEnd(() => keyChain.forget())
const cryptoWork = new CryptoWork({ offload: config.crypto.offload, loops: config.server.threads })
const onFault = (error: unknown): void => log.error('a request failed by a fault of ours', error)
const tell = (message: ListenerThreadMessage): void => port.postMessage(message)
const onDamaged = ({ message }: Error): void => tell({ kind: 'damaged', message })
const keystore = new Keystore(store, keyChain, systemClock, onDamaged)
const leases = new LeaseRelay(new LeaseCells(systemClock, systemBootClock, data.leases), tell, () => {
  keystore.forgetEnded()
  streams.sweep()
})
keyChain.leaseFrom(leases)
keyChain.refuse(new Distrust(data.changed))
const relay = new StreamRelay(data.thread, tell, onFault)
const streams = new Streams(data.thread, systemClock, relay)
const refusals = new RefusalRecords(store, systemClock, counters, onFault)
const authenticator = new Authenticator(new ClientDirectory(store, keyChain), systemClock, onDamaged)
const services: Services = {
  keystore,
  clock: systemClock,
  randomBytes,
  cryptoWork,
  policy: policyOf(config.crypto),
  streams,
  unfinishedAnswers: new UnfinishedAnswers(),
  refusals,
  server: { version, https: data.httpsPort !== undefined },
  // The asker of each request is its peer: see below.
  identify: (peer, asked) => (peer === undefined ? asked : authenticator.authenticate(peer as Peer)),
  onFault,
}

const credentials = new CredentialCheck(({ tenant, actor }) => {
  const code = 'authentication-not-successful'
  refusals.add({ tenant, actor, operation: 'Authentication', object: undefined, code })
})

const responder = new KmipResponder({
  credentials,
  authenticator,
  executeBatch: (request, principal, peer) => executeBatch(request, principal, services, peer),
  failureOf: (error) => failureOf(error, services.onFault),
  clock: systemClock,
  counters,
  log,
})

// Node decrypts onto the stack, which keeps the last frames for as long as nothing goes as deep; a timer runs above them (docs/decisions/0013).
setInterval(wipeTraces, limits.sweepMs).unref()
setInterval(() => leases.look(), limits.leaseLookMs).unref()
setInterval(() => refusals.enforceTime(systemClock.monotonic()), limits.sweepMs).unref()

try {
  const listeners = await listen()
  const [listener, https] = listeners
  tell({ kind: 'listening', address: listener.address, httpsAddress: https?.address })
  port.on('message', (message: typeof stopListening | RefreshKeys | RefuseChanged | LeaseAnswer | StreamMessage) => {
    if (message === stopListening) void stop(listeners)
    else if ('refresh' in message) void refresh(message)
    else if ('changed' in message) keyChain.refuse(new Distrust(message.changed))
    else if ('lease' in message) leases.receive(message)
    else relay.receive(message, streams)
  })
} catch (error) {
  const { code, message } = refusalOf(error)
  tell({ kind: 'refused', code, message })
  keyChain.forget()
  await store.close()
}

/** On the port of KMIP and, where it is served, on that of HTTPS. */
async function listen(): Promise<[Listener, ...Listener[]]> {
  const { host, certificateFile, keyFile, tlsMin, tlsProfile, interopCertificateFile, interopKeyFile } = config.kmip
  const certificate = readFileSync(certificateFile)
  const privateKey = readFileSync(keyFile)
  const interop =
    tlsProfile === 'modern'
      ? undefined
      : { certificate: readFileSync(interopCertificateFile), privateKey: readFileSync(interopKeyFile) }
  try {
    const options = {
      host,
      port: data.port,
      certificate,
      privateKey,
      tlsMin,
      interop,
      approved: config.crypto.profile === 'approved',
      reusePort: config.server.threads > 1,
      limits: config.limits,
    }
    const parts = { responder, clock: systemClock, counters, log }
    const listener = await Listener.listen(options, parts)
    if (data.httpsPort === undefined) return [listener]
    const { serveHttps } = await import('./server/serve-https.ts')
    try {
      return [listener, await Listener.listen({ ...options, port: data.httpsPort }, { ...parts, serve: serveHttps() })]
    } catch (cause) {
      await listener.stop(0)
      const place = { what: 'KMIP over HTTPS', host, port: data.httpsPort, setting: 'kmip' }
      throw cannotListen(cause, { ...place, portSetting: 'kmip.httpsPort', flag: '--https-port' })
    }
  } finally {
    privateKey.fill(0)
    interop?.privateKey.fill(0)
  }
}

/** Units go to the store in the order in which they were sent: when the empty one is durable, so is what was sealed before it. */
async function refresh({ refresh: number, meant, root }: RefreshKeys): Promise<void> {
  let fault: string | undefined
  try {
    if (root !== undefined) keyChain.takeRoot(importRootKeys(root))
    // Buffers come from another thread as plain bytes.
    const tenant = meant && Buffer.from(meant.tenant)
    const system = meant?.system && Buffer.from(meant.system)
    await keyChain.refresh(tenant && { tenant, ...(system === undefined ? {} : { system }) })
    if (tenant !== undefined && meant?.forget === true) {
      keystore.forget()
      streams.endOf(tenant.toString('latin1'))
    }
    await store.commit({ section: 'data', changes: [], audit: [] })
  } catch (error) {
    log.error('the keys as they are stored now do not open in this thread', error)
    fault = isKryptonError(error) ? error.code : 'internal'
  }
  tell({ kind: 'refreshed', number, fault })
}

/** Answers what has come, then lets go of keys and store; the thread ends by itself when nothing is left. */
async function stop(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.stop(config.server.drainMs)))
  await refusals.flush()
  await cryptoWork.close(0)
  streams.clear()
  keystore.forget()
  keyChain.forget()
  wipeTraces()
  await store.close()
  port?.close()
}

function refusalOf(error: unknown): KryptonError {
  if (isKryptonError(error)) return error
  const { host } = config.kmip
  return cannotListen(error, { what: 'KMIP', host, port: data.port, setting: 'kmip', flag: '--kmip-port' })
}
