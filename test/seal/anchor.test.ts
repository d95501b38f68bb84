import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { auditEvent } from '../../src/audit/audit-event.ts'
import { noTenant } from '../../src/hierarchy/key-record.ts'
import type { RootKeys } from '../../src/hierarchy/root-keys.ts'
import { checkAnchor, stateOf, writeAnchor } from '../../src/seal/anchor.ts'
import { AnchorKeeper } from '../../src/seal/anchor-keeper.ts'
import { anchorFile, type AnchorPlace } from '../../src/seal/anchor-place.ts'
import { AnchorCodec } from '../../src/seal/anchor-state.ts'
import { createStaticKeyFile, openStaticKey } from '../../src/external-keys/static.ts'
import { initializeSeal } from '../../src/seal/seal.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import type { Section } from '../../src/store/schema.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { FakeClock } from '../support/fake-clock.ts'

const directory = temporaryDirectory('anchor')
const file = join(directory, 'krypton.anchor')
const clock = new FakeClock()
let store: MemoryStore
let root: RootKeys
let place: AnchorPlace

beforeAll(() => createStaticKeyFile(join(directory, 'seal.key')))
afterAll(() => removeDirectory(directory))

beforeEach(async () => {
  rmSync(file, { force: true })
  place = anchorFile(file, join(directory, 'data'))
  store = new MemoryStore()
  root = await newRoot(store)
})

async function newRoot(empty: MemoryStore): Promise<RootKeys> {
  const key = openStaticKey({ file: join(directory, 'seal.key'), dataDirectory: join(directory, 'data') })
  try {
    return await initializeSeal(empty, key, clock, { development: false, region: 'local', actor: 'operator:test' })
  } finally {
    key.wipe()
  }
}

async function change(of: MemoryStore, section: Section, operation: string): Promise<void> {
  const event = auditEvent({ clock, tenant: noTenant, actor: 'operator:test', operation, result: 'success' })
  await of.commit({ section, changes: [], audit: [event] })
}

const anchored = (of = store) => ({ store: of, root, place, clock })

describe('an anchor', () => {
  it('fits the database that it is of, and one that is ahead of it', async () => {
    await writeAnchor(anchored())
    await checkAnchor(anchored())
    await change(store, 'data', 'Create')
    await change(store, 'keys', 'IvkRotate')
    await checkAnchor(anchored())
  })

  it.each(['keys', 'data'] as const)('tells a database whose section %s is older', async (section) => {
    const before = await stateOf(store, root, clock)
    await change(store, section, 'Destroy')
    const now = await stateOf(store, root, clock)
    const codec = new AnchorCodec(root)
    await place.write(codec.encode(now))
    await checkAnchor(anchored())
    // The section as it was: the anchor has seen one change more.
    await place.write(codec.encode({ ...now, [section]: { ...now[section], sequence: now[section].sequence + 1 } }))
    await expect(checkAnchor(anchored())).rejects.toMatchObject({
      code: 'anchor-mismatch',
      message: expect.stringMatching(new RegExp(`section ${section} .* is older than change .*krypton anchor accept$`)),
    })
    expect(before[section].sequence).toBe(now[section].sequence - 1)
  })

  it('tells a database that was put back and has gone another way since, however far', async () => {
    await change(store, 'data', 'Destroy')
    await writeAnchor(anchored())
    const other = new MemoryStore()
    const otherRoot = root
    for (const row of store.find('seals', {})) {
      await other.commit({
        section: 'keys',
        changes: [{ table: 'seals', kind: 'insert', row }],
        audit: auditOf('keys'),
      })
    }
    for (let i = 0; i < 5; i++) await change(other, 'data', 'Create')
    await expect(checkAnchor({ ...anchored(other), root: otherRoot })).rejects.toMatchObject({
      code: 'anchor-mismatch',
      message: expect.stringMatching(/section data of the database went another way: change 1 is not the one/),
    })
  })

  it('tells another incarnation, an older epoch and an older seal', async () => {
    const now = await stateOf(store, root, clock)
    const codec = new AnchorCodec(root)
    for (const [differs, words] of [
      [{ incarnation: 'ff'.repeat(16) }, /another incarnation/],
      [{ epoch: now.epoch + 1 }, /older than the seal/],
      [{ sealGeneration: now.sealGeneration + 1 }, /older than the seal/],
    ] as const) {
      await place.write(codec.encode({ ...now, ...differs }))
      await expect(checkAnchor(anchored())).rejects.toMatchObject({
        code: 'anchor-mismatch',
        message: expect.stringMatching(words),
      })
    }
  })

  it('is refused with any byte changed, from another root, and when it is gone', async () => {
    await writeAnchor(anchored())
    const good = readFileSync(file)
    for (let at = 0; at < good.length - 1; at++) {
      const bad = Buffer.from(good)
      bad[at] = bad[at]! ^ 1
      writeFileSync(file, bad)
      await expect(checkAnchor(anchored()), `byte ${at}`).rejects.toMatchObject({ code: 'anchor-mismatch' })
    }
    writeFileSync(file, good)
    await checkAnchor(anchored())
    const other = new MemoryStore()
    const stranger = await newRoot(other)
    await expect(checkAnchor({ store: other, root: stranger, place, clock })).rejects.toMatchObject({
      code: 'anchor-mismatch',
      message: expect.stringContaining('was not written by this cluster'),
    })
    rmSync(file)
    await expect(checkAnchor(anchored())).rejects.toMatchObject({
      message: expect.stringContaining('there is no anchor at'),
    })
    writeFileSync(file, Buffer.alloc(5000, 32))
    await expect(checkAnchor(anchored())).rejects.toMatchObject({ code: 'config-invalid' })
  })

  it('is not put beside the data', () => {
    expect(() => anchorFile(join(directory, 'data', 'x'), join(directory, 'data'))).toThrow(
      /lies in the data directory/,
    )
  })
})

describe('the keeper of an anchor', () => {
  it('takes it along at its start and its end, and tells of a volume that is gone', async () => {
    const faults: unknown[] = []
    const keeper = new AnchorKeeper({ ...anchored(), root: () => root }, (error) => faults.push(error))
    await keeper.start()
    await checkAnchor(anchored())
    await change(store, 'data', 'Create')
    await keeper.stop()
    expect(keeper.state?.data.sequence).toBe(1)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ data: { sequence: 1 } })
    const nowhere = anchorFile(join(directory, 'not-mounted', 'anchor'), join(directory, 'data'))
    const troubled = new AnchorKeeper({ ...anchored(), root: () => root, place: nowhere }, (error) =>
      faults.push(error),
    )
    await troubled.start()
    await troubled.stop()
    expect(troubled.trouble()).toMatch(/could not be written since/)
    expect(faults).toHaveLength(1)
  })
})

function auditOf(section: Section) {
  return store.audit(section, 0, 100).map(({ sequence: _sequence, ...row }) => row)
}
