import type { Snippet } from './snippet.ts'

/** PyKMIP's client: its configuration and a line that makes a key with it. */
export const pykmip: Snippet = {
  id: 'pykmip',
  title: 'PyKMIP (pykmip.conf)',
  text: ({
    host,
    port,
    files,
  }) => `# Give what you register a name of its own, and get_attributes the names that you want: docs/integrate/pykmip.md
[client]
host=${host}
port=${port}
certfile=${files.certificate}
keyfile=${files.key}
ca_certs=${files.ca}
cert_reqs=CERT_REQUIRED
ssl_version=PROTOCOL_SSLv23
do_handshake_on_connect=True
suppress_ragged_eofs=True
`,
}
