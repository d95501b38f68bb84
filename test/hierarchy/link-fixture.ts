import type { KryptonError } from '../../src/errors.ts'
import { answerLease, LeaseRelay } from '../../src/lease-relay.ts'
import type { KeyChain } from '../../src/hierarchy/key-chain.ts'
import type { SystemOfKeys } from '../../src/hierarchy/key-versions.ts'
import { L1Leases } from '../../src/hierarchy/l1-leases.ts'
import { LinkActs } from '../../src/hierarchy/link-acts.ts'
import type { NewLink } from '../../src/hierarchy/new-link.ts'
import { LeaseCells } from '../../src/hierarchy/lease-cells.ts'
import { LinkMode } from '../../src/hierarchy/link-key.ts'
import { FakeL1 } from './fake-l1.ts'
import type { RotationBench } from './rotation-fixture.ts'

/** Links over a bench of rotations: its threads get their leases as listener threads do, from one that asks the L1. */
export class LinkBench {
  readonly l1 = new FakeL1()
  readonly other = new FakeL1()
  readonly leases: L1Leases
  readonly acts: LinkActs
  readonly refused: string[] = []
  readonly reopened: Buffer[] = []
  /** What is wrong with the rows of links, when something is. */
  rowsFault: KryptonError | undefined
  readonly #bench: RotationBench
  readonly #relays: LeaseRelay[] = []

  constructor(bench: RotationBench) {
    this.#bench = bench
    const { clock, work } = bench
    const providers = [this.l1, Object.assign(this.other, { type: 'other' })]
    this.leases = new L1Leases({
      chain: work.chain,
      clock,
      bootClock: clock,
      providers,
      checkRows: async () => {
        if (this.rowsFault !== undefined) throw this.rowsFault
      },
      nameOf: async () => 'acme/default',
      onEnded: () => undefined,
      onRefused: async ({ error }) => void this.refused.push(error.code),
      onReopened: (tenant) => void this.reopened.push(tenant),
      onFault: (error) => {
        throw error
      },
    })
    work.chain.leaseFrom(this.leases)
    for (const thread of bench.threads) this.serve(thread)
    this.acts = new LinkActs(work, this.leases, { providers, development: false })
  }

  /** Gives a thread its leases from here. */
  serve(thread: KeyChain): void {
    const { clock } = this.#bench
    const relay: LeaseRelay = new LeaseRelay(
      new LeaseCells(clock, clock, this.leases.cells.memory),
      (wanted) => void answerLease(this.leases, wanted).then((answer) => relay.receive(answer)),
      () => undefined,
    )
    thread.leaseFrom(relay)
    this.#relays.push(relay)
  }

  /** What every thread does from time to time; resolves when renewals that began have ended. */
  async look(): Promise<void> {
    for (const relay of this.#relays) relay.look()
    this.leases.look()
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Links a system and runs the jobs that this asks for. */
  async link(system: SystemOfKeys, request: Partial<NewLink> = {}): Promise<void> {
    await this.acts.link(system, { ...newLink, ...request }, asked)
    await this.#bench.runDue()
  }
}

export const asked = { actor: 'operator:ada', subject: 'acme/default' }

export const newLink: NewLink = {
  provider: 'fake',
  key: 'transit/acme',
  settings: {},
  credentials: Buffer.from('a token'),
  mode: LinkMode.Strict,
  leaseSeconds: 300,
}
