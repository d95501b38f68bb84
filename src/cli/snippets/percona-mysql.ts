import { quoted, type Snippet } from './snippet.ts'

/** The keyring component of Percona Server for MySQL. */
export const perconaMysql: Snippet = {
  id: 'percona-mysql',
  title: 'Percona Server for MySQL (component_keyring_kmip.cnf)',
  text: ({ host, port, files }) => `{
  "server_addr": ${quoted(host)},
  "server_port": "${port}",
  "client_ca": ${quoted(files.certificate)},
  "client_key": ${quoted(files.key)},
  "server_ca": ${quoted(files.ca)}
}
`,
}
