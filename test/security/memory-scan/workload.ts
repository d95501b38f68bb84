import { randomBytes } from 'node:crypto'
import { Operation } from '../../../src/kmip/enums.ts'
import { Tag } from '../../../src/kmip/tags.ts'
import { KmipConnection, type Target } from '../../integration/kmip-connection.ts'
import {
  about,
  createKey,
  decryptData,
  encryptData,
  identifierOf,
  registerKey,
  revokeKey,
  succeeded,
} from '../../integration/kmip-messages.ts'
import { bytesOf, decode, encode, type Item } from '../../integration/ttlv-tree.ts'
import type { KnownKey } from './key-forms.ts'

/** What clients did, and every key that they know of. */
export interface Worked {
  readonly operations: number
  readonly keys: readonly KnownKey[]
}

/**
 * Runs `operations` mixed operations over several connections: Create, Register, Activate, Get, Encrypt, Decrypt, Revoke, Destroy. The last
 * requests are a burst of Registers, sent before the first of them is answered: nothing comes after them that could overwrite what they left.
 */
export async function work(target: Target, operations: number): Promise<Worked> {
  const keys: KnownKey[] = []
  const connections = await Promise.all(Array.from({ length: connectionCount }, () => KmipConnection.open(target)))
  let done = 0
  const livesPerConnection = Math.ceil((operations / connectionCount - burst) / operationsOfLives)
  try {
    await Promise.all(
      connections.map(async (connection) => {
        const ask = async (item: Item): Promise<Item> => {
          done++
          return succeeded(await connection.exchange(item))
        }
        for (let lives = 0; lives < livesPerConnection; lives++) await liveOfKeys(ask, keys)
      }),
    )
    await Promise.all(
      connections.map(async (connection) => {
        const materials = Array.from({ length: burst }, () => randomBytes(32))
        connection.send(Buffer.concat(materials.map((material) => encode(registerKey(material)))))
        for (const material of materials) {
          keys.push({ kind: 'object', name: `registered in the burst`, bytes: material })
          succeeded(decode(await connection.receive()))
          done++
        }
      }),
    )
  } finally {
    for (const connection of connections) connection.close()
  }
  return { operations: done, keys }
}

const connectionCount = 4
const burst = 16
/** What `liveOfKeys` asks for. */
const operationsOfLives = 12

/** Two keys from their beginning to their end, or to where they stay. */
async function liveOfKeys(ask: (item: Item) => Promise<Item>, keys: KnownKey[]): Promise<void> {
  const material = randomBytes(32)
  keys.push({ kind: 'object', name: 'registered', bytes: material })
  const registered = identifierOf(await ask(registerKey(material)))
  const created = identifierOf(await ask(createKey()))
  for (const key of [registered, created]) {
    await ask(about(Operation.Activate, key))
    const got = bytesOf(await ask(about(Operation.Get, key)), Tag.KeyMaterial)
    if (key === created) keys.push({ kind: 'object', name: 'created', bytes: Buffer.from(got) })
    const plaintext = randomBytes(96)
    const encrypted = await ask(encryptData(key, plaintext))
    const decrypted = await ask(decryptData(key, bytesOf(encrypted, Tag.Data), bytesOf(encrypted, Tag.IVCounterNonce)))
    if (!bytesOf(decrypted, Tag.Data).equals(plaintext)) throw new Error('a plaintext came back changed')
  }
  await ask(revokeKey(registered))
  await ask(about(Operation.Destroy, registered))
}
