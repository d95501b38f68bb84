import type { IdentityFiles } from '../identity-files.ts'

/** What a snippet needs to work as pasted. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly files: IdentityFiles
}

/** The configuration of one product, ready to paste. */
export interface Snippet {
  /** What `--snippet` calls it. */
  readonly id: string
  readonly title: string
  readonly text: (endpoint: Endpoint) => string
}

/** `host:port` as URLs and drivers write it: an IPv6 address in brackets. */
export function hostAndPort({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** A string of JavaScript, Python, JSON or YAML alike: JSON's form is one in all of them. */
export function quoted(text: string): string {
  return JSON.stringify(text)
}
