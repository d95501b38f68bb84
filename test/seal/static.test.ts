import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { generateSecret } from '../../src/crypto/secret.ts'
import { createStaticKeyFile, openStaticKey } from '../../src/external-keys/static.ts'

const directory = mkdtempSync(join(tmpdir(), 'krypton-static-'))
const dataDirectory = join(directory, 'data')
mkdirSync(dataDirectory)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

let files = 0
const newFile = (): string => join(directory, `seal-${files++}.key`)
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const context = Buffer.from('context')

describe('the key file of a static seal', () => {
  test('is made with 32 random bytes and mode 0400, and never over another file', () => {
    const file = newFile()
    createStaticKeyFile(file)
    expect(statSync(file).mode & 0o7777).toBe(0o400)
    expect(readFileSync(file)).toHaveLength(32)
    expect(() => createStaticKeyFile(file)).toThrow(code('already-exists'))
    expect(() => createStaticKeyFile(join(directory, 'nowhere', 'seal.key'))).toThrow(code('config-invalid'))
  })

  test.each([0o600, 0o440, 0o404, 0o644, 0o4400])('is refused with mode %o', (mode) => {
    const file = newFile()
    createStaticKeyFile(file)
    chmodSync(file, mode)
    expect(() => openStaticKey({ file, dataDirectory })).toThrow(code('config-invalid'))
  })

  test('is refused inside the data directory, also through a link', () => {
    const file = join(dataDirectory, 'seal.key')
    createStaticKeyFile(file)
    expect(() => openStaticKey({ file, dataDirectory })).toThrow(/lies in the data directory/)
    const link = newFile()
    symlinkSync(file, link)
    expect(() => openStaticKey({ file: link, dataDirectory })).toThrow(/lies in the data directory/)
    const linkedDirectory = join(directory, 'linked')
    symlinkSync(dataDirectory, linkedDirectory)
    expect(() => openStaticKey({ file, dataDirectory: linkedDirectory })).toThrow(/lies in the data directory/)
  })

  test('is refused when it is absent, no file, or not of 32 bytes', () => {
    expect(() => openStaticKey({ file: newFile(), dataDirectory })).toThrow(code('config-invalid'))
    expect(() => openStaticKey({ file: directory, dataDirectory })).toThrow(/is no file: name the key file/)
    for (const length of [0, 31, 33]) {
      const file = newFile()
      writeFileSync(file, Buffer.alloc(length), { mode: 0o400 })
      expect(() => openStaticKey({ file, dataDirectory })).toThrow(
        `must hold 32 bytes, it has ${length}: put the copy of it back`,
      )
    }
  })

  test('may stand beside a data directory that is not there yet', () => {
    const file = newFile()
    createStaticKeyFile(file)
    expect(openStaticKey({ file, dataDirectory: join(directory, 'later') }).type).toBe('static')
  })
})

describe('a key wrapped by a static key', () => {
  const file = newFile()
  createStaticKeyFile(file)
  const external = openStaticKey({ file, dataDirectory })

  test('opens again for the same context, also after the file was read anew', async () => {
    const wrapped = await external.wrap(generateSecret(32, 'wrapping'), context)
    const again = openStaticKey({ file, dataDirectory })
    expect(Buffer.from(again.configurationId)).toEqual(Buffer.from(external.configurationId))
    expect((await again.unwrap(wrapped, context, 'wrapping')).byteLength).toBe(32)
  })

  test('does not open for another context, under another file, or with any byte changed', async () => {
    const wrapped = await external.wrap(generateSecret(32, 'wrapping'), context)
    await expect(external.unwrap(wrapped, Buffer.from('other'), 'wrapping')).rejects.toThrow(
      code('external-key-mismatch'),
    )
    const otherFile = newFile()
    createStaticKeyFile(otherFile)
    const other = openStaticKey({ file: otherFile, dataDirectory })
    await expect(other.unwrap(wrapped, context, 'wrapping')).rejects.toThrow(code('external-key-mismatch'))
    await expect(external.unwrap({ ...wrapped, mechanism: 'other' }, context, 'wrapping')).rejects.toThrow(
      code('external-key-mismatch'),
    )
    for (let i = 0; i < wrapped.ciphertext.byteLength; i++) {
      const ciphertext = Buffer.from(wrapped.ciphertext)
      ciphertext[i]! ^= 0x80
      await expect(external.unwrap({ ...wrapped, ciphertext }, context, 'wrapping'), `byte ${i}`).rejects.toThrow(
        code('external-key-mismatch'),
      )
      const cut = wrapped.ciphertext.subarray(0, i)
      await expect(
        external.unwrap({ ...wrapped, ciphertext: cut }, context, 'wrapping'),
        `length ${i}`,
      ).rejects.toThrow(code('external-key-mismatch'))
    }
  })
})
