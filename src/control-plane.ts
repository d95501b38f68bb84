import { type AdminHttpServer, startAdminServer } from './admin/http-server.ts'
import type { Finding } from './admin/services.ts'
import { Administration } from './administration.ts'
import type { ChangedRowsWatch } from './changed-rows.ts'
import { systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { findingsOfProcess } from './doctor/process-findings.ts'
import { externalKeyProviders } from './external-keys/providers.ts'
import type { KeyUsers } from './hierarchy/key-versions.ts'
import type { L1Leases } from './hierarchy/l1-leases.ts'
import { type Instance, openSealKey, pinsOf } from './instance.ts'
import { KeyJobs } from './key-jobs.ts'
import { MasterKeyActs } from './master-key-acts.ts'
import { policyOf } from './objects/crypto-policy.ts'
import type { ServerStatus } from './server-status.ts'
import { ServiceActs } from './service-acts.ts'
import type { Log } from './telemetry/log.ts'
import { TenantLinks } from './tenant-links.ts'

export interface ControlPlaneParts {
  readonly config: Config
  readonly instance: Instance
  /** The threads that serve KMIP. */
  readonly threads: KeyUsers
  readonly changedRows: ChangedRowsWatch
  readonly leases: L1Leases
  readonly status: ServerStatus
  readonly log: Log
  /** Told of each object whose row is not as it was written. */
  readonly onDamaged: (message: string) => void
}

/**
 * What acts on keys and tenants beside the requests of clients: jobs, the links of tenants to their own keys, the MasterKey's epochs, and the socket where
 * administrators ask for them. No answer of KMIP hangs on it, so a server loads it when its KMIP port takes connections: it is half of what this thread loads.
 */
export class ControlPlane {
  readonly #parts: ControlPlaneParts
  readonly keyJobs: KeyJobs
  readonly #masterKey: MasterKeyActs
  readonly #acts: ServiceActs
  #admin: AdminHttpServer | undefined

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts
    const { config, instance, threads, changedRows, log } = parts
    this.#acts = new ServiceActs({
      ...instance,
      clock: systemClock,
      policy: policyOf(config.crypto),
      onDamaged: ({ message }) => parts.onDamaged(message),
    })
    this.keyJobs = new KeyJobs({
      instance,
      users: {
        refresh: async (meant) => {
          await threads.refresh(meant)
          if (meant?.forget === true) this.#acts.forget()
        },
        takeRoot: (root) => threads.takeRoot(root),
      },
      changedRows,
      isLogRead: () => instance.store.isLogRead,
      rotation: config.rotation,
      scrub: config.scrub,
      clock: systemClock,
      log,
    })
    this.#masterKey = new MasterKeyActs({
      work: this.keyJobs.work,
      backups: this.keyJobs.backups,
      openSealKey: () => openSealKey(config),
      pins: pinsOf(config),
      days: config.rotation.masterKeyDays,
    })
  }

  /** Takes up the jobs that the last run has left, then listens to administrators. Throws as `startAdminServer`. */
  async start(): Promise<void> {
    const { config, instance, changedRows, leases, status, log } = this.#parts
    await this.keyJobs.start()
    await this.#masterKey.start()
    const links = new TenantLinks({
      work: this.keyJobs.work,
      leases,
      registry: instance.registry,
      providers: externalKeyProviders,
      development: instance.keyChain.root.development,
    })
    const administration = new Administration({
      instance,
      keyJobs: this.keyJobs,
      changedRows,
      masterKey: this.#masterKey,
      links,
      acts: this.#acts,
      clock: systemClock,
      status: () => status.status(),
      findings: () => this.#findings(),
      log,
    })
    const report = (message: string, error: unknown): void => log.error(message, error)
    this.#admin = await startAdminServer(administration, report, config.admin.socket)
  }

  /** What is to be told to operators while everything works. */
  warnings(): string[] {
    return [...this.#masterKey.warnings(), ...this.keyJobs.warnings()]
  }

  /** Forgets what was opened for acts of operators on systems whose lease has ended. */
  forgetEnded(): void {
    this.#acts.forgetEnded()
  }

  /** Takes no more questions, and lets what runs end its step. */
  async stop(): Promise<void> {
    await this.#admin?.close()
    await this.keyJobs.stop()
    await this.#acts.close()
  }

  #findings(): Finding[] {
    const { server, native } = this.#parts.config
    return findingsOfProcess({ production: server.profile === 'production', native })
  }
}
