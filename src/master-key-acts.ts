import type { Epoch, EpochEffect } from './admin/services.ts'
import { dateTime } from './clock.ts'
import type { ExternalKey } from './external-keys/external-key.ts'
import { hex } from './hex.ts'
import type { KeyWork } from './hierarchy/key-versions.ts'
import type { KeyBackups } from './key-backups.ts'
import { belowMasterKey, epochBegun, rotateMasterKey } from './seal/master-key-rotation.ts'
import type { RootPins } from './seal/seal.ts'

/** What acts on the MasterKey work with. */
export interface MasterKeyActsParts {
  readonly work: KeyWork
  readonly backups: KeyBackups
  /** Opens the seal's key for one act, which ends it. Throws 'config-invalid'. */
  readonly openSealKey: () => ExternalKey
  /** What the configuration pins. */
  readonly pins: RootPins | undefined
  /** Days after which an epoch has lasted long enough. */
  readonly days: number
}

/** Acts of an operator on the MasterKey. */
export class MasterKeyActs {
  readonly #parts: MasterKeyActsParts
  /** When the epoch began, in seconds since 1970. */
  #begun: number | undefined

  constructor(parts: MasterKeyActsParts) {
    this.#parts = parts
  }

  /** Looks how old the epoch is. */
  async start(): Promise<void> {
    this.#begun = await epochBegun(this.#parts.work.store)
  }

  /** What a new epoch would touch. */
  async foresee(): Promise<EpochEffect> {
    const { work, backups } = this.#parts
    const { epoch, ivks, systemIntegrityKeys: integrityKeys } = await belowMasterKey(work)
    return { epoch: epoch + 1, ivks, integrityKeys, backups: await backups.list() }
  }

  /** Begins a new epoch. Throws as `rotateMasterKey`. */
  async rotate(actor: string): Promise<Epoch> {
    const { work, openSealKey, pins: pinned } = this.#parts
    const externalKey = openSealKey()
    try {
      const { cluster, verifier, epoch } = await rotateMasterKey({ ...work, externalKey }, actor)
      await this.start()
      return { cluster: hex(cluster), verifier: hex(verifier), epoch, pinned: pinned !== undefined }
    } finally {
      externalKey.wipe()
    }
  }

  /** What is to be changed in the configuration before the next start, and that the epoch has lasted long enough, in words. */
  warnings(): string[] {
    const { work, pins, days } = this.#parts
    const { epoch, verifier } = work.chain.root
    const isOver = this.#begun !== undefined && dateTime(work.clock) >= this.#begun + days * 86_400
    const over = isOver ? [`the MasterKey has been the same for more than ${days} days: krypton operator rotate`] : []
    if (pins === undefined || pins.epoch === epoch) return over
    return [
      ...over,
      `the MasterKey is of epoch ${epoch} and this server was started with epoch ${pins.epoch} pinned: it does not start again unless section seal of the configuration says verifier: ${hex(verifier)} and epoch: ${epoch}`,
    ]
  }
}
