import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Answer, type MaybePromise, type Responder } from '../../src/server/answer.ts'
import { Authenticator, type Peer } from '../../src/auth/authenticate.ts'
import type { CertificateAuthority } from '../../src/certificates/certificate-authority.ts'
import { verifyClientCertificate } from '../../src/certificates/verify-client-certificate.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import { randomIdentifier } from '../../src/crypto/random.ts'
import { isKryptonError } from '../../src/errors.ts'
import { createStaticKeyFile, openStaticKey } from '../../src/external-keys/static.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { ResultReason, ResultStatus } from '../../src/kmip/enums.ts'
import { encodeResponse, type ResponseBatchItem } from '../../src/kmip/response-message.ts'
import { initializeSeal } from '../../src/seal/seal.ts'
import type { ConnectionLimits } from '../../src/server/connection-limits.ts'
import { Listener, type ListenerOptions } from '../../src/server/listener.ts'
import { refusal } from '../../src/server/respond.ts'
import type { ServeConnection } from '../../src/server/served-connection.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { Counters } from '../../src/telemetry/counters.ts'
import { type Log, openLog } from '../../src/telemetry/log.ts'
import { ClientDirectory } from '../../src/tenants/client-directory.ts'
import type { NewClient } from '../../src/tenants/clients.ts'
import { TenantRegistry } from '../../src/tenants/tenant-registry.ts'
import { identityOf, newAuthority, type TestIdentity } from './certificates.ts'
import { KmipClient, type KmipClientOptions } from './kmip-client.ts'

/** A store with its seal, and the tenants in it. */
export interface Realm {
  readonly store: Store
  /** The same, for who changes it from outside. */
  readonly memory: MemoryStore
  readonly keyChain: KeyChain
  readonly registry: TenantRegistry
  readonly directory: ClientDirectory
  readonly authenticator: Authenticator
  /** What the authenticator has told of damaged rows. */
  readonly damaged: readonly string[]
  readonly authority: CertificateAuthority
  /** A client of that tenant with a certificate of the server's own authority. */
  readonly addClient: (client: Pick<NewClient, 'tenant' | 'name'> & Partial<NewClient>) => Promise<TestIdentity>
}

/** A memory store, initialized, with the server's own authority and the tenant `demo`. */
export async function newRealm(clock: Clock = systemClock): Promise<Realm> {
  const folder = mkdtempSync(join(tmpdir(), 'krypton-realm-'))
  try {
    const file = join(folder, 'seal.key')
    createStaticKeyFile(file)
    const externalKey = openStaticKey({ file, dataDirectory: join(folder, 'data') })
    const store = new MemoryStore()
    const root = await initializeSeal(store, externalKey, clock, { development: true, region: 'test', actor: 'system' })
    const keyChain = new KeyChain(store, root, clock)
    const registry = new TenantRegistry(store, keyChain, clock, randomIdentifier)
    const directory = new ClientDirectory(store, keyChain)
    const damaged: string[] = []
    const authority = await newAuthority('test authority', new Date(clock.now()))
    const registered = await registry.authorities.register({ certificate: authority.certificate }, 'system')
    await registry.createTenant('demo', 'system')
    return {
      store,
      memory: store,
      keyChain,
      registry,
      directory,
      authenticator: new Authenticator(directory, clock, ({ message }) => void damaged.push(message)),
      damaged,
      authority,
      addClient: async (client) => {
        const issued = await authority.issueClient({ name: client.name }, new Date(clock.now()))
        const { leafKeyHash } = verifyClientCertificate(issued.certificate, [registered])
        await registry.clients.create({ issuerKeyHash: registered.publicKeyHash, leafKeyHash, ...client }, 'system')
        return identityOf(issued)
      },
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A listener on loopback with real TLS, a real store and real clients. What answers is the test's. */
export interface TestServer extends Realm {
  readonly listener: Listener
  readonly port: number
  readonly counters: Counters
  readonly logLines: string[]
  /** The client `demo` of tenant `demo`. */
  readonly client: TestIdentity
  readonly connect: (options?: Partial<KmipClientOptions>) => Promise<KmipClient>
  readonly stop: () => Promise<void>
}

export interface TestServerOptions {
  /** Answers a frame; by default with the frame's own bytes as a copy. */
  readonly answer?: (frame: Buffer) => MaybePromise<Answer>
  /** Answers as the server itself does; in place of `answer`. */
  readonly responder?: (realm: Realm, counters: Counters, log: Log) => Responder
  readonly limits?: Partial<ConnectionLimits>
  readonly interop?: ListenerOptions['interop']
  readonly clock?: Clock
  readonly approved?: boolean
  /** What is spoken on its connections; KMIP where nothing else is said. */
  readonly serve?: ServeConnection
}

export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { clock = systemClock, answer = echo } = options
  const realm = await newRealm(clock)
  const client = await realm.addClient({ tenant: 'demo', name: 'demo' })
  const counters = new Counters()
  const logLines: string[] = []
  const serverIdentity = identityOf(await realm.authority.issueServer([], new Date(clock.now())))
  const log = openLog('debug', (line) => logLines.push(line))
  const listener = await Listener.listen(
    {
      host: '127.0.0.1',
      port: 0,
      certificate: serverIdentity.cert,
      privateKey: serverIdentity.key,
      limits: options.limits,
      interop: options.interop,
      approved: options.approved,
    },
    {
      responder: options.responder?.(realm, counters, log) ?? testResponder(realm.authenticator, clock, answer),
      clock,
      counters,
      log,
      serve: options.serve,
    },
  )
  const { port } = listener.address
  return {
    ...realm,
    listener,
    port,
    counters,
    logLines,
    client,
    connect: (more = {}) =>
      KmipClient.connect({ port, ca: realm.authority.certificatePem, cert: client.cert, key: client.key, ...more }),
    stop: () => listener.stop(1_000),
  }
}

/** Real identity, real refusals; what is done with a frame is given. */
export function testResponder(
  authenticator: Authenticator,
  clock: Clock,
  answer: (frame: Buffer) => MaybePromise<Answer>,
): Responder {
  const respond = (frame: Buffer, peer: Peer): MaybePromise<Answer> => {
    const known = authenticator.authenticate(peer)
    return known instanceof Promise ? known.then(() => answer(frame)) : answer(frame)
  }
  return {
    identify: (peer) => authenticator.authenticate(peer),
    respond,
    refuseUnknown: () =>
      encodeResponse({ version: 10, timeStamp: 0, batchItems: [failed(ResultReason.AuthenticationNotSuccessful)] })
        .bytes,
    refuseFrame: (error) =>
      isKryptonError(error) && error.code !== 'no-frame'
        ? refusal(10, error, { failureOf: testFailure, clock }).bytes
        : undefined,
  }
}

/** A failure in few words, for tests of what stands around the operations. */
export function testFailure(error: unknown): ResponseBatchItem {
  const reason = isKryptonError(error) ? ResultReason.InvalidMessage : ResultReason.GeneralFailure
  return { ...failed(reason), resultMessage: isKryptonError(error) ? error.message : 'a fault of the server' }
}

const failed = (resultReason: number): ResponseBatchItem => ({
  resultStatus: ResultStatus.OperationFailed,
  resultReason,
  resultMessage: 'test',
})

const echo = (frame: Buffer): Answer => ({ bytes: Buffer.from(frame), sensitive: false })
