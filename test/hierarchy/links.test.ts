import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { Suite } from '../../src/crypto/aead.ts'
import { type Secret, secretFromBytes } from '../../src/crypto/secret.ts'
import { KryptonError } from '../../src/errors.ts'
import { changeKey } from '../../src/hierarchy/key-change.ts'
import { HeldSystems } from '../../src/hierarchy/held-systems.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import type { SystemOfKeys } from '../../src/hierarchy/key-versions.ts'
import { LinkActs } from '../../src/hierarchy/link-acts.ts'
import { LinkMode } from '../../src/hierarchy/link-key.ts'
import { isUnderItsLink } from '../../src/hierarchy/link-rows.ts'
import { referencesOf } from '../../src/hierarchy/references.ts'
import { type KeyAddress, rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { openRecord, Purpose } from '../../src/hierarchy/wrapped-key.ts'
import { type Row, tableNames } from '../../src/store/schema.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from './fixture.ts'
import { killSwitch, l1States, outcomes } from './kill-switch-table.ts'
import { asked, LinkBench, newLink } from './link-fixture.ts'
import { Killed, openStored, RotationBench, storeObjects, type StoredObject } from './rotation-fixture.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let bench: RotationBench
let links: LinkBench
let own: StoredObject[]
let others: StoredObject[]
let system: SystemOfKeys

beforeEach(async () => {
  made = await newHierarchy(externalKey)
  bench = new RotationBench(made)
  links = new LinkBench(bench)
  const { own: scope, sibling, otherSystem, otherTenant } = made.scopes
  own = [...(await storeObjects(made, scope, 3)), ...(await storeObjects(made, sibling, 1))]
  others = [...(await storeObjects(made, otherSystem, 1)), ...(await storeObjects(made, otherTenant, 1))]
  system = { tenant: scope.tenant, system: scope.system }
})

const words = { disable: /disabled.*enable/, lock: /locked.*enable/, unlink: /unlinked.*tenant link/ } as const

const code = (expected: string): unknown => expect.objectContaining({ code: expected })

async function opens(chain: KeyChain, object: StoredObject): Promise<boolean> {
  try {
    expect(await openStored(chain, bench.work.store, object)).toEqual(object.material)
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^external-key-/) })
    return false
  }
}

/** A thread that has opened nothing yet. */
function newThread(): KeyChain {
  const chain = new KeyChain(made.store, made.root, bench.clock)
  links.serve(chain)
  return chain
}

describe('a cell of the kill switch:', () => {
  for (const [row, { l1, keys, mode, outcome }] of killSwitch.entries()) {
    test(`${row + 1}. L1 ${l1}, keys ${keys}, mode ${mode}: ${outcome}`, async () => {
      if (mode !== 'provider') {
        await links.link(system, { mode: mode === 'strict' ? LinkMode.Strict : LinkMode.Available })
      }
      if (keys === 'cold') {
        links.leases.end(system.tenant, system.system)
        await links.look()
      }
      const thread = keys === 'cold' ? newThread() : bench.threads[0]!
      if (keys === 'cached') expect(await opens(thread, own[0]!)).toBe(true)
      if (l1 === 'rotated') links.l1.rotate()
      else links.l1.refusal = l1States[l1]

      const served: boolean[] = [await opens(thread, own[0]!)]
      for (const seconds of [181, 121, 86_400]) {
        await links.look()
        bench.clock.advance(seconds * 1000)
        await links.look()
        await links.look()
        served.push(await opens(thread, own[1]!))
      }
      expect(served).toEqual(outcomes[outcome])
      for (const object of others) expect(await opens(thread, object)).toBe(true)
    })
  }
})

test('the page for operators shows the truth table as it is tested', () => {
  const page = readFileSync(new URL('../../docs/operate/kill-switch.md', import.meta.url), 'utf8')
  const shown = /<!-- kill-switch -->\n([^]*?)<!-- end -->/u.exec(page)![1]!
  const cells = shown
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .flatMap((line) => {
      const [l1, keys, ...byMode] = line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim())
      return ['strict', 'available', 'provider'].map((mode, at) => ({ l1, keys, mode, outcome: byMode[at] }))
    })
  expect(cells).toEqual(killSwitch)
})

describe('a lease', () => {
  test('ends while the machine sleeps, and when the date is set back for as long as it has run', async () => {
    await links.link(system)
    const [thread] = bench.threads
    expect(await opens(thread!, own[0]!)).toBe(true)
    links.l1.refusal = 'external-key-unreachable'
    bench.clock.jump(-3_600_000)
    expect(await opens(thread!, own[0]!)).toBe(true)
    bench.clock.sleep(301_000)
    expect(await opens(thread!, own[0]!)).toBe(false)
  })

  test.each(['lock', 'unlink'] as const)('does not begin by an answer that the L1 gives after %s', async (act) => {
    await links.link(system)
    links.leases.end(system.tenant, system.system)
    await links.look()
    let answer = (): void => undefined
    links.l1.waitsFor = new Promise((resolve) => (answer = resolve))
    const asking = opens(bench.threads[0]!, own[0]!)
    // It needs no answer either.
    await links.acts[act](system, asked)
    expect(await asking).toBe(false)
    answer()
    await new Promise(setImmediate)
    for (const thread of bench.threads) expect(await opens(thread, own[0]!)).toBe(false)
  })

  test('does not begin, and does not go on, over rows of links that were changed from outside', async () => {
    await links.link(system)
    const [thread] = bench.threads
    expect(await opens(thread!, own[0]!)).toBe(true)
    links.rowsFault = new KryptonError('rows-changed', 'a row of table l1_links is an older one')
    bench.clock.advance(181_000)
    await links.look()
    await links.look()
    expect(await opens(thread!, own[0]!)).toBe(false)
    links.leases.end(system.tenant, system.system)
    expect(await opens(thread!, own[0]!)).toBe(false)
    expect(links.refused).toEqual(['rows-changed'])
    links.rowsFault = undefined
    bench.clock.advance(2_000)
    expect(await opens(thread!, own[0]!)).toBe(true)
  })

  test('ends when the date is set on, whatever the other clock says', async () => {
    await links.link(system)
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(true)
    links.l1.refusal = 'external-key-unreachable'
    bench.clock.jump(301_000)
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(false)
  })

  test('is renewed by a real decryption while somebody uses the keys, and by nobody else', async () => {
    await links.link(system)
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(true)
    const calls = () => links.l1.transcript.filter(({ call }) => call === 'unwrap').length
    await links.look()
    await links.look()
    const before = calls()
    for (let minute = 0; minute < 30; minute++) {
      bench.clock.advance(60_000)
      expect(await opens(bench.threads[0]!, own[0]!)).toBe(true)
      await links.look()
      await links.look()
    }
    const used = calls() - before
    expect(used).toBeGreaterThanOrEqual(6)
    expect(used).toBeLessThanOrEqual(10)
    for (let minute = 0; minute < 30; minute++) {
      bench.clock.advance(60_000)
      await links.look()
    }
    expect(calls() - before - used).toBeLessThanOrEqual(1)
  })

  test('wipes what was opened under it: keys that somebody still holds open nothing', async () => {
    await links.link(system)
    const keys = await bench.threads[0]!.service(made.scopes.own)
    links.leases.end(system.tenant, system.system)
    const row = (await made.store.get('objects', { ...own[0]!.scope, object: own[0]!.id }))!
    const context = { object: row.object, objectVersion: 1, objectType: 2, algorithm: 3, lengthBits: 256 }
    expect(() => keys.openObject({ ...context, blobVersion: row.blob_version }, row.key_version, row.record)).toThrow(
      code('external-key-unreachable'),
    )
    expect(() => keys.sealObject({ ...context, blobVersion: 9 }, Buffer.alloc(32))).toThrow(
      code('external-key-unreachable'),
    )
  })

  test('is not asked for again and again while the L1 refuses', async () => {
    await links.link(system)
    links.leases.end(system.tenant, system.system)
    links.l1.refusal = 'external-key-throttled'
    let asked = 0
    const open = links.l1.open.bind(links.l1)
    links.l1.open = (reference) => {
      asked++
      return open(reference)
    }
    for (let i = 0; i < 50; i++) expect(await opens(bench.threads[i % 2]!, own[0]!)).toBe(false)
    expect(asked).toBe(1)
    links.l1.refusal = undefined
    bench.clock.advance(1_001)
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(true)
  })
})

describe('an L1', () => {
  test('that answers with another key is refused before any Tenant Key is tried', async () => {
    await links.link(system)
    links.leases.end(system.tenant, system.system)
    links.l1.lies = true
    await expect(bench.threads[0]!.service(made.scopes.own)).rejects.toThrow(code('external-key-mismatch'))
    expect(links.refused).toEqual(['external-key-mismatch'])
  })

  test('that begins to answer with another key ends the lease that runs', async () => {
    await links.link(system)
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(true)
    links.l1.lies = true
    await expect(links.acts.check(system)).rejects.toThrow(code('external-key-mismatch'))
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(false)
  })

  test('that gives back another key than it was given is not linked', async () => {
    links.l1.lies = true
    await expect(links.acts.link(system, newLink, asked)).rejects.toThrow(code('external-key-mismatch'))
    expect(await made.store.find('l1_links', {})).toEqual([])
    links.l1.lies = false
    for (const refusal of ['external-key-disabled', 'external-key-not-found', 'external-key-denied'] as const) {
      links.l1.refusal = refusal
      await expect(links.acts.link(system, newLink, asked)).rejects.toThrow(code(refusal))
    }
  })

  test('sees, with a copy of the database, nothing that opens a key', async () => {
    await links.link(system)
    const dump = await everyRow()
    // What the provider has: every S in the clear. Each record of the database is tried with each of them, in its own place.
    const linkKeys = links.l1.linkKeys()
    expect(linkKeys.length).toBeGreaterThan(0)
    const [link] = await made.store.find('l1_links', {})
    const rows = [...(await made.store.find('tenant_keys', {})), ...(await made.store.find('linked_keys', {}))]
    for (const bytes of linkKeys) {
      for (const { system: ofSystem, tenant, key_id: object, version, record } of rows) {
        for (const [purpose, suite] of [
          [Purpose.TenantKeyUnderLink, Suite.Xaes256GcmCommitted],
          [Purpose.TenantKey, Suite.Xaes256Gcm],
        ] as const) {
          const key = { secret: secretFromBytes(bytes, 'wrapping'), keyId: link!.key_id, version: link!.version, suite }
          const context = { cluster: made.root.cluster, tenant, system: ofSystem, object, objectVersion: version }
          expect(() => openRecord(purpose, key, context, record, 'object')).toThrow(/record/)
        }
      }
      // Neither S nor a Tenant Key under S alone stands anywhere.
      expect(dump.includes(bytes)).toBe(false)
      expect(dump.includes(magicOf(Purpose.TenantKeyUnderLink))).toBe(false)
    }
  })
})

/** The beginning of every record of a purpose in suite 0x03. */
function magicOf(purpose: number): Buffer {
  return Buffer.from([0x4b, 0x52, 0x57, 0x31, 1, 3, purpose, 0])
}

async function everyRow(): Promise<Buffer> {
  const rows: Uint8Array[] = []
  for (const table of tableNames) {
    const found: Record<string, unknown>[] = await made.store.find(table, {})
    for (const row of found) for (const value of Object.values(row)) if (value instanceof Uint8Array) rows.push(value)
  }
  return Buffer.concat(rows)
}

describe('an act on a link', () => {
  const address = (): KeyAddress => ({ table: 'tenant_keys', ...system })

  test('makes a new Tenant Key and Service Keys, and moves every object under them', async () => {
    await links.link(system)
    const rows = await made.store.find('service_keys', system)
    for (const row of rows.filter(({ state }) => state === 2))
      expect(row).toMatchObject({ version: 2, parent_version: 2 })
    for (const { scope, id } of own) {
      expect(await made.store.get('objects', { ...scope, object: id })).toMatchObject({ key_version: 2 })
    }
    for (const object of [...own, ...others]) expect(await opens(newThread(), object)).toBe(true)
    const { held } = await referencesOf(
      made.store,
      address(),
      (version) => version === 1,
      async () => undefined,
    )
    expect(held).toBe('nothing')
    await expect(links.acts.link(system, newLink, asked)).rejects.toThrow(code('already-exists'))
    await expect(links.acts.lock({ ...system, system: others[0]!.scope.system }, asked)).rejects.toThrow(
      code('not-found'),
    )
  })

  test('whose job has failed is asked for again, until the Tenant Key is under S', async () => {
    await links.acts.link(system, newLink, asked)
    const [job] = bench.jobs.splice(0)
    await bench.maintenance.look()
    expect(bench.jobs).toEqual([{ ...job, actor: 'system', subject: 'tenant_keys' }])
    await bench.runDue()
    await bench.maintenance.look()
    expect(bench.jobs.filter(({ kind }) => kind === job!.kind)).toEqual([])
    await links.acts.detach(system, asked)
    bench.jobs.splice(0)
    await bench.maintenance.look()
    await bench.runDue()
    expect(await opens(new KeyChain(made.store, made.root, bench.clock), own[0]!)).toBe(true)
  })

  test('whose job was given up half way is asked for again, until nothing hangs on the keys of before', async () => {
    await links.acts.link(system, newLink, asked)
    const [job] = bench.jobs.splice(0)
    bench.onPoint = (point) => {
      if (point === 'rewrapped') throw new Killed()
    }
    await expect(bench.run(job!)).rejects.toBeInstanceOf(Killed)
    bench.onPoint = () => undefined
    expect(await isUnderItsLink(bench.work, system, 2)).toBe(true)
    await bench.maintenance.look()
    await bench.runDue()
    for (const { parent_version: parent } of await made.store.find('service_keys', system)) expect(parent).toBe(2)
    for (const { scope, id } of own)
      expect(await made.store.get('objects', { ...scope, object: id })).toMatchObject({ key_version: 2 })
    await bench.maintenance.look()
    expect(bench.jobs.filter(({ kind }) => kind === job!.kind)).toEqual([])
    expect(await bench.states(address())).toEqual([4, 2])
  })

  test('that waited while another rotation was done still makes new Service Keys', async () => {
    await bench.run(rotationJob(address(), { from: 1, reason: 'command', actor: 'operator:ada', subject: 'x' }))
    await links.acts.link(system, newLink, asked)
    const [job] = bench.jobs.splice(0)
    await bench.run(rotationJob(address(), { from: 2, reason: 'command', actor: 'operator:ada', subject: 'x' }))
    await bench.run(job!)
    await bench.runDue()
    const rows = await made.store.find('service_keys', { ...system, service: made.scopes.own.service })
    expect(rows.map(({ state }) => state)).toEqual([4, 2])
    for (const object of own) expect(await opens(newThread(), object)).toBe(true)
  })

  test('has a lease of a minute at least; of ten seconds on a development server', async () => {
    const short = { ...newLink, leaseSeconds: 10 }
    await expect(links.acts.link(system, short, asked)).rejects.toEqual(code('invalid-field'))
    const acts = new LinkActs(bench.work, links.leases, { providers: [links.l1], development: true })
    await expect(acts.link(system, { ...short, leaseSeconds: 9 }, asked)).rejects.toEqual(code('invalid-field'))
    await acts.link(system, short, asked)
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(true)
  })

  test('lock ends everything at once in every thread, until enable', async () => {
    await links.link(system)
    for (const thread of bench.threads) expect(await opens(thread, own[0]!)).toBe(true)
    await links.acts.lock(system, asked)
    for (const thread of [...bench.threads, newThread()]) expect(await opens(thread, own[0]!)).toBe(false)
    bench.clock.advance(2_000)
    await links.acts.enable(system, asked)
    for (const thread of bench.threads) expect(await opens(thread, own[0]!)).toBe(true)
  })

  test('disable lets keys open what they hold, and take nothing new', async () => {
    await links.link(system)
    await links.acts.disable(system, asked)
    for (const thread of bench.threads) {
      expect(await opens(thread, own[0]!)).toBe(true)
      expect((await thread.service(made.scopes.own)).activeVersion).toBe(0)
    }
    await links.acts.enable(system, asked)
    expect((await bench.threads[0]!.service(made.scopes.own)).activeVersion).toBe(2)
  })

  test('that makes new keys is refused while the system is disabled, and what needs none is done', async () => {
    await links.link(system)
    await links.acts.disable(system, asked)
    const before = await everyRow()
    const refused = { code: 'wrong-key-lifecycle-state', message: expect.stringMatching(/disabled.*tenant enable/) }
    for (const act of [
      () => links.acts.detach(system, asked),
      () => links.acts.switch(system, { ...newLink, provider: 'other' }, asked),
    ])
      await expect(act()).rejects.toMatchObject(refused)
    expect(await everyRow()).toEqual(before)
    // The switch stays as it is.
    links.l1.rotate()
    await links.acts.rotate(system, asked)
    await links.acts.check(system)
    expect((await made.store.find('l1_links', system))[0]).toMatchObject({ switch_state: 2, wrapped_by: Buffer.of(2) })
    expect((await bench.threads[0]!.service(made.scopes.own)).activeVersion).toBe(0)
    // Whoever links it again serves it again, as enable does.
    await links.acts.unlink(system, asked)
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(false)
    bench.clock.advance(2_000)
    await links.acts.link(system, newLink, asked)
    expect((await bench.threads[0]!.service(made.scopes.own)).activeVersion).toBe(2)
  })

  test('is refused before anything is done where the Tenant Key is halted', async () => {
    const change = (act: 'suspend' | 'resume') =>
      changeKey(bench.work, Suite.Xaes256Gcm, address(), { act, actor: 'operator:ada' })
    await change('suspend')
    await expect(links.acts.link(system, newLink, asked)).rejects.toThrow(code('wrong-key-lifecycle-state'))
    await change('resume')
    await links.link(system)
    await change('suspend')
    const before = await everyRow()
    for (const act of [
      () => links.acts.detach(system, asked),
      () => links.acts.switch(system, { ...newLink, provider: 'other' }, asked),
    ])
      await expect(act()).rejects.toThrow(code('wrong-key-lifecycle-state'))
    expect(await everyRow()).toEqual(before)
  })

  test('disable and lock keep rotations from being asked for; enable and link let them', async () => {
    await links.link(system)
    for (const act of ['disable', 'lock', 'unlink'] as const) {
      await links.acts[act](system, asked)
      expect(bench.work.held.refusalOf(system)).toMatchObject({ message: expect.stringMatching(words[act]) })
    }
    bench.jobs.splice(0)
    bench.clock.advance(120 * 86_400_000)
    await bench.maintenance.look()
    const isOf = ({ parameters }: { parameters: object }) =>
      'system' in parameters && parameters.system === system.system.toString('hex')
    expect(bench.jobs.filter(isOf)).toEqual([])
    expect(bench.jobs.length).toBeGreaterThan(0)
    // As after a start.
    const held = new HeldSystems(made.store, () => undefined)
    await held.start()
    expect(held.isHeld(system)).toBe(true)
    expect(bench.released).toEqual([])
    await links.acts.link(system, newLink, asked)
    expect(bench.released).toEqual([system.tenant])
    await bench.maintenance.look()
    expect(bench.jobs.filter(isOf).length).toBeGreaterThan(0)
  })

  test('unlink lets go of the credentials and serves nothing; link with the same L1 brings it back, another does not', async () => {
    await links.link(system)
    await links.acts.unlink(system, asked)
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(false)
    expect((await made.store.find('l1_links', {}))[0]!.record).toHaveLength(0)
    await expect(links.acts.enable(system, asked)).rejects.toThrow(code('wrong-key-lifecycle-state'))
    const another = { ...newLink, provider: 'other' }
    await expect(links.acts.link(system, another, asked)).rejects.toThrow(code('external-key-mismatch'))
    bench.clock.advance(2_000)
    await links.acts.link(system, { ...newLink, credentials: Buffer.from('a new token') }, asked)
    expect(bench.jobs).toEqual([
      expect.objectContaining({ kind: 'delete-key-version' }),
      expect.anything(),
      expect.anything(),
    ])
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(true)
    expect(links.l1.credentials.at(-1)).toBe('a new token')
  })

  test('rotate has S wrapped by the newest version of the L1, and nothing below moves', async () => {
    await links.link(system)
    links.l1.rotate()
    const [before] = await made.store.find('l1_links', {})
    await links.acts.rotate(system, asked)
    const [after] = await made.store.find('l1_links', {})
    expect([...before!.wrapped_by, ...after!.wrapped_by]).toEqual([1, 2])
    expect(after).toMatchObject({ version: 1, key_id: before!.key_id, check_value: before!.check_value })
    expect((await made.store.find('linked_keys', system)).map(({ row_version }) => row_version)).toEqual([2])
    expect(await opens(bench.threads[0]!, own[0]!)).toBe(true)
  })

  test('switch moves everything under another L1, and the old one is needed no more', async () => {
    await links.link(system)
    await links.acts.switch(system, { ...newLink, provider: 'other' }, asked)
    await bench.runDue()
    links.l1.refusal = 'external-key-not-found'
    links.leases.end(system.tenant, system.system)
    for (const object of own) expect(await opens(newThread(), object)).toBe(true)
    const rows = await made.store.find('l1_links', system)
    expect(rows.map(({ state, wrapped }) => [state, wrapped.byteLength > 0])).toEqual([
      [5, false],
      [2, true],
    ])
  })

  test('detach moves everything under the keys of the server, and no L1 is needed any more', async () => {
    await links.link(system)
    await links.acts.detach(system, asked)
    await expect(links.acts.disable(system, asked)).rejects.toThrow(code('wrong-key-lifecycle-state'))
    await bench.runDue()
    links.l1.refusal = 'external-key-not-found'
    for (const object of own) expect(await opens(new KeyChain(made.store, made.root, bench.clock), object)).toBe(true)
    await links.link(system).catch((error: unknown) => expect(error).toMatchObject({ code: 'external-key-not-found' }))
  })
})

describe('another act on a link while its job runs', () => {
  /** Lets an operator act when the job is at that point. */
  function at(point: string, act: () => Promise<void>): void {
    const waiting = { isThere: false }
    bench.onPoint = (reached) => {
      if (reached === point) waiting.isThere = true
    }
    bench.onRefresh = async () => {
      if (!waiting.isThere) return
      waiting.isThere = false
      bench.onPoint = () => undefined
      await act()
    }
  }

  /** Runs what is due, each job under a lease of its own: what the one before had open does not help it. */
  async function runEach(): Promise<void> {
    for (let job = bench.jobs.shift(); job !== undefined; job = bench.jobs.shift()) {
      links.leases.end(system.tenant, system.system)
      await links.look()
      if (job.due === undefined) await bench.run(job)
    }
  }

  const withoutLinks = () => new KeyChain(made.store, made.root, bench.clock)

  test.each(['pending', 'active'])('loses nothing: detach, when the new Tenant Key is %s', async (point) => {
    at(point, () => links.acts.detach(system, asked))
    await links.acts.link(system, newLink, asked)
    await runEach()
    links.l1.refusal = 'external-key-not-found'
    for (const object of own) expect(await opens(withoutLinks(), object)).toBe(true)
    expect((await made.store.find('l1_links', system)).map(({ state }) => state)).toEqual([5])
  })

  test.each(['pending', 'active'])('loses nothing: a second switch, when the new Tenant Key is %s', async (point) => {
    await links.link(system)
    at(point, () => links.acts.switch(system, newLink, asked))
    await links.acts.switch(system, { ...newLink, provider: 'other' }, asked)
    await runEach()
    links.other.refusal = 'external-key-not-found'
    links.leases.end(system.tenant, system.system)
    for (const object of own) expect(await opens(newThread(), object)).toBe(true)
    expect((await made.store.find('l1_links', system)).map(({ state }) => state)).toEqual([5, 5, 2])
  })
})

describe('with its L1 off', () => {
  test('the IVK rotates, old versions go, and rows of the system still verify', async () => {
    await links.link(system)
    const command = { reason: 'command', actor: 'operator:ada', subject: 'ivk', from: 1 } as const
    links.leases.end(system.tenant, system.system)
    links.l1.refusal = 'external-key-disabled'
    expect(await bench.run(rotationJob({ table: 'ivks' }, command))).toMatch(/version 2 is active/)
    const isOld = (version: number): boolean => version === 1
    expect((await referencesOf(made.store, { table: 'ivks' }, isOld, async () => undefined)).held).toBe('nothing')
    bench.clock.advance(8 * 86_400_000)
    await bench.runDue()
    expect(await bench.states({ table: 'tenant_keys', ...system })).toEqual([5, 2])
    const thread = newThread()
    const keys = await thread.tenant(system.tenant)
    for (const { scope, id } of own)
      keys.verifyRow('objects', (await made.store.get('objects', { ...scope, object: id }))!)
    expect(await opens(thread, own[0]!)).toBe(false)
    links.l1.refusal = undefined
    bench.clock.advance(2_000)
    for (const object of own) expect(await opens(newThread(), object)).toBe(true)
  })

  test('its Tenant Key does not rotate: no version is made that is not under S', async () => {
    await links.link(system)
    links.leases.end(system.tenant, system.system)
    links.l1.refusal = 'external-key-unreachable'
    const command = { reason: 'command', actor: 'operator:ada', subject: 'acme/default', from: 2 } as const
    await expect(bench.run(rotationJob({ table: 'tenant_keys', ...system }, command))).rejects.toThrow(
      code('external-key-unreachable'),
    )
    expect(await bench.states({ table: 'tenant_keys', ...system })).toEqual([4, 2])
  })
})

test('a linked Tenant Key whose second row is gone, or is another one, opens for nobody', async () => {
  await links.link(system)
  const [row] = await made.store.find('linked_keys', system)
  await made.store.commit({
    section: 'keys',
    audit: [],
    changes: [{ table: 'linked_keys', kind: 'delete', key: { ...system, version: row!.version } }],
  })
  await expect(newThread().service(made.scopes.own)).rejects.toThrow(code('record-does-not-open'))
})

describe('a damaged row of a linked Tenant Key', () => {
  const damage = async (row: Row<'tenant_keys'>): Promise<void> => {
    const record = Buffer.from(row.record)
    record[60]! ^= 1
    const changed = { ...row, record, row_version: row.row_version + 1 }
    const change = { table: 'tenant_keys', kind: 'update', row: changed, expectedVersion: row.row_version } as const
    await made.store.commit({ section: 'keys', audit: [], changes: [change] })
  }
  const remove = async ({ version }: Row<'tenant_keys'>): Promise<void> => {
    const change = { table: 'tenant_keys', kind: 'delete', key: { ...system, version } } as const
    await made.store.commit({ section: 'keys', audit: [], changes: [change] })
  }

  test.each([
    ['changed', damage],
    ['removed', remove],
  ])('that was %s is made anew by the L1 alone, and opens only until it is resumed', async (_, harm) => {
    await links.link(system)
    await expect(links.acts.repair(system, asked)).rejects.toThrow(code('not-found'))
    await harm((await made.store.get('tenant_keys', { ...system, version: 2 }))!)
    await expect(newThread().service(made.scopes.own)).rejects.toThrow(/written|not here/)
    links.leases.end(system.tenant, system.system)
    links.l1.refusal = 'external-key-unreachable'
    await expect(links.acts.repair(system, asked)).rejects.toThrow(code('external-key-unreachable'))
    links.l1.refusal = undefined
    await links.acts.repair(system, asked)
    for (const object of own) expect(await opens(newThread(), object)).toBe(true)
    expect((await newThread().service(made.scopes.own)).activeVersion).toBe(0)
    const tenantKey = { table: 'tenant_keys', ...system } as const
    await changeKey(bench.work, Suite.Xaes256Gcm, tenantKey, { act: 'resume', actor: 'operator:ada' })
    expect((await newThread().service(made.scopes.own)).activeVersion).toBe(2)
  })

  test('is not made from a copy that is damaged too', async () => {
    await links.link(system)
    await damage((await made.store.get('tenant_keys', { ...system, version: 2 }))!)
    const copy = (await made.store.get('linked_keys', { ...system, version: 2 }))!
    const changed = { ...copy, check_value: Buffer.alloc(36, 1), row_version: copy.row_version + 1 }
    const keys = await made.chain.tenant(system.tenant)
    const row = { ...changed, mac: keys.macRow('linked_keys', changed) }
    const change = { table: 'linked_keys', kind: 'update', row, expectedVersion: copy.row_version } as const
    await made.store.commit({ section: 'keys', audit: [], changes: [change] })
    await expect(links.acts.repair(system, asked)).rejects.toThrow(code('record-does-not-open'))
  })
})

test('a recovery file opens everything with the private key of its recipient and a copy of the database, and is made by a development server alone', async () => {
  await links.link(system)
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  await expect(links.acts.recoveryFile(system, pem, asked)).rejects.toThrow(code('permission-denied'))
  const acts = new LinkActs(bench.work, links.leases, { providers: [links.l1], development: true })
  const short = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'pem', type: 'spki' })
  const secret = privateKey.export({ format: 'pem', type: 'pkcs8' })
  for (const refused of [short, secret, 'PUBLIC KEY'])
    await expect(acts.recoveryFile(system, refused.toString(), asked)).rejects.toThrow(code('invalid-field'))

  const file = await acts.recoveryFile(system, pem, asked)
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const bytes = privateDecrypt({ key: privateKey, padding, oaepHash: 'sha256' }, Buffer.from(file.wrappedKey, 'base64'))
  const wrapping = (key: Secret, keyId: Uint8Array, version: number, suite: number) => ({
    secret: key,
    keyId,
    version,
    suite,
  })
  const recovery = wrapping(secretFromBytes(bytes, 'wrapping'), Buffer.from(file.keyId, 'hex'), 1, 3)
  const owner = { cluster: Buffer.from(file.cluster, 'hex'), ...system }
  const contextOf = (keyId: Uint8Array, version: number) => ({
    object: keyId,
    objectVersion: version,
    algorithm: 3,
    lengthBits: 256,
  })
  const newest = file.keys.at(-1)!
  const tenantKeyId = Buffer.from(newest.keyId, 'hex')
  const context = { ...owner, ...contextOf(tenantKeyId, newest.version), extra: Buffer.from('recovery') }
  const l2 = openRecord(Purpose.Export, recovery, context, Buffer.from(newest.record, 'base64'), 'wrapping')
  const [object] = own
  const { service } = object!.scope
  const row = (await made.store.get('objects', { ...object!.scope, object: object!.id }))!
  const l3Row = (await made.store.get('service_keys', { ...system, service, version: row.key_version }))!
  const tenantKey = wrapping(l2, tenantKeyId, newest.version, 2)
  const l3Context = { ...owner, service, ...contextOf(l3Row.key_id, l3Row.version) }
  const l3 = openRecord(Purpose.ServiceKey, tenantKey, l3Context, l3Row.record, 'wrapping')
  const place = { ...contextOf(row.object, 1), objectType: row.object_type, blobVersion: row.blob_version }
  const serviceKey = wrapping(l3, l3Row.key_id, l3Row.version, 2)
  const opened = openRecord(Purpose.Object, serviceKey, { ...owner, service, ...place }, row.record, 'object')
  const material = Buffer.alloc(32)
  opened.copyInto(material, 0)
  expect(material).toEqual(object!.material)
})
