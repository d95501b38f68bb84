import { randomBytes } from '../crypto/random.ts'

/**
 * A Server Correlation Value (KMIP 1.4 section 6.19): no two answers of any server have the same. It goes to clients that send a value of their own;
 * the others would pay for what they do not read.
 */
export function newServerCorrelationValue(): string {
  return randomBytes(16).toString('hex')
}

/** As long as every one of them. */
export const anyServerCorrelationValue = '0'.repeat(32)
