/** What the server's process tells when it listens. */
export interface ServerStarted {
  readonly port: number
  /** PEM. */
  readonly ca: string
  /** The first is for the fast clients; the slow ones share the others, because connections are bounded for each certificate. */
  readonly identities: readonly { readonly cert: string; readonly key: string }[]
}

/** What it tells when it is asked. */
export interface ServerReport {
  readonly residentPeakBytes: number
  /** When the last request of each slow client was answered, by its number, in milliseconds since 1970. */
  readonly answered: readonly (readonly [number: number, atMs: number])[]
}
