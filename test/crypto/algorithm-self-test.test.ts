import { expect, test } from 'vitest'
import { algorithmAnswers } from '../../src/crypto/algorithm-answers.ts'
import { algorithmSelfTest } from '../../src/crypto/algorithm-self-test.ts'
import { blockCipherModes, cipherAlgorithms } from '../../src/objects/algorithms.ts'
import { macAlgorithms } from '../../src/objects/mac-use.ts'

test('the algorithms of clients give the answers that are known', () => {
  expect(() => algorithmSelfTest()).not.toThrow()
})

test.each(Object.entries(algorithmAnswers))('a wrong answer of %s is noticed and named', (name, answer) => {
  // Of a signature in DER the last byte is a number's.
  const wrong = answer.slice(0, -2) + (answer.endsWith('00') ? '01' : '00')
  expect(() => algorithmSelfTest({ ...algorithmAnswers, [name]: wrong })).toThrow(
    expect.objectContaining({ code: 'cryptographic-failure', message: expect.stringContaining(`(${name})`) }),
  )
})

test('there is an answer for every mode, cipher and hash that is served', () => {
  const names = Object.keys(algorithmAnswers)
  for (const mode of blockCipherModes.values()) {
    expect(
      names.some((name) => name === `aes-${mode}` || mode === 'aead'),
      mode,
    ).toBe(true)
  }
  for (const cipher of cipherAlgorithms.values())
    expect(
      names.some((name) => name.startsWith(cipher)),
      cipher,
    ).toBe(true)
  for (const hash of macAlgorithms.values()) expect(names).toContain(`hmac ${hash}`)
})
