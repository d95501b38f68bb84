import { CommanderError } from 'commander'
import { KryptonError, type ErrorCode } from '../errors.ts'

/** What the command's exit code says; docs/operate/commands.md lists them for scripts. */
export const ExitCode = { Ok: 0, Failed: 1, Usage: 2, Unavailable: 3, Denied: 4 } as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** The exit code for what a command threw: the only such mapping. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage
  if (error instanceof KryptonError) return codes[error.code] ?? ExitCode.Failed
  return ExitCode.Failed
}

/** A code that is not here means that the command failed. */
const codes: Partial<Record<ErrorCode, ExitCode>> = {
  usage: ExitCode.Usage,
  'config-invalid': ExitCode.Usage,
  'invalid-field': ExitCode.Usage,
  'certificate-invalid': ExitCode.Usage,
  'not-running': ExitCode.Unavailable,
  overloaded: ExitCode.Unavailable,
  'external-key-unreachable': ExitCode.Unavailable,
  'external-key-throttled': ExitCode.Unavailable,
  'permission-denied': ExitCode.Denied,
  'authentication-not-successful': ExitCode.Denied,
}
