import { hostAndPort, quoted, type Snippet } from './snippet.ts'

/** Client-side encryption in the Node driver: a data key wrapped by a key that Krypton keeps and never gives out. */
export const mongodbNode: Snippet = {
  id: 'mongodb-node',
  title: 'MongoDB driver, Node (npm install mongodb mongodb-client-encryption)',
  text: (endpoint) => `import { ClientEncryption, MongoClient } from 'mongodb'

const client = new MongoClient('mongodb://127.0.0.1:27017')
const encryption = new ClientEncryption(client, {
  keyVaultNamespace: 'encryption.__keyVault',
  kmsProviders: { kmip: { endpoint: ${quoted(hostAndPort(endpoint))} } },
  tlsOptions: { kmip: { tlsCAFile: ${quoted(endpoint.files.ca)}, tlsCertificateKeyFile: ${quoted(endpoint.files.bundle)} } },
})
// masterKey {}: the driver fetches the key and wraps with it; { delegated: true }: Krypton wraps and the key stays here.
const dataKey = await encryption.createDataKey('kmip', { masterKey: { delegated: true } })
console.log(dataKey.toString('hex'))
await client.close()
`,
}
