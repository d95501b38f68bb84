import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/** The library for X.509 over Node's own WebCrypto. Import it from here only: it needs its metadata before it is loaded. */
x509.cryptoProvider.set(webcrypto)

export { x509 }

/** Keys and signatures of every certificate that is made here: small, fast to verify, in every TLS library. */
export const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
