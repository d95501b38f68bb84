import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { destructionJob, foreseeDestruction } from '../../src/hierarchy/key-destruction.ts'
import { forgetBackup, keptBackups, noteBackup } from '../../src/hierarchy/kept-backups.ts'
import { KeyState } from '../../src/hierarchy/key-state.ts'
import { deletionJob, type KeyAddress, rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { limits } from '../../src/limits.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from './fixture.ts'
import { openStored, RotationBench, storeObjects } from './rotation-fixture.ts'
import { nudged, tampered } from './tampered-store.ts'

const { Active, Deprecated, Compromised, Retired } = KeyState
const day = 86_400
const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let bench: RotationBench
let addresses: KeyAddress[]
beforeEach(async () => {
  made = await newHierarchy(externalKey)
  bench = new RotationBench(made)
  const { own } = made.scopes
  addresses = [
    { table: 'ivks' },
    { table: 'tenant_keys', tenant: own.tenant, system: own.system },
    { table: 'service_keys', ...own },
  ]
})

const now = (): number => bench.clock.now() / 1000
const note = (name: string, days = 90) =>
  noteBackup(bench.work, { name, until: now() + days * day, actor: 'operator:ada' })
const forget = (name: string) => forgetBackup(bench.work, name, 'operator:ada')
const replace = (address: KeyAddress, from = 1) =>
  bench.run(rotationJob(address, { from, reason: 'compromise', actor: 'operator:ada', subject: address.table }))
const deletion = (address: KeyAddress) =>
  bench.run(deletionJob(address, { version: 1, due: 0, actor: 'system', subject: 'version 1' }))

describe('a kept backup', () => {
  test('holds each version that was there when it was noted, of every key, until the last such backup is forgotten', async () => {
    const [object] = await storeObjects(made, made.scopes.own, 1)
    await note('first')
    await note('second', 30)
    for (const address of addresses) await replace(address, (await bench.states(address)).length)
    bench.jobs.length = 0
    for (const address of addresses) {
      await expect(deletion(address)).rejects.toThrow(
        /version 1 is in backup first, kept until 20.*; backup second, .*krypton backup forget/,
      )
      expect((await bench.states(address))[0]).toBe(Compromised)
    }
    await forget('first')
    for (const address of addresses) await expect(deletion(address)).rejects.toThrow(/version 1 is in backup second/)
    await forget('second')
    for (const address of addresses) {
      expect(await deletion(address)).toMatch(/version 1 is deleted/)
      expect((await bench.states(address))[0]).toBe(Retired)
    }
    expect(await openStored(bench.threads[0]!, made.store, object!)).toEqual(object!.material)
  })

  test('holds no version that was made after it', async () => {
    await note('old')
    bench.clock.advance(day * 1000)
    await replace(addresses[2]!)
    await replace(addresses[2]!, 2)
    const second = deletionJob(addresses[2]!, { version: 2, due: 0, actor: 'system', subject: 'version 2' })
    expect(await bench.run(second)).toMatch(/version 2 is deleted/)
    await expect(deletion(addresses[2]!)).rejects.toThrow(/is in backup old/)
  })

  test('lets a version go by itself a while after it was forgotten; a clock that jumps lets none go before', async () => {
    await bench.run(rotationJob(addresses[0]!, { from: 1, reason: 'command', actor: 'operator:ada', subject: 'ivk' }))
    await note('nightly', 30)
    bench.clock.advance(1.1 * day * 1000)
    await bench.maintenance.look()
    expect(await bench.states(addresses[0]!)).toEqual([Deprecated, Active])
    for (const jump of [3_650, -7_300, 3_650]) {
      bench.clock.advance(jump * day * 1000)
      const due = bench.jobs.splice(0)
      for (const job of due) await expect(bench.run(job)).rejects.toThrow(/is in backup nightly/)
      expect(bench.jobs).toMatchObject([{ kind: 'delete-key-version', due: now() + 7 * day }])
      expect(await bench.states(addresses[0]!)).toEqual([Deprecated, Active])
    }
    await forget('nightly')
    bench.clock.advance(8 * day * 1000)
    await bench.runDue()
    expect(await bench.states(addresses[0]!)).toEqual([Retired, Active])
  })

  test('that is noted while the clock is set back holds what was made before that', async () => {
    await replace(addresses[0]!)
    bench.clock.advance(-3_650 * day * 1000)
    await note('nightly')
    await expect(deletion(addresses[0]!)).rejects.toThrow(/is in backup nightly/)
  })

  test('does not hold back a destruction, which says where the keys remain and until when', async () => {
    const { tenant } = made.scopes.own
    const nightly = await note('nightly')
    const other = { tenant: made.scopes.otherTenant.tenant }
    expect(await foreseeDestruction(bench.work, { tenant }, async () => undefined)).toMatchObject({
      backups: [nightly],
    })
    const until = new Date(nightly.until * 1000).toISOString()
    const destroy = (what: { tenant: Buffer }) =>
      bench.run(destructionJob(what, { actor: 'operator:ada', subject: 'keys' }))
    expect(await destroy({ tenant })).toContain(`they remain in backup nightly, kept until ${until}, and in copies`)
    await forget('nightly')
    expect(await destroy(other)).toContain('no backup is noted in which they remain')
  })

  test('is refused a second time, for a time that has passed, and beyond the most; it is authenticated and audited', async () => {
    await note('nightly')
    await expect(note('nightly')).rejects.toMatchObject({ code: 'already-exists' })
    await expect(note('yesterday', -1)).rejects.toMatchObject({ code: 'invalid-field' })
    await expect(forget('weekly')).rejects.toMatchObject({ code: 'not-found' })
    const { keptBackupsMax } = limits
    Object.assign(limits, { keptBackupsMax: 1 })
    await expect(note('weekly')).rejects.toMatchObject({ code: 'invalid-field' })
    Object.assign(limits, { keptBackupsMax })
    const changed = tampered(made.store, (table, rows) =>
      table === 'kept_backups' ? rows.map((row) => ({ ...row, covers: nudged(row['covers']) })) : rows,
    )
    await expect(keptBackups({ ...bench.work, store: changed })).rejects.toMatchObject({ code: 'row-mac-mismatch' })
    await forget('nightly')
    const audit = (await made.store.audit('keys', 0, 100)).slice(-2)
    expect(audit.map(({ operation, actor, detail }) => [operation, actor, detail])).toEqual([
      ['BackupNote', 'operator:ada', 'nightly'],
      ['BackupForget', 'operator:ada', 'nightly'],
    ])
  })
})
