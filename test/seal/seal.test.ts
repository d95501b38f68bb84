import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import { createStaticKeyFile, openStaticKey } from '../../src/external-keys/static.ts'
import type { RootKeys } from '../../src/hierarchy/key-chain.ts'
import { decodeSealBlob } from '../../src/seal/blob.ts'
import { initializeSeal, isInitialized, unseal } from '../../src/seal/seal.ts'
import { schema } from '../../src/store/schema.ts'
import type { Store } from '../../src/store/store.ts'
import { clock, newStaticKey, newStore } from '../hierarchy/fixture.ts'
import { nudged, tampered } from '../hierarchy/tampered-store.ts'

const { externalKey, remove } = newStaticKey()
const directory = mkdtempSync(join(tmpdir(), 'krypton-seal-'))
afterAll(() => {
  remove()
  rmSync(directory, { recursive: true })
})

const options = { development: false, region: 'test', actor: 'operator:ada' }
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
let store: Store
let root: RootKeys
beforeAll(async () => {
  store = newStore()
  root = await initializeSeal(store, externalKey, clock, options)
})

describe('a root', () => {
  test('is made once and opens again with the same identity, pinned or not', async () => {
    expect(await isInitialized(newStore())).toBe(false)
    expect(await isInitialized(store)).toBe(true)
    await expect(initializeSeal(store, externalKey, clock, options)).rejects.toThrow(code('already-exists'))
    for (const pins of [undefined, root]) {
      const again = await unseal(store, externalKey, { production: true, ...(pins && { pins }) })
      expect(again).toMatchObject({
        epoch: 1,
        development: false,
        verifier: root.verifier,
        cluster: root.cluster,
        incarnation: root.incarnation,
      })
    }
  })

  test('is absent from an empty store', async () => {
    await expect(unseal(newStore(), externalKey, { production: true })).rejects.toThrow(code('not-found'))
  })

  test('that is not the pinned one does not open, whoever sealed it', async () => {
    const other = newStore()
    await initializeSeal(other, externalKey, clock, options)
    await expect(unseal(other, externalKey, { production: true, pins: root })).rejects.toThrow(code('seal-failed'))
    const changes = [
      [{ cluster: randomIdentifier() }, /^the store is of cluster [0-9a-f]{32}, the configuration pins cluster/],
      [{ verifier: randomBytes(32) }, /^the store has another MasterKey than/],
      [{ epoch: 2 }, /^the store is of epoch 1 of its MasterKey, the configuration pins epoch 2/],
    ] as const
    for (const [change, message] of changes) {
      const opened = unseal(store, externalKey, { production: true, pins: { ...root, ...change } })
      await expect(opened).rejects.toMatchObject({ code: 'seal-failed', message: expect.stringMatching(message) })
    }
  })

  test('made for development never opens in production, nor with the mark taken off', async () => {
    const development = newStore()
    const made = await initializeSeal(development, externalKey, clock, { ...options, development: true })
    expect(made.development).toBe(true)
    await expect(unseal(development, externalKey, { production: true })).rejects.toThrow(code('development-store'))
    expect((await unseal(development, externalKey, { production: false })).development).toBe(true)
    const unmarked = tampered(development, (table, rows) =>
      table === 'manifest' ? rows.map((row) => ({ ...row, development: false })) : rows,
    )
    await expect(unseal(unmarked, externalKey, { production: true })).rejects.toThrow(code('row-mac-mismatch'))
  })

  test('does not open with another key file', async () => {
    const file = join(directory, 'other.key')
    createStaticKeyFile(file)
    const other = openStaticKey({ file, dataDirectory: join(directory, 'data') })
    await expect(unseal(store, other, { production: true })).rejects.toThrow(code('seal-failed'))
    // Nor when the seal's row and blob are made to name it.
    const renamed = tampered(store, (table, rows) =>
      table === 'seals' ? rows.map((row) => ({ ...row, config_id: other.configurationId })) : rows,
    )
    await expect(unseal(renamed, other, { production: true })).rejects.toThrow(code('seal-failed'))
  })

  test('is chosen by the identity of its outside key, the newest generation first, never by trial', async () => {
    const foreign = newStore()
    const file = join(directory, 'second.key')
    createStaticKeyFile(file)
    await initializeSeal(foreign, openStaticKey({ file, dataDirectory: join(directory, 'data') }), clock, options)
    const seals = await foreign.find('seals', {})
    const both = tampered(store, (table, rows) => (table === 'seals' ? [...seals, ...rows] : rows))
    expect((await unseal(both, externalKey, { production: true })).verifier).toEqual(root.verifier)
  })

  test('of a format that is not known is refused', async () => {
    const newer = tampered(store, (table, rows) =>
      table === 'manifest' ? rows.map((row) => ({ ...row, format_version: 3 })) : rows,
    )
    await expect(unseal(newer, externalKey, { production: true })).rejects.toThrow(code('store-format'))
  })
})

describe('the rows of a root', () => {
  test.each(['manifest', 'seals', 'integrity_keys', 'ivks'] as const)(
    'of %s are refused with any column changed',
    async (table) => {
      for (const column of Object.keys(schema[table].columns)) {
        const changed = tampered(store, (at, rows) =>
          at === table ? rows.map((row) => ({ ...row, [column]: nudged(row[column]) })) : rows,
        )
        const opened = unseal(changed, externalKey, { production: false })
        await expect(opened, `${table}.${column}`).rejects.toMatchObject({
          code: expect.stringMatching(
            /^(seal-failed|store-format|row-mac-mismatch|record-does-not-open|record-invalid)$/,
          ),
        })
      }
    },
  )

  test('are refused when they come from another root', async () => {
    const other = newStore()
    await initializeSeal(other, externalKey, clock, options)
    for (const table of ['manifest', 'seals', 'integrity_keys', 'ivks'] as const) {
      const foreign = await other.find(table, {})
      const mixed = tampered(store, (at, rows) => (at === table ? foreign : rows))
      await expect(unseal(mixed, externalKey, { production: false }), table).rejects.toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/^(seal-failed|row-mac-mismatch|record-does-not-open|record-invalid)$/),
        }),
      )
    }
  })

  test('are refused when one is missing', async () => {
    for (const [table, expected] of Object.entries({
      seals: 'seal-failed',
      integrity_keys: 'record-invalid',
      ivks: 'record-invalid',
    })) {
      const without = tampered(store, (at, rows) => (at === table ? [] : rows))
      await expect(unseal(without, externalKey, { production: true }), table).rejects.toThrow(code(expected))
    }
  })
})

describe("the seal's blob", () => {
  test('does not open with any byte changed, cut at any length, or lengthened', async () => {
    const [seal] = await store.find('seals', {})
    const blob = Buffer.from(seal!.blob)
    const opened = (changed: Buffer) =>
      unseal(
        tampered(store, (table, rows) => (table === 'seals' ? rows.map((row) => ({ ...row, blob: changed })) : rows)),
        externalKey,
        { production: true },
      )
    for (let i = 0; i < blob.byteLength; i++) {
      const changed = Buffer.from(blob)
      changed[i]! ^= 1
      await expect(opened(changed), `byte ${i}`).rejects.toThrow(code('seal-failed'))
      expect(() => decodeSealBlob(blob.subarray(0, i)), `length ${i}`).toThrow(code('seal-failed'))
    }
    await expect(opened(Buffer.concat([blob, Buffer.alloc(1)]))).rejects.toThrow(code('seal-failed'))
    await expect(opened(Buffer.alloc(65_537, blob))).rejects.toThrow(code('seal-failed'))
  })

  test('says what it is of, and nothing that is secret', async () => {
    const [seal] = await store.find('seals', {})
    expect(decodeSealBlob(seal!.blob)).toMatchObject({
      sealType: 'static',
      region: 'test',
      epoch: 1,
      generation: 1,
      mechanism: 'xaes-256-gcm-committed',
    })
  })
})
