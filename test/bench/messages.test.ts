import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bytesIn, checkAnswer, textIn } from '../../src/bench/answer.ts'
import { IdentifierTemplate } from '../../src/bench/identifier-template.ts'
import { activate, createKey, decrypt, encrypt, get, registerSecretData } from '../../src/bench/messages.ts'
import { Operation, Tag } from '../../src/bench/tags.ts'

interface Sample {
  readonly id: string
  readonly operation: keyof typeof Operation
  readonly requestHex: string
  readonly responseHex: string
  readonly resultStatus: number
}

const shared = process.env['KRYPTON_SHARED'] ?? join(import.meta.dirname, '../../../shared')
const file = join(shared, 'mongo/samples.json')
const recorded = existsSync(file)
if (!recorded)
  process.stderr.write(`recordings are absent (${file}): tests over them are skipped; set KRYPTON_SHARED\n`)
const samples: readonly Sample[] = recorded ? JSON.parse(readFileSync(file, 'utf8')).samples : []

function sample(id: string): Sample {
  const found = samples.find((candidate) => candidate.id === id)
  if (!found) throw new Error(`no recording ${id}`)
  return found
}

/** The value of the last item with that tag. */
function valueOf(hex: string, tag: string, bytes: number): Buffer {
  const at = hex.lastIndexOf(`${tag}08${bytes.toString(16).padStart(8, '0')}`)
  return Buffer.from(hex.slice(at + 16, at + 16 + bytes * 2), 'hex')
}

test.skipIf(!recorded)("requests are those of MongoDB's library, byte for byte", () => {
  const identifier = '302'
  const register = sample('Register').requestHex
  expect(registerSecretData(valueOf(register, '420043', 96)).toString('hex')).toBe(register)
  expect(activate(identifier).toString('hex')).toBe(sample('Activate').requestHex)
  expect(get(identifier).toString('hex')).toBe(sample('Get').requestHex)
  expect(createKey().toString('hex')).toBe(sample('Create').requestHex)
  const delegated = '344'
  const encryption = sample('Encrypt').requestHex
  expect(encrypt(delegated, valueOf(encryption, '4200c2', 96)).toString('hex')).toBe(encryption)
  const decryption = sample('Decrypt').requestHex
  const [data, iv] = [valueOf(decryption, '4200c2', 112), valueOf(decryption, '42003d', 16)]
  expect(decrypt(delegated, data, iv).toString('hex')).toBe(decryption)
})

test("recorded answers are right when they succeed and failures with the server's words when they do not", () => {
  for (const { id, operation, responseHex, resultStatus } of samples) {
    const frame = Buffer.from(responseHex, 'hex')
    const checked = checkAnswer(frame, { operation: Operation[operation] })
    if (resultStatus === 0) expect(checked, id).toMatchObject({ end: frame.length })
    else expect(checked, id).toMatch(/^refused, Result Reason \d+: /)
  }
})

test.skipIf(!recorded)('fields are found in an answer', () => {
  const frame = Buffer.from(sample('Encrypt').responseHex, 'hex')
  const payload = checkAnswer(frame, { operation: Operation.Encrypt })
  if (typeof payload === 'string') throw new Error(payload)
  expect(textIn(frame, payload, Tag.UniqueIdentifier)).toMatch(/^\d+$/)
  expect(bytesIn(frame, payload, Tag.IVCounterNonce)).toHaveLength(16)
  expect(bytesIn(frame, payload, Tag.Data)).toHaveLength(112)
})

test.skipIf(!recorded)('no cut of an answer is taken for a right one', () => {
  const frame = Buffer.from(sample('Get').responseHex, 'hex')
  for (let length = 0; length < frame.length; length++) {
    expect(typeof checkAnswer(frame.subarray(0, length), { operation: Operation.Get })).toBe('string')
  }
})

test('a patched template is the message built anew, for identifiers of any length', () => {
  const template = new IdentifierTemplate(get)
  for (const identifier of ['1', '302', 'f9a1c2d4-0000-4000-8000-0123456789ab', 'x'.repeat(127), 'schlüssel']) {
    expect(template.for(identifier)).toEqual(get(identifier))
    expect(template.for(identifier)).toEqual(get(identifier))
  }
})
