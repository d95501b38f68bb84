import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
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
