import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/**
 * The library for X.509 over Node's own WebCrypto: it makes certificates, and reads requests for them. Import it from here only, since it needs its
 * metadata before it is loaded, and where it is used: a thread takes 50 ms to load it, and most of them never make a certificate.
 */
x509.cryptoProvider.set(webcrypto)

export { x509 }
