import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BlockCipherMode, CryptographicAlgorithm } from '../../src/kmip/enums.ts'
import { bytesOf, vectorsFolder, wycheproof } from '../crypto/vectors.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { sampled, VectorClient } from '../vectors/vector-client.ts'
import { KryptonServer } from './krypton-server.ts'
import { PayloadConnection } from './payload-connection.ts'

const folder = vectorsFolder()
const directory = temporaryDirectory('vectors')
let server: KryptonServer
let client: VectorClient

beforeAll(async () => {
  server = await KryptonServer.start(directory)
  const connection = await PayloadConnection.open(server.target())
  client = new VectorClient({
    item: (operation, requestPayload) => connection.item(operation, requestPayload),
    fault: () => undefined,
    close: () => connection.close(),
  })
})

afterAll(async () => {
  await client?.close()
  await server?.stop()
  removeDirectory(directory)
})

describe.skipIf(folder === undefined)('Wycheproof over TLS', () => {
  it('agrees with AES-GCM', async () => {
    const vectors = wycheproof(folder!, 'aes_gcm').flatMap(({ tests }) => tests)
    for (const vector of sampled(vectors)) {
      const id = await client.symmetric(bytesOf(vector, 'key'), CryptographicAlgorithm.AES)
      const [iv, tag, associated] = ['iv', 'tag', 'aad'].map((field) => bytesOf(vector, field))
      const sent = { iv, tag, associated, encrypted: bytesOf(vector, 'ct') }
      const opened = await client.decrypt(id!, { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 }, sent)
      const isOpen = vector.result === 'valid' && iv!.byteLength <= 128
      expect(opened, `tcId ${vector.tcId}`).toEqual(isOpen ? bytesOf(vector, 'msg') : undefined)
    }
  })

  it('agrees with HMAC-SHA-256', async () => {
    const algorithm = CryptographicAlgorithm.HMACSHA256
    const vectors = wycheproof(folder!, 'hmac_sha256').flatMap(({ tests }) => tests)
    for (const vector of sampled(vectors.filter((one) => bytesOf(one, 'tag').byteLength === 32))) {
      const id = await client.symmetric(bytesOf(vector, 'key'), algorithm)
      const isValid = await client.isMac(id!, {}, bytesOf(vector, 'msg'), bytesOf(vector, 'tag'))
      expect(isValid, `tcId ${vector.tcId}`).toBe(vector.result === 'valid')
    }
  })
})
