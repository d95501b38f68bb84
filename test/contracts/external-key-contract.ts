import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generateSecret, type Secret, secretFromBytes } from '../../src/crypto/secret.ts'
import type { ExternalKey, ExternalKeyRefusal, ExternallyWrapped } from '../../src/external-keys/external-key.ts'

/** A key of a provider, made for one test, and what its owner can do to it. What a provider has no act for is left out. */
export interface KeyUnderContract {
  /** Opens the key once more: as another process would. */
  open(): ExternalKey
  /** Another key of the same provider. */
  openAnother(): Promise<ExternalKey>
  readonly acts: {
    /** Makes a new version of the key; what older ones wrapped opens still. */
    readonly rotate?: () => Promise<unknown>
    /** Each makes the provider refuse as its name says, and gives what undoes it; `delete` is for ever. */
    readonly disable?: () => Promise<() => Promise<unknown>>
    readonly deny?: () => Promise<() => Promise<unknown>>
    readonly silence?: () => Promise<() => Promise<unknown>>
    readonly delete?: () => Promise<unknown>
  }
}

/** What every key outside promises. A provider runs it in two lines: `describe('…', () => externalKeyContract(make))`. */
export function externalKeyContract(make: () => Promise<KeyUnderContract>): void {
  let under: KeyUnderContract
  let key: ExternalKey
  let wrapped: ExternallyWrapped
  const material = randomBytes(32)
  const context = Buffer.from('lv(cluster) lv(tenant) lv(system) lv(link key)')

  beforeEach(async () => {
    under = await make()
    key = under.open()
    wrapped = await key.wrap(secretFromBytes(material, 'object'), context)
  })
  afterEach(() => key.wipe())

  const unwrap = (what: ExternallyWrapped = wrapped, where = context): Promise<Secret> =>
    key.unwrap(what, where, 'object')
  const bytesOf = (secret: Secret): Buffer => {
    const bytes = Buffer.alloc(secret.byteLength)
    secret.copyInto(bytes, 0)
    return bytes
  }
  /** Of a version that is named and is not there a provider may say so. */
  const notOurs = expect.objectContaining({ code: expect.stringMatching(/^external-key-(mismatch|not-found)$/) })
  const mismatch = expect.objectContaining({ code: 'external-key-mismatch' })

  it('opens what it wrapped, also for whoever opens the key anew, in any class', async () => {
    expect(bytesOf(await unwrap())).toEqual(material)
    const again = under.open()
    expect(bytesOf(await again.unwrap(wrapped, context, 'object'))).toEqual(material)
    expect(Buffer.from(again.configurationId)).toEqual(Buffer.from(key.configurationId))
    again.wipe()
    const hidden = await key.unwrap(await key.wrap(generateSecret(32, 'wrapping'), context), context, 'wrapping')
    expect([hidden.secretClass, hidden.byteLength]).toEqual(['wrapping', 32])
    expect(key.configurationId).toHaveLength(32)
  })

  it('wraps the same secret differently each time, and says which key it was', async () => {
    const other = await key.wrap(secretFromBytes(material, 'object'), context)
    expect(Buffer.from(other.ciphertext).equals(wrapped.ciphertext)).toBe(false)
    expect(Buffer.from(wrapped.ciphertext).includes(material)).toBe(false)
    expect(await key.status()).toEqual({ state: 'enabled', keyId: expect.anything() })
    const { keyId } = await key.status()
    expect([other, wrapped].map((each) => Buffer.from(each.keyId))).toEqual([Buffer.from(keyId!), Buffer.from(keyId!)])
  })

  it('does not open for another context, with a part changed or exchanged, or what another key wrapped', async () => {
    await expect(unwrap(wrapped, Buffer.from('another'))).rejects.toEqual(mismatch)
    await expect(unwrap(wrapped, Buffer.alloc(0))).rejects.toEqual(mismatch)
    await expect(unwrap({ ...wrapped, mechanism: 'another' })).rejects.toEqual(mismatch)
    await expect(unwrap({ ...wrapped, keyId: Buffer.from('another') })).rejects.toEqual(notOurs)
    const { byteLength } = wrapped.ciphertext
    for (let at = 0; at < byteLength; at += 5) {
      const ciphertext = Buffer.from(wrapped.ciphertext)
      ciphertext[at]! ^= 0x10
      await expect(unwrap({ ...wrapped, ciphertext }), `byte ${at}`).rejects.toEqual(mismatch)
    }
    for (const length of [0, 1, 10, byteLength - 1]) {
      const ciphertext = wrapped.ciphertext.subarray(0, length)
      await expect(unwrap({ ...wrapped, ciphertext }), `length ${length}`).rejects.toEqual(mismatch)
    }
    const another = await under.openAnother()
    expect(Buffer.from(another.configurationId).equals(key.configurationId)).toBe(false)
    const theirs = await another.wrap(secretFromBytes(material, 'object'), context)
    await expect(unwrap(theirs)).rejects.toEqual(notOurs)
    // Though it says that it is ours.
    await expect(unwrap({ ...theirs, keyId: wrapped.keyId })).rejects.toEqual(mismatch)
    another.wipe()
  })

  it('opens what it wrapped before it was rotated, and is another key to whoever compares', async () => {
    if (under.acts.rotate === undefined) return
    await under.acts.rotate()
    expect(bytesOf(await unwrap())).toEqual(material)
    const { keyId } = await key.status()
    expect(Buffer.from(keyId!).equals(wrapped.keyId)).toBe(false)
    const newer = await key.wrap(secretFromBytes(material, 'object'), context)
    expect(Buffer.from(newer.keyId)).toEqual(Buffer.from(keyId!))
    expect(bytesOf(await unwrap(newer))).toEqual(material)
    // Which version wrapped is bound.
    await expect(unwrap({ ...wrapped, keyId: newer.keyId })).rejects.toEqual(mismatch)
  })

  const refusals = [
    ['disable', 'external-key-disabled'],
    ['deny', 'external-key-denied'],
    ['silence', 'external-key-unreachable'],
  ] as const satisfies readonly (readonly [string, ExternalKeyRefusal])[]
  describe.each(refusals)('after its owner did: %s', (act, code) => {
    it(`is refused with ${code}, until that is undone`, async () => {
      const perform = under.acts[act]
      if (perform === undefined) return
      const undo = await perform()
      const error: unknown = await unwrap().catch((refused: unknown) => refused)
      expect(error).toMatchObject({ code })
      for (const hidden of [material.toString('hex'), material.toString('base64'), wrapped.ciphertext])
        expect(String(error)).not.toContain(String(hidden))
      await expect(key.wrap(secretFromBytes(material, 'object'), context)).rejects.toMatchObject({ code })
      if (act === 'disable') expect((await key.status()).state).toBe('disabled')
      else await expect(key.status()).rejects.toMatchObject({ code })
      await undo()
      expect(bytesOf(await unwrap())).toEqual(material)
      expect((await key.status()).state).toBe('enabled')
    })
  })

  it('is not found after it was deleted', async () => {
    if (under.acts.delete === undefined) return
    await under.acts.delete()
    await expect(unwrap()).rejects.toMatchObject({ code: 'external-key-not-found' })
    expect((await key.status()).state).toBe('deleted')
  })
}
