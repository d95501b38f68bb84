import { isKryptonError } from '../../src/errors.ts'
import { randomIdentifier } from '../../src/crypto/random.ts'
import { createServiceKeys, createTenantKeys, KeyChain, type Scope } from '../../src/hierarchy/key-chain.ts'
import { type Destruction, destructionJob, foreseeDestruction } from '../../src/hierarchy/key-destruction.ts'
import { type KeyAddress, rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from '../hierarchy/fixture.ts'
import {
  Killed,
  openStored,
  RotationBench,
  rowOf,
  storeObjects,
  type StoredObject,
} from '../hierarchy/rotation-fixture.ts'

/** What became of destructions whose dry run was compared with what they did. */
export interface DestructionOutcome {
  /** Destroyed as foreseen. */
  destroyed: number
  /** Foreseen as refused because nothing was left, and refused. */
  refused: number
  /** Keys and objects that went with them. */
  versions: number
  objects: number
  /** What was not as the dry run had said, in words. */
  readonly wrong: string[]
}

/** Systems, services and objects of a random tree; objects of some services hang on two versions. */
const tenantsMore = 4
/** So many destructions leave little of one tree: then there is another. */
const destructionsEach = 12

/**
 * Destroys random subtrees of random trees until there were `count`: what a dry run foresees is what the job says and what no thread can open afterwards, and everything else opens as before.
 * `spoil` changes what was foreseen: a test of this very function.
 */
export async function destroySubtrees(
  count: number,
  spoil: (objects: number) => number = (n) => n,
): Promise<DestructionOutcome> {
  const outcome: DestructionOutcome = { destroyed: 0, refused: 0, versions: 0, objects: 0, wrong: [] }
  const { externalKey, remove } = newStaticKey()
  try {
    while (outcome.destroyed + outcome.refused < count) {
      const tree = await Tree.make(await newHierarchy(externalKey))
      for (let left = Math.min(destructionsEach, count - outcome.destroyed - outcome.refused); left > 0; left--)
        await tree.destroy(outcome, spoil)
      tree.forget()
    }
  } finally {
    remove()
  }
  return outcome
}

class Tree {
  readonly #made: Hierarchy
  readonly #bench: RotationBench
  readonly #scopes: Scope[]
  readonly #objects: StoredObject[] = []
  readonly #alive = new Set<StoredObject>()

  private constructor(made: Hierarchy) {
    this.#made = made
    this.#bench = new RotationBench(made)
    this.#scopes = Object.values(made.scopes)
  }

  static async make(made: Hierarchy): Promise<Tree> {
    const tree = new Tree(made)
    await tree.#grow()
    return tree
  }

  forget(): void {
    for (const chain of [...this.#bench.threads, this.#bench.work.chain]) chain.forget()
  }

  async destroy(outcome: DestructionOutcome, spoil: (objects: number) => number): Promise<void> {
    const { tenant, system, service } = this.#scopes[random(this.#scopes.length)]!
    const subtrees: Destruction[] = [
      { tenant },
      { tenant, system },
      { tenant, system, service },
      { tenant, system, service, version: 1 },
    ]
    const what = subtrees[random(subtrees.length)]!
    const { work } = this.#bench
    const before = new Map<StoredObject, number>()
    for (const object of this.#objects) before.set(object, (await rowOf(this.#made.store, object)).row_version)
    const run = async (): Promise<string> => this.#bench.run(destructionJob(what, { actor: 'system', subject: 'keys' }))
    let foreseen
    try {
      foreseen = await foreseeDestruction(work, what, async () => undefined)
    } catch (error) {
      if (!isKryptonError(error, 'wrong-key-lifecycle-state')) throw error
      const refusal = await run().catch((cause: unknown) => cause)
      if (!isKryptonError(refusal, 'wrong-key-lifecycle-state'))
        outcome.wrong.push('done although it was foreseen as refused')
      outcome.refused++
      return
    }
    const [versions, objects] = [foreseen.tenantKeys + foreseen.serviceKeys, spoil(foreseen.objects)]
    const result = await run()
    if (!result.includes(`${versions} versions are destroyed, ${objects} objects`))
      outcome.wrong.push(`foreseen ${versions} versions and ${objects} objects, told ${result}`)
    const lost = await this.#lookForLost(outcome.wrong)
    if (lost !== objects) outcome.wrong.push(`foreseen ${objects} objects, lost ${lost}`)
    const fresh = new KeyChain(this.#made.store, this.#made.root, this.#bench.clock)
    for (const object of this.#objects) {
      const row = await rowOf(this.#made.store, object)
      ;(await fresh.tenant(object.scope.tenant)).verifyRow('objects', row)
      if (row.row_version !== before.get(object)) outcome.wrong.push('a row of an object was touched')
    }
    outcome.destroyed++
    outcome.versions += versions
    outcome.objects += lost
  }

  /** What opened before and does not open now. */
  async #lookForLost(wrong: string[]): Promise<number> {
    let lost = 0
    const [thread] = this.#bench.threads
    for (const object of this.#alive) {
      const opened = await openStored(thread!, this.#made.store, object).catch((error: unknown) => error)
      if (Buffer.isBuffer(opened)) {
        if (!opened.equals(object.material)) wrong.push('an object opens to another key')
        continue
      }
      if (!isKryptonError(opened, 'wrong-key-lifecycle-state'))
        wrong.push(`an object is refused otherwise: ${String(opened)}`)
      this.#alive.delete(object)
      lost++
    }
    return lost
  }

  async #grow(): Promise<void> {
    const { store, chain } = this.#made
    for (let more = 0; more < tenantsMore; more++) {
      const scope = { tenant: randomIdentifier(), system: randomIdentifier(), service: randomIdentifier() }
      const sibling = { ...scope, service: randomIdentifier() }
      await store.commit(await createTenantKeys(chain, scope, 'system'))
      await store.commit(await createServiceKeys(chain, sibling, 'system'))
      this.#scopes.push(scope, sibling)
    }
    for (const scope of this.#scopes) {
      this.#objects.push(...(await storeObjects(this.#made, scope, random(4))))
      if (Math.random() < 0.5) continue
      await this.#rotateHalf({ table: 'service_keys', ...scope })
      this.#objects.push(...(await storeObjects(this.#made, scope, 2)))
    }
    for (const object of this.#objects) this.#alive.add(object)
  }

  /** The rotation dies before anything is moved: objects hang on two versions. */
  async #rotateHalf(address: KeyAddress): Promise<void> {
    this.#bench.onPoint = (point) => {
      if (point === 'in use') throw new Killed()
    }
    const job = rotationJob(address, { from: 1, reason: 'command', actor: 'system', subject: 'x' })
    await this.#bench.run(job).catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error
    })
    this.#bench.onPoint = () => undefined
  }
}

function random(below: number): number {
  return Math.floor(Math.random() * below)
}
