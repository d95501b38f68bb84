/**
 * The one error type for what goes wrong on purpose. A code says what was refused; `operations/result.ts` maps it to
 * KMIP's Result Reason and `admin/problem.ts` to an HTTP problem. The message is for the asker: it says what to do next and
 * never carries a key, a PIN or another tenant's names. Anything that is not a KryptonError is a fault of ours: it is logged
 * in full for the operator and told to no client.
 */
export class KryptonError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'KryptonError'
    this.code = code
  }
}

/** True if `error` is a KryptonError, with that code when one is given. */
export function isKryptonError(error: unknown, code?: ErrorCode): error is KryptonError {
  return error instanceof KryptonError && (code === undefined || error.code === code)
}

/** Every code there is. A code that no test provokes fails the build (`test/refusals.test.ts`). */
export const errorCodes = [
  // framing: the message cannot be cut or walked; answered where a header could be read, then the connection closes
  'no-frame',
  'frame-invalid',
  'frame-too-large',
  'frame-too-deep',
  'frame-too-many-items',
  // meaning: KMIP 1.4 section 11 and 9.1.3.2.29; the connection goes on
  'invalid-message',
  'invalid-field',
  'missing-data',
  'operation-not-supported',
  'feature-not-supported',
  'response-too-large',
  'item-not-found',
  'object-archived',
  'permission-denied',
  'illegal-operation',
  'index-out-of-bounds',
  'application-namespace-not-supported',
  'key-format-type-not-supported',
  'key-compression-type-not-supported',
  'encoding-option-error',
  'key-value-not-present',
  'cryptographic-failure',
  'sensitive',
  'not-extractable',
  'wrong-key-lifecycle-state',
  'unsupported-cryptographic-parameters',
  'authentication-not-successful',
  'overloaded',
  // a bench that ran: its requests failed, or its figures are not the server's
  'bench-failed',
  'bench-invalid',
  // store
  'store-conflict',
  'store-unique',
  'store-failed',
  'store-locked',
  'store-format',
  // keys and records
  'record-invalid',
  'record-does-not-open',
  'row-mac-mismatch',
  // rows that somebody has changed from outside, and what hangs on them
  'rows-changed',
  'seal-failed',
  'development-store',
  'anchor-mismatch',
  'random-failed',
  // keys outside: what `external-keys/external-key.ts` says of each
  'external-key-disabled',
  'external-key-denied',
  'external-key-not-found',
  'external-key-mismatch',
  'external-key-unreachable',
  'external-key-throttled',
  // certificates and identity
  'certificate-invalid',
  'client-unknown',
  // configuration, administration, command line
  'config-invalid',
  'usage',
  'already-exists',
  'not-found',
  'not-running',
  'not-healthy',
] as const

export type ErrorCode = (typeof errorCodes)[number]
