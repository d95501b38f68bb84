import { createPrivateKey, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ObjectType, Operation } from '../../src/kmip/enums.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { KmipConnection, exchangeOnce } from '../integration/kmip-connection.ts'
import {
  about,
  attribute,
  createKey,
  decryptData,
  encryptData,
  identifierOf,
  locateByName,
  registerKey,
  registerSecret,
  request,
  resultOf,
  revokeKey,
  succeeded,
} from '../integration/kmip-messages.ts'
import { krypton } from '../integration/krypton-server.ts'
import type { Identity, KryptonServer } from '../integration/krypton-server.ts'
import { bytes, bytesOf, encode, enumeration, find, integer, structure, text } from '../integration/ttlv-tree.ts'
import type { Item } from '../integration/ttlv-tree.ts'
import type { Canary } from './canary.ts'
import type { Evidence } from './search.ts'

/** A name that objects get and that the database must hold in the clear: it shows that the search reads the real files. */
export const visibleName = `visible-${randomBytes(8).toString('hex')}`

/** What a run has sent and what it has heard, while it marks every secret on the way. */
export class Drive {
  readonly canaries: Canary[] = []
  readonly evidence: Evidence[] = []
  readonly #server: KryptonServer
  readonly #identity: Identity

  constructor(server: KryptonServer, identity: Identity) {
    this.#server = server
    this.#identity = identity
    this.mark('seal key', readFileSync(join(server.directory, 'seal.key')))
    this.mark('private key of the CA', privateScalar(join(server.directory, 'ca.key')))
    this.mark('private key of the server', privateScalar(join(server.directory, 'server.key')))
    this.mark('private key of a client', privateScalar(identity.keyFile))
  }

  mark(name: string, secret: Buffer): Buffer {
    this.canaries.push({ name, secret: Buffer.from(secret) })
    return secret
  }

  /** Everything that a client does, with marked secrets. */
  async everything(): Promise<void> {
    await this.#goodRequests()
    await this.#refusedRequests()
    await this.#brokenFrames()
    await this.#commands()
  }

  async #goodRequests(): Promise<void> {
    const material = this.mark('registered key', randomBytes(32))
    const key = identifierOf(await this.#ask(registerKey(material, visible())))
    succeeded(await this.#ask(about(Operation.Activate, key)))
    await this.#askForSecret(about(Operation.Get, key))
    await this.#ask(about(Operation.GetAttributeList, key))
    for (const minor of [0, 1, 2, 3, 4] as const) await this.#ask(about(Operation.GetAttributes, key, minor))
    await this.#ask(locateByName(visibleName))
    const plaintext = this.mark('plaintext', randomBytes(96))
    const encrypted = succeeded(await this.#ask(encryptData(key, plaintext)))
    const decrypt = decryptData(key, bytesOf(encrypted, Tag.Data), bytesOf(encrypted, Tag.IVCounterNonce))
    await this.#askForSecret(decrypt)

    const created = identifierOf(await this.#ask(createKey()))
    const got = succeeded(await this.#askForSecret(about(Operation.Get, created)))
    this.mark('created key', bytesOf(got, Tag.KeyMaterial))

    const secret = identifierOf(await this.#ask(registerSecret(this.mark('secret data', randomBytes(96)))))
    succeeded(await this.#askForSecret(about(Operation.Get, secret)))
    const opaque = identifierOf(await this.#ask(registerOpaque(this.mark('opaque object', randomBytes(64)))))
    succeeded(await this.#askForSecret(about(Operation.Get, opaque)))
    const gone = identifierOf(await this.#ask(registerKey(this.mark('destroyed key', randomBytes(32)))))
    succeeded(await this.#ask(about(Operation.Destroy, gone)))
    succeeded(await this.#ask(revokeKey(key)))

    const password = this.mark('password', Buffer.from(randomBytes(24).toString('base64url')))
    await this.#ask(withPassword(createKey(), password.toString()))
    const random = await this.#askForSecret(request(2, Operation.RNGRetrieve, integer(Tag.DataLength, 32)))
    this.mark('random bytes', bytesOf(succeeded(random), Tag.Data))
  }

  /** Requests that are understood and refused, each with a marked secret inside. */
  async #refusedRequests(): Promise<void> {
    const key = identifierOf(await this.#ask(createKey()))
    const refused: [string, (secret: Buffer) => Item][] = [
      [
        'key of a wrong length',
        (secret) =>
          registerKey(
            secret,
            attribute('Cryptographic Length', (tag) => integer(tag, 128)),
          ),
      ],
      [
        'key with an unknown attribute',
        (secret) =>
          registerKey(
            secret,
            attribute('No Such', (tag) => text(tag, 'x')),
          ),
      ],
      ['key with a doubled attribute', (secret) => registerKey(secret, visible(), visible())],
      ['plaintext under a key that is not active', (secret) => encryptData(key, secret)],
      ['plaintext under no key', (secret) => encryptData('no-such-key', secret)],
      ['ciphertext of nothing', (secret) => decryptData(key, secret, Buffer.alloc(16))],
      ['key in an unknown operation', (secret) => request(2, 0x7f, bytes(Tag.KeyMaterial, secret))],
      ['key where an attribute belongs', (secret) => registerKey(secret, bytes(Tag.AttributeValue, secret))],
      ['key in a version that is not spoken', (secret) => withMajor(registerKey(secret), 9)],
      ['secret as an identifier', (secret) => about(Operation.Get, secret.toString('hex'))],
    ]
    for (const [name, make] of refused) {
      const answer = await this.#ask(make(this.mark(name, randomBytes(32))))
      if (resultOf(answer).status === 0) throw new Error(`${name}: the request was to be refused`)
    }
  }

  /** Frames that cannot be read to their end, with a marked secret inside; also to a server that does not know who asks. */
  async #brokenFrames(): Promise<void> {
    const broken: [string, (frame: Buffer) => Buffer][] = [
      ['frame with an unknown item type', (frame) => patched(frame, 11, 0x77)],
      ['frame whose child is too long', (frame) => patched(frame, 12, 0x7f)],
      ['frame with padding that is not zero', paddingSet],
      ['frame that promises more than is allowed', (frame) => patched(frame, 4, 0x7f)],
      ['frame of another protocol', (frame) => Buffer.concat([Buffer.from('POST / HTTP/1.1\r\n\r\n'), frame])],
      ['frame that is cut off', (frame) => frame.subarray(0, frame.length - 40)],
    ]
    for (const [name, spoil] of broken) {
      const frame = encode(registerKey(this.mark(name, randomBytes(32))))
      await this.#throwAt(this.#identity, spoil(frame))
    }
    const stranger = encode(registerKey(this.mark('key sent by a revoked client', randomBytes(32))))
    const leaver = await this.#server.addClient('leaver', 'canaries')
    await this.#server.revokeClient('leaver', 'canaries')
    await this.#throwAt(leaver, stranger)
  }

  /** The command line, also with secrets where they do not belong. */
  async #commands(): Promise<void> {
    const { directory } = this.#server
    const frame = encode(registerKey(this.mark('key in a decoded frame', randomBytes(32))))
    const file = join(this.#server.directory, '..', 'frame.bin')
    writeFileSync(file, frame)
    const request = join(this.#server.directory, '..', 'request.csr')
    writeFileSync(request, this.mark('what is no certificate request', randomBytes(48)).toString('base64'))
    const add = ['client', 'add', 'broken', '--tenant', 'canaries', '--out', join(directory, '..', 'broken')]
    const commands: string[][] = [
      ['decode', file],
      ['status', '--dir', directory],
      ['status', '--json', '--dir', directory],
      ['client', 'list', '--tenant', 'canaries', '--dir', directory],
      ['tenant', 'list', '--dir', directory],
      [...add, '--csr', request, '--dir', directory],
      ['config', 'print', '--dir', directory],
      ['server', '--dev', '--dir', directory],
    ]
    for (const args of commands) {
      const { stdout, stderr } = await krypton(...args)
      this.#heard(`krypton ${args[0]} ${args[1]}`, Buffer.from(stdout + stderr))
    }
    for (const path of ['/metrics', '/livez', '/readyz', '/version', '/no-such']) {
      const answer = await fetch(`http://127.0.0.1:${this.#server.healthPort}${path}`)
      this.#heard(path, Buffer.from(await answer.arrayBuffer()))
    }
  }

  /** A request whose answer may hold no secret. */
  async #ask(item: Item): Promise<Item> {
    const answer = await this.#askForSecret(item)
    this.#heard(`answer to ${find(item, Tag.Operation)?.value.toString('hex')}`, encode(answer))
    return answer
  }

  /** A request whose answer is the secret: it is no leak. */
  #askForSecret(item: Item): Promise<Item> {
    return exchangeOnce(this.#server.target(this.#identity), item)
  }

  async #throwAt(identity: Identity, frame: Buffer): Promise<void> {
    const connection = await KmipConnection.open(this.#server.target(identity))
    try {
      connection.send(frame)
      const answer = await Promise.race([connection.receive(), pause(1_000)])
      if (answer !== undefined) this.#heard('answer to a broken frame', answer)
    } catch {
      // Closed without an answer: what the server logs about it is evidence too.
    } finally {
      connection.close()
    }
  }

  #heard(where: string, bytes: Buffer): void {
    this.evidence.push({ where, bytes })
  }
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms))
}

/** The secret number of an elliptic-curve key. */
function privateScalar(file: string): Buffer {
  const { d } = createPrivateKey(readFileSync(file)).export({ format: 'jwk' })
  if (d === undefined) throw new Error(`${file} holds no private key of a curve`)
  return Buffer.from(d, 'base64url')
}

function visible(): Item {
  return attribute('Name', (tag) => structure(tag, text(Tag.NameValue, visibleName), enumeration(Tag.NameType, 1)))
}

function registerOpaque(value: Buffer): Item {
  return request(
    2,
    Operation.Register,
    enumeration(Tag.ObjectType, ObjectType.OpaqueObject),
    structure(Tag.TemplateAttribute),
    structure(Tag.OpaqueObject, enumeration(Tag.OpaqueDataType, 0x80000001), bytes(Tag.OpaqueDataValue, value)),
  )
}

function withPassword(item: Item, password: string): Item {
  const credential = structure(
    Tag.Authentication,
    structure(
      Tag.Credential,
      enumeration(Tag.CredentialType, 1),
      structure(Tag.CredentialValue, text(Tag.Username, 'somebody'), text(Tag.Password, password)),
    ),
  )
  const [header, ...rest] = item.children ?? []
  const [version, ...counts] = header?.children ?? []
  if (header === undefined || version === undefined) throw new Error('a request has a header with a version')
  return structure(item.tag, structure(header.tag, version, credential, ...counts), ...rest)
}

function withMajor(item: Item, major: number): Item {
  if (item.tag === Tag.ProtocolVersionMajor) return integer(item.tag, major)
  return item.children === undefined
    ? item
    : structure(item.tag, ...item.children.map((child) => withMajor(child, major)))
}

function patched(frame: Buffer, offset: number, value: number): Buffer {
  const copy = Buffer.from(frame)
  copy[offset] = value
  return copy
}

/** The last byte of the message is padding of an item of four bytes. */
function paddingSet(frame: Buffer): Buffer {
  return patched(frame, frame.length - 1, 1)
}
