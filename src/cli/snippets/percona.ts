import { quoted, type Snippet } from './snippet.ts'

/** Encryption at rest of Percona Server for MongoDB: without a keyIdentifier it registers its own key at first start. */
export const perconaMongodb: Snippet = {
  id: 'percona-mongodb',
  title: 'Percona Server for MongoDB, encryption at rest (mongod.conf)',
  text: ({ host, port, files }) => `security:
  enableEncryption: true
  kmip:
    serverName: ${quoted(host)}
    port: ${port}
    serverCAFile: ${quoted(files.ca)}
    clientCertificateFile: ${quoted(files.bundle)}
`,
}
