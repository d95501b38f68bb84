import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { modeText } from './file-mode.ts'
import { KryptonError } from './errors.ts'

/** Writes a file of an instance whole or not at all, with exactly this mode: under another name, made durable, then renamed. */
export function writeInstanceFile(file: string, content: string | Uint8Array, mode: number): void {
  const unfinished = `${file}.unfinished-${process.pid}`
  const descriptor = openSync(unfinished, 'wx', mode)
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    for (let written = 0; written < bytes.byteLength;) written += writeSync(descriptor, bytes, written)
    fchmodSync(descriptor, mode)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(unfinished, file)
  const directory = openSync(dirname(file), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** Reads a file that the instance needs; `remedy` is what else helps than a copy. Throws 'config-invalid'. */
export async function readInstanceFile(file: string, remedy?: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new KryptonError(
      'config-invalid',
      `cannot read ${file}: put the file back${remedy === undefined ? '' : `, or run ${remedy}`}`,
      { cause },
    )
  }
}

/**
 * Refuses the file of a private key that others than its owner and group may read or change. One that is not there is told by who reads it.
 * @throws KryptonError config-invalid
 */
export function refuseOpenKey(file: string): void {
  const mode = (statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o7777
  if ((mode & 0o007) === 0) return
  throw new KryptonError(
    'config-invalid',
    `${file} is open to every user of this machine, it has mode ${modeText(mode)}: run chmod 0400 on it`,
  )
}
