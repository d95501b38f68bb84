import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ConnectionOptions, SecureVersion } from 'node:tls'
import { createSecureContext } from 'node:tls'
import { KryptonError } from '../errors.ts'

/** A KMIP server and the certificates to reach it: all that the generator knows about whom it measures. Files, not bytes. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
  /** Checks of the server's certificate are left out: for test servers whose certificate names another host. */
  readonly insecure?: boolean
  /** Only this version of TLS; the best of both when absent. */
  readonly tls?: '1.2' | '1.3'
}

/** What `tls.connect` takes. The context is made once: a client's own parsing of its key is not the server's time. */
export function connectionOptions(target: Target): ConnectionOptions {
  const version: SecureVersion | undefined = target.tls && (`TLSv${target.tls}` as const)
  return {
    host: target.host,
    port: target.port,
    secureContext: createSecureContext({
      cert: readFileSync(target.certFile),
      key: readFileSync(target.keyFile),
      ca: readFileSync(target.caFile),
      ...(version && { minVersion: version, maxVersion: version }),
    }),
    rejectUnauthorized: !target.insecure,
    // With our own context Node does not set these from the options above; they are what a socket is checked against.
    ...(version && { minVersion: version, maxVersion: version }),
  }
}

/** Throws 'usage' when one of its files is not what it should be, with which and what to do. */
export function checkTarget({ certFile, keyFile, caFile }: Target): void {
  for (const file of [certFile, caFile]) {
    checked(file, 'give a certificate in PEM form', () => new X509Certificate(readFileSync(file)))
  }
  checked(keyFile, `give the private key of ${certFile}, in PEM form and without a passphrase`, () =>
    createSecureContext({ cert: readFileSync(certFile), key: readFileSync(keyFile) }),
  )
}

function checked(file: string, remedy: string, read: () => unknown): void {
  try {
    read()
  } catch (cause) {
    throw new KryptonError('usage', `${file} cannot be used (${reasonOf(cause)}): ${remedy}`, { cause })
  }
}

/** OpenSSL's errors name its own files and lines; the reason stands at the end. */
function reasonOf(error: unknown): string {
  const { message } = error as Error // what is thrown by reading and parsing is one
  return message.slice(message.lastIndexOf(':') + 1).trim() || message
}
