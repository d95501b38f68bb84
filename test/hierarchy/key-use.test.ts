import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { Suite } from '../../src/crypto/aead.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { KeyState } from '../../src/hierarchy/key-state.ts'
import { type Allowance, allowance, type KeyRole, type KeyUse, keyUses } from '../../src/hierarchy/key-use.ts'
import { changeState, verified } from '../../src/hierarchy/key-versions.ts'
import { type KeyAddress, rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { keyAt } from '../../src/hierarchy/versioned-keys.ts'
import { wipeWrappingKeys } from '../../src/hierarchy/wrapping-keys.ts'
import { newHierarchy, newStaticKey } from './fixture.ts'
import { movable, openStored, RotationBench, storeObjects } from './rotation-fixture.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

const states = Object.entries(KeyState)
const roles: readonly KeyRole[] = ['ivk', 'tenant key', 'service key']

/** By hand: wrap, unwrap and move, for each state; what an IVK may besides stands below. */
const expected: Readonly<Record<keyof typeof KeyState, readonly [Allowance, Allowance, Allowance]>> = {
  Pending: ['no', 'no', 'no'],
  Active: ['yes', 'yes', 'yes'],
  Grace: ['no', 'yes', 'yes'],
  Deprecated: ['no', 'yes', 'yes'],
  Retired: ['no', 'no', 'no'],
  Compromised: ['no', 'break-glass', 'yes'],
  Suspended: ['no', 'yes', 'yes'],
  Deactivated: ['no', 'yes', 'yes'],
  Expired: ['no', 'no', 'yes'],
}

const cellOf = (role: KeyRole, state: keyof typeof KeyState, use: KeyUse): Allowance => {
  const at = (['wrap', 'unwrap', 'move'] as const).indexOf(use as 'wrap')
  if (at === -1) return 'no'
  return role === 'ivk' && state === 'Compromised' && use === 'unwrap' ? 'yes' : expected[state][at]!
}

describe('what a version of a key may be used for', () => {
  test('is as its table says, in every state, for every use and role; the page for operators says the same', () => {
    const page = readFileSync(new URL('../../docs/understand/keys.md', import.meta.url), 'utf8')
    for (const [name, state] of states) {
      for (const role of roles)
        for (const use of keyUses)
          expect(allowance(role, state, use), `${role} ${name} ${use}`).toBe(
            cellOf(role, name as keyof typeof KeyState, use),
          )
      const cells = keyUses.map((use) => {
        const [ivk, below] = [allowance('ivk', state, use), allowance('service key', state, use)]
        return ivk === below ? below : `${below}; IVK: ${ivk}`
      })
      expect(page).toContain(`| ${name.toLowerCase()} | ${cells.join(' | ')} |`)
    }
  })

  test.each(states)('%s: keys do what the table says, at each level', async (name, state) => {
    for (const role of roles) {
      const made = await newHierarchy(externalKey)
      const bench = new RotationBench(made)
      const { own } = made.scopes
      const [object] = await storeObjects(made, own, 1)
      const address: KeyAddress =
        role === 'ivk'
          ? { table: 'ivks' }
          : role === 'tenant key'
            ? { table: 'tenant_keys', tenant: own.tenant, system: own.system }
            : { table: 'service_keys', ...own }
      const key = keyAt(bench.work, address, Suite.Xaes256Gcm)
      // A cluster has an active IVK: another one takes the place of the version that is looked at.
      if (role === 'ivk' && state !== KeyState.Active)
        await bench.run(rotationJob(address, { from: 1, reason: 'command', actor: 'system', subject: 'ivk' }))
      const [row] = await verified(key)
      const change = { state, operation: 'Test', actor: 'system' }
      await changeState(
        bench.work,
        key,
        row!,
        state === KeyState.Retired ? { ...change, record: Buffer.alloc(0) } : change,
      )
      const chain = new KeyChain(made.store, made.root, bench.clock)
      const cell = (use: KeyUse): boolean => cellOf(role, name as keyof typeof KeyState, use) === 'yes'
      if (role === 'ivk') {
        const ivks = await chain.ivks()
        expect(ivks.active.version === 1).toBe(cell('wrap'))
        expect(ivks.byVersion.has(1)).toBe(cell('unwrap') && cell('move'))
        continue
      }
      if (role === 'tenant key' && !cell('move')) {
        // Service Keys under a Tenant Key that is not there at all are damage.
        await expect((async () => chain.service(own))()).rejects.toMatchObject({ code: 'record-invalid' })
        continue
      }
      const keys = await chain.service(own)
      expect(keys.activeVersion === 1, `${role} wraps`).toBe(cell('wrap'))
      const opened = openStored(chain, made.store, object!)
      if (cell('unwrap')) expect(await opened).toEqual(object!.material)
      else
        await expect(opened).rejects.toMatchObject({
          // Nothing hangs on a version that was never used.
          code: state === KeyState.Pending ? 'record-invalid' : 'wrong-key-lifecycle-state',
        })
      const moved = movable(chain, made.store, object!)
      if (cell('move')) expect(await moved).toEqual(object!.material)
      else await expect(moved).rejects.toMatchObject({ code: 'record-invalid' })
    }
  })

  test('of what hangs on a compromised Tenant Key is nothing until it has a key of its own again', async () => {
    const made = await newHierarchy(externalKey)
    const bench = new RotationBench(made)
    const { own, sibling } = made.scopes
    const [object] = await storeObjects(made, own, 1)
    const address = { table: 'tenant_keys', tenant: own.tenant, system: own.system } as const
    bench.onPoint = (point) => {
      if (point === 'in use') throw new Error('planted')
    }
    const job = rotationJob(address, { from: 1, reason: 'compromise', actor: 'system', subject: 'x' })
    await expect(bench.run(job)).rejects.toThrow('planted')
    for (const scope of [own, sibling])
      for (const chain of bench.threads) expect((await chain.service(scope)).activeVersion).toBe(0)
    await expect(openStored(bench.threads[0]!, made.store, object!)).rejects.toMatchObject({
      code: 'wrong-key-lifecycle-state',
    })
    expect(bench.meant.at(-1)).toMatchObject({ tenant: own.tenant, system: own.system, forget: true })
    bench.onPoint = () => undefined
    await bench.run(job)
    for (const chain of bench.threads) {
      expect((await chain.service(own)).activeVersion).toBe(2)
      expect(await openStored(chain, made.store, object!)).toEqual(object!.material)
    }
    wipeWrappingKeys(await bench.work.chain.tenantKeys(own.tenant, own.system))
  })
})
