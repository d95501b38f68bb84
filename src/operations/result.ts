import { isKryptonError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { ResultReason, ResultStatus } from '../kmip/enums.ts'
import type { ResponseBatchItem } from '../kmip/response-message.ts'

/**
 * An error as the status, reason and message of an answer: the only place where one becomes the other. A failure always has both
 * a reason and a message: clients crash without. What is no refusal of ours is told to `onFault`, and to no client; what the store says
 * when it cannot write is told to both: a client's own log is where its operator looks first.
 */
export function failureOf(error: unknown, onFault: (error: unknown) => void): ResponseBatchItem {
  const resultStatus = ResultStatus.OperationFailed
  const resultReason = isKryptonError(error) ? reasons[error.code] : undefined
  if (isKryptonError(error) && resultReason !== undefined) {
    return { resultStatus, resultReason, resultMessage: error.message }
  }
  onFault(error)
  if (isKryptonError(error, 'store-failed')) {
    const resultMessage = `Ask the operator of this server to act, its store cannot write: ${error.message}`
    return { resultStatus, resultReason: ResultReason.GeneralFailure, resultMessage }
  }
  return {
    resultStatus,
    resultReason: ResultReason.GeneralFailure,
    resultMessage: 'The server failed: ask its operator to look into its log',
  }
}

/** KMIP 1.4 sections 6.10 and 11. A code that is not here is a fault of ours. */
const reasons: Readonly<Partial<Record<ErrorCode, ResultReason>>> = {
  'frame-invalid': ResultReason.InvalidMessage,
  'frame-too-large': ResultReason.InvalidMessage,
  'frame-too-deep': ResultReason.InvalidMessage,
  'frame-too-many-items': ResultReason.InvalidMessage,
  'invalid-message': ResultReason.InvalidMessage,
  'invalid-field': ResultReason.InvalidField,
  'missing-data': ResultReason.MissingData,
  'operation-not-supported': ResultReason.OperationNotSupported,
  'feature-not-supported': ResultReason.FeatureNotSupported,
  'response-too-large': ResultReason.ResponseTooLarge,
  'item-not-found': ResultReason.ItemNotFound,
  'object-archived': ResultReason.ObjectArchived,
  'permission-denied': ResultReason.PermissionDenied,
  'illegal-operation': ResultReason.IllegalOperation,
  'index-out-of-bounds': ResultReason.IndexOutOfBounds,
  'application-namespace-not-supported': ResultReason.ApplicationNamespaceNotSupported,
  'key-format-type-not-supported': ResultReason.KeyFormatTypeNotSupported,
  'key-compression-type-not-supported': ResultReason.KeyCompressionTypeNotSupported,
  'encoding-option-error': ResultReason.EncodingOptionError,
  'key-value-not-present': ResultReason.KeyValueNotPresent,
  'cryptographic-failure': ResultReason.CryptographicFailure,
  'already-exists': ResultReason.ObjectAlreadyExists,
  sensitive: ResultReason.Sensitive,
  'not-extractable': ResultReason.NotExtractable,
  // KMIP 1.x has one reason for every state that does not allow an operation (11.20, 11.22).
  'wrong-key-lifecycle-state': ResultReason.PermissionDenied,
  'unsupported-cryptographic-parameters': ResultReason.InvalidField,
  'authentication-not-successful': ResultReason.AuthenticationNotSuccessful,
  'client-unknown': ResultReason.AuthenticationNotSuccessful,
  // For good, until an operator acts: repeating it changes nothing.
  'rows-changed': ResultReason.PermissionDenied,
  overloaded: ResultReason.GeneralFailure,
  // The first four are the word of who owns the key above; the others say that nobody can tell now, which 1.x has no reason for.
  'external-key-disabled': ResultReason.PermissionDenied,
  'external-key-denied': ResultReason.PermissionDenied,
  'external-key-not-found': ResultReason.PermissionDenied,
  'external-key-mismatch': ResultReason.PermissionDenied,
  'external-key-unreachable': ResultReason.GeneralFailure,
  'external-key-throttled': ResultReason.GeneralFailure,
}
