import { readdirSync, statSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { modeText } from '../file-mode.ts'
import type { Finding } from './finding.ts'

/** Where an instance keeps what others must not see, or must not change. */
export interface InstanceFiles {
  readonly directory: string
  readonly sealKey: string
  /** Other private keys. */
  readonly keys: readonly string[]
  readonly dataDirectory: string
  /** Files that everybody may read and only the owner may change. */
  readonly readable: readonly string[]
}

/** A finding for each file or directory that is open to others, is another user's, or is missing; one when there is none. */
export function findingsOfFiles(files: InstanceFiles): Finding[] {
  const checks: readonly (readonly [string, Rule])[] = [
    [files.directory, closedDirectory],
    [files.sealKey, sealKey],
    ...files.keys.map((file) => [file, closedFile] as const),
    [files.dataDirectory, closedDirectory],
    ...entriesOf(files.dataDirectory).map((name) => [join(files.dataDirectory, name), closedFile] as const),
    ...files.readable.map((file) => [file, readableFile] as const),
  ]
  const found = checks.flatMap(([path, rule]) => faultOf(path, rule))
  if (found.length > 0) return found
  return [{ check: 'files', state: 'good', found: `${checks.length} in ${files.directory}, none open to others` }]
}

/** Bits that may not be set, or the only mode that may be; and the mode that mends it. */
interface Rule {
  readonly forbidden: number
  readonly exactly?: number
  readonly mode: string
}

const closedDirectory: Rule = { forbidden: 0o077, mode: '0700' }
const closedFile: Rule = { forbidden: 0o077, mode: 'go=' }
const readableFile: Rule = { forbidden: 0o022, mode: 'go-w' }
/** The server takes it with no other mode. */
const sealKey: Rule = { forbidden: 0o077, exactly: 0o400, mode: '0400' }

function faultOf(path: string, { forbidden, exactly, mode }: Rule): Finding[] {
  const check = path
  const status = statSync(path, { throwIfNoEntry: false })
  if (status === undefined)
    return [{ check, state: 'wrong', found: 'is not there', remedy: `put ${path} back from its copy` }]
  const bits = status.mode & 0o7777
  const isOpen = exactly === undefined ? (bits & forbidden) !== 0 : bits !== exactly
  if (isOpen)
    return [
      {
        check,
        state: 'wrong',
        found: `has mode ${modeText(bits)}`,
        remedy: `chmod ${mode} ${path}`,
      },
    ]
  return isOthers(status)
    ? [
        {
          check,
          state: 'warning',
          found: `belongs to user ${status.uid}`,
          remedy: `chown ${process.getuid?.()} ${path}`,
        },
      ]
    : []
}

/** Root looks at the files of whoever runs the server. */
function isOthers({ uid }: Stats): boolean {
  const own = process.getuid?.()
  return own !== undefined && own !== 0 && uid !== own
}

function entriesOf(directory: string): string[] {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(directory) : []
}
