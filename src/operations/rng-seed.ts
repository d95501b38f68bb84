import type { Operation } from '../kmip/enums.ts'
import type { Handler } from './handler.ts'

/**
 * KMIP 1.4 section 4.36. The kernel's generator needs no seed of a client, and who gave one would wish to know what comes of it: none is used, and
 * the answer says so.
 */
export const rngSeed: Handler<typeof Operation.RNGSeed> = () => ({ dataLength: 0 })
