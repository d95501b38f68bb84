import { createDecipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Tag } from '../../src/kmip/tags.ts'
import { exchangeOnce } from '../integration/kmip-connection.ts'
import { identifierOf, resultOf, succeeded } from '../integration/kmip-messages.ts'
import { KryptonServer } from '../integration/krypton-server.ts'
import { bytesOf, decode, encode, find, outline, structure, textOf, withText } from '../integration/ttlv-tree.ts'
import type { Item } from '../integration/ttlv-tree.ts'
import { removeDirectory, sharedFile, temporaryDirectory } from '../support/counterparts.ts'

interface Sample {
  readonly id: string
  readonly scenario: string
  readonly requestHex: string
  readonly responseHex: string
  readonly resultStatus: number
}

// The file is of this form: its README describes it.
const { samples } = JSON.parse(readFileSync(sharedFile('mongo', 'samples.json'), 'utf8')) as { samples: Sample[] }
const directory = temporaryDirectory('mongodb-golden')
let server: KryptonServer

beforeAll(async () => {
  server = await KryptonServer.start(directory)
})

afterAll(async () => {
  await server?.stop()
  removeDirectory(directory)
})

function sample(id: string): Sample {
  const found = samples.find((candidate) => candidate.id === id)
  if (found === undefined) throw new Error(`no sample ${id}`)
  return found
}

function requestOf(id: string): Item {
  return decode(Buffer.from(sample(id).requestHex, 'hex'))
}

/** The recorded answer of a server of the same protocol. */
function recorded(id: string): Item {
  return decode(Buffer.from(sample(id).responseHex, 'hex'))
}

/** Sends the recorded request, about another object where it names one, and checks the answer's structure. */
async function replay(id: string, identifier?: string): Promise<Item> {
  const request = identifier === undefined ? requestOf(id) : withText(requestOf(id), Tag.UniqueIdentifier, identifier)
  const answer = await exchangeOnce(server.target(), request)
  expect(resultOf(answer).status).toBe(sample(id).resultStatus)
  expect(outline(answer)).toEqual(outline(recorded(id)))
  expect(find(answer, Tag.ProtocolVersion)).toEqual(find(request, Tag.ProtocolVersion))
  expect(bytesOf(answer, Tag.Operation)).toEqual(bytesOf(request, Tag.Operation))
  if (identifier !== undefined && sample(id).resultStatus === 0) {
    expect(textOf(answer, Tag.UniqueIdentifier)).toBe(identifier)
  }
  return answer
}

function withBytes(item: Item, tag: number, value: Buffer): Item {
  if (item.tag === tag) return { ...item, value }
  return item.children === undefined
    ? item
    : structure(item.tag, ...item.children.map((child) => withBytes(child, tag, value)))
}

it('the samples survive the way through the tree of the tests', () => {
  for (const { requestHex, responseHex } of samples) {
    for (const hex of [requestHex, responseHex])
      expect(encode(decode(Buffer.from(hex, 'hex'))).toString('hex')).toBe(hex)
  }
})

describe("the messages of MongoDB's library are answered with the structure that it was recorded with", () => {
  it('a classic data key: Register, Activate, Get', async () => {
    const identifier = identifierOf(await replay('Register'))
    await replay('Activate', identifier)
    const answer = await replay('Get', identifier)
    expect(bytesOf(answer, Tag.KeyMaterial)).toEqual(bytesOf(requestOf('Register'), Tag.KeyMaterial))
  })

  it('a classic data key of an older library: Register with an empty Template-Attribute', async () => {
    const identifier = identifierOf(await replay('Register/without-mask'))
    const answer = await exchangeOnce(server.target(), withText(requestOf('Get'), Tag.UniqueIdentifier, identifier))
    const material = bytesOf(requestOf('Register/without-mask'), Tag.KeyMaterial)
    expect(bytesOf(succeeded(answer), Tag.KeyMaterial)).toEqual(material)
  })

  it('a delegated data key: Create, Activate, Encrypt, Get, Decrypt; the ciphertexts are of that key', async () => {
    const identifier = identifierOf(await replay('Create'))
    await replay('Activate/delegated', identifier)
    const encrypted = await replay('Encrypt', identifier)
    const key = bytesOf(await replay('Get/delegated', identifier), Tag.KeyMaterial)
    const [iv, ciphertext] = [bytesOf(encrypted, Tag.IVCounterNonce), bytesOf(encrypted, Tag.Data)]
    const decipher = createDecipheriv('aes-256-cbc', key, iv)
    const plaintext = Buffer.concat([decipher.update(ciphertext), decipher.final()])
    expect(plaintext).toEqual(bytesOf(requestOf('Encrypt'), Tag.Data))

    const request = withBytes(withBytes(requestOf('Decrypt'), Tag.Data, ciphertext), Tag.IVCounterNonce, iv)
    const decrypted = await exchangeOnce(server.target(), withText(request, Tag.UniqueIdentifier, identifier))
    expect(outline(succeeded(decrypted))).toEqual(outline(recorded('Decrypt')))
    expect(bytesOf(decrypted, Tag.Data)).toEqual(plaintext)
  })

  it('a Get of an object that is not there', async () => {
    const answer = await replay('Get/unknown-id/refused')
    expect(resultOf(answer).reason).toBe(resultOf(recorded('Get/unknown-id/refused')).reason)
  })

  it('a second Activate', async () => {
    const identifier = identifierOf(await exchangeOnce(server.target(), requestOf('Create')))
    await replay('Activate/delegated', identifier)
    const answer = await replay('Activate/again/refused', identifier)
    expect(resultOf(answer).message).toMatch(/\S+/)
  })

  it('a Decrypt whose padding does not fit', async () => {
    const identifier = identifierOf(await exchangeOnce(server.target(), requestOf('Create')))
    await replay('Activate/delegated', identifier)
    const encrypted = await replay('Encrypt', identifier)
    const ciphertext = Buffer.from(bytesOf(encrypted, Tag.Data))
    const changed = ciphertext.length - 1
    ciphertext[changed] = ciphertext[changed]! ^ 1
    const request = withBytes(
      withBytes(requestOf('Decrypt/delegated-altered/refused'), Tag.Data, ciphertext),
      Tag.IVCounterNonce,
      bytesOf(encrypted, Tag.IVCounterNonce),
    )
    const answer = await exchangeOnce(server.target(), withText(request, Tag.UniqueIdentifier, identifier))
    // One in 256 altered last blocks ends in a padding by chance: then the plaintext is another one.
    if (resultOf(answer).status === 0) {
      expect(bytesOf(answer, Tag.Data)).not.toEqual(bytesOf(requestOf('Encrypt'), Tag.Data))
    } else {
      expect(outline(answer)).toEqual(outline(recorded('Decrypt/delegated-altered/refused')))
    }
  })
})

it('the library would be read as far as it looks: the IV of Encrypt has 16 bytes, the Get of a Secret Data 96', async () => {
  const identifier = identifierOf(await replay('Create'))
  await replay('Activate/delegated', identifier)
  expect(bytesOf(await replay('Encrypt', identifier), Tag.IVCounterNonce)).toHaveLength(16)
  const secret = identifierOf(await replay('Register'))
  expect(bytesOf(await replay('Get', secret), Tag.KeyMaterial)).toHaveLength(96)
})
