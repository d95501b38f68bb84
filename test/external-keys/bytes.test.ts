import { randomBytes } from 'node:crypto'
import { assert, json, property, stringMatching, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base64Length, readBase64, writeBase64 } from '../../src/external-keys/base64-bytes.ts'
import { textAt } from '../../src/external-keys/json-bytes.ts'

describe('base64 of bytes', () => {
  it('is what Node makes of it, and is read back', () => {
    assert(
      property(uint8Array({ maxLength: 100 }), (bytes) => {
        const text = Buffer.alloc(base64Length(bytes.byteLength) + 2, '#')
        writeBase64(bytes, text, 1)
        expect(text.toString('latin1')).toBe(`#${Buffer.from(bytes).toString('base64')}#`)
        expect(readBase64(text.subarray(1, -1))).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it('is read in the one form alone that an encoder gives it', () => {
    const refused = [
      'A',
      'AA',
      'AAA',
      'AA=',
      'A===',
      '====',
      'AA==AAAA',
      'AB==',
      'AAB=',
      'AA-_',
      'AAA\n',
      ' AAA',
      'AA=A',
    ]
    for (const text of refused) expect([text, readBase64(Buffer.from(text))]).toEqual([text, undefined])
    expect(readBase64(Buffer.alloc(0))).toEqual(Buffer.alloc(0))
  })
})

describe('a text in JSON', () => {
  const plain = stringMatching(/^[A-Za-z0-9+/=]{0,60}$/)

  it('is found where JSON.parse finds it, whatever stands around it', () => {
    assert(
      property(json(), json(), plain, (before, after, text) => {
        const document = `{"before": ${before},"data" : {"plain":${after}, "plaintext":"${text}","x":${before}} , "after":${after}}`
        expect(Buffer.from(textAt(Buffer.from(document), ['data', 'plaintext'])!).toString()).toBe(text)
        const spaced = JSON.stringify(JSON.parse(document), null, 2)
        expect(Buffer.from(textAt(Buffer.from(spaced), ['data', 'plaintext'])!).toString()).toBe(text)
      }),
    )
  })

  it('is a view of the document, not a copy', () => {
    const document = Buffer.from('{"a":"key"}')
    const text = textAt(document, ['a'])!
    document.fill(0)
    expect([...text]).toEqual([0, 0, 0])
  })

  it('is not found in another place, with an escape, or in what is no document; nothing is read past its end', () => {
    const documents = [
      '{}',
      '[]',
      '',
      '"x"',
      '{"data":{}}',
      '{"data":"plaintext"}',
      '{"data":{"plaintext":1}}',
      '{"data":[{"plaintext":"x"}]}',
    ]
    documents.push(
      '{"x":{"plaintext":"x"}}',
      String.raw`{"data":{"plaintext":"\u0041"}}`,
      '{"data":{"x":"\\"plaintext\\":\\"x"}}',
    )
    for (const document of documents) {
      expect([document, textAt(Buffer.from(document), ['data', 'plaintext'])]).toEqual([document, undefined])
    }
    const good = Buffer.from('{"x":[{"y":"]"}],"data":{"plaintext":"QUJD"}}')
    for (let length = 0; length < good.length - 2; length++) {
      expect(textAt(good.subarray(0, length), ['data', 'plaintext'])).toBeUndefined()
    }
    for (let i = 0; i < 2000; i++) textAt(randomBytes(40), ['data', 'plaintext'])
  })
})
