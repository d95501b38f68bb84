import type { Address } from '../admin/client.ts'
import { shellWord } from '../shell-word.ts'
import type { IdentityFiles } from './identity-files.ts'
import { bold, loud } from './output.ts'
import { allSnippets } from './snippets/index.ts'

/** What the screen of `krypton server --dev` is made of. */
export interface DevelopmentServer {
  readonly addresses: {
    readonly kmip: Address
    readonly https: Address | undefined
    readonly health: Address | undefined
    readonly admin: string
  }
  /** Where keys are held, in words. */
  readonly keys: string
  readonly directory: string
  readonly files: IdentityFiles
  /** The directory was made for this start, since none was named. */
  readonly isTemporary: boolean
}

/** Everything a person needs to use the server that just started, each part ready to paste. */
export function developmentScreen({ addresses, keys, directory, files, isTemporary }: DevelopmentServer): string {
  const { kmip, https, health, admin } = addresses
  const httpsLine = https === undefined ? 'off' : `https://${shown(https)}/kmip  (POST of TTLV, JSON or XML)`
  const healthLine = health === undefined ? 'off' : `http://${shown(health)}/readyz  /livez  /metrics  /version`
  return `${bold('Krypton is up.')}

  KMIP       ${shown(kmip)}  (TLS 1.2 and 1.3, client certificate)
  HTTPS      ${httpsLine}
  Health     ${healthLine}
  Admin      ${admin}
  Directory  ${directory}
  Keys       ${keys}

${bold('Files of the client demo, tenant demo')}

  CA           ${files.ca}
  Certificate  ${files.certificate}
  Key          ${files.key}
  Bundle       ${files.bundle}

${allSnippets({ ...kmip, files })}
${bold('More clients')}

  krypton client add NAME --tenant demo --out DIRECTORY --dir ${shellWord(directory)}

${isTemporary ? whatStays(directory) : ''}${loud('FOR DEVELOPMENT ONLY: the key that seals this store lies beside it, and a store made here never opens in production.')}
Ctrl-C stops the server.
`
}

/** Nobody has asked for the directory, so nobody looks for it. */
function whatStays(directory: string): string {
  return `${bold('The directory stays, with its keys and its database, when the server has ended')}

To use it again, and to take it away:

  krypton server --dev --dir ${shellWord(directory)}
  rm -r ${shellWord(directory)}

`
}

function shown({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
