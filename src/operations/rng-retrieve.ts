import { KryptonError } from '../errors.ts'
import { bytesCopiedOnce } from '../keystore/copied-once.ts'
import type { Operation } from '../kmip/enums.ts'
import { limits } from '../limits.ts'
import type { Handler } from './handler.ts'

/** KMIP 1.4 section 4.35. */
export const rngRetrieve: Handler<typeof Operation.RNGRetrieve> = ({ dataLength }, { unit, randomBytes }) => {
  if (dataLength < 1 || dataLength > limits.randomBytesMax) {
    throw new KryptonError('invalid-field', `Ask for a Data Length of 1 to ${limits.randomBytesMax}`)
  }
  return { data: unit.answerWith(bytesCopiedOnce(randomBytes(dataLength))) }
}
