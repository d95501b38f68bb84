import { describe, expect, test } from 'vitest'
import { errorCodes, KryptonError } from '../../src/errors.ts'
import { enumTables, ResultReason, ResultStatus } from '../../src/kmip/enums.ts'
import { failureOf } from '../../src/operations/result.ts'

describe('a failure', () => {
  test.each(errorCodes)('of code %s has a reason of KMIP and a message, always', (code) => {
    const faults: unknown[] = []
    const { resultStatus, resultReason, resultMessage } = failureOf(new KryptonError(code, 'do this'), (error) =>
      faults.push(error),
    )
    expect(resultStatus).toBe(ResultStatus.OperationFailed)
    expect(enumTables.ResultReason.has(resultReason!)).toBe(true)
    expect(resultMessage).not.toBe('')
    // What is told to nobody is logged, and what is told is not.
    expect(faults.length).toBe(resultMessage === 'do this' ? 0 : 1)
  })

  test('of ours tells the client nothing', () => {
    const faults: unknown[] = []
    const fault = new TypeError('secret detail')
    expect(failureOf(fault, (error) => faults.push(error))).toEqual({
      resultStatus: ResultStatus.OperationFailed,
      resultReason: ResultReason.GeneralFailure,
      resultMessage: 'The server failed: ask its operator to look into its log',
    })
    expect(faults).toEqual([fault])
  })

  test.each(['row-mac-mismatch', 'record-does-not-open', 'seal-failed', 'random-failed'] as const)(
    'of code %s is a fault of ours',
    (code) => {
      const { resultMessage } = failureOf(new KryptonError(code, 'detail'), () => undefined)
      expect(resultMessage).not.toMatch(/detail/)
    },
  )
})
