import { decideMaking } from '../crypto/native.ts'
import { generateSecret } from '../crypto/secret.ts'
import { isKryptonError } from '../errors.ts'
import { openLog } from '../telemetry/log.ts'
import { hardenProcess } from '../process/hardening.ts'
import type { Finding } from './finding.ts'
import { type Expectations, findingsOfProcess } from './process-findings.ts'

/**
 * Does in this process what a server does at its start, and tells what came of it: the addon is loaded and tried, a secret is held for a
 * moment, core files are switched off.
 */
export async function findingsHere(expected: Expectations): Promise<Finding[]> {
  try {
    decideMaking(expected.native)
  } catch (error) {
    // Required, and not to be had: the finding says why.
    if (!isKryptonError(error, 'config-invalid')) throw error
    decideMaking('auto')
  }
  const secret = generateSecret(32, 'object')
  try {
    hardenProcess({ production: false, log: openLog('fatal', () => undefined) })
    return findingsOfProcess(expected)
  } finally {
    secret.wipe()
  }
}
