import { quoted, type Snippet } from './snippet.ts'

/** Encryption at rest of MongoDB Enterprise. */
export const mongod: Snippet = {
  id: 'mongod',
  title: 'MongoDB Enterprise, encryption at rest (mongod.conf)',
  text: ({ host, port, files }) => `security:
  enableEncryption: true
  kmip:
    serverName: ${quoted(host)}
    port: ${port}
    serverCAFile: ${quoted(files.ca)}
    clientCertificateFile: ${quoted(files.bundle)}
`,
}
