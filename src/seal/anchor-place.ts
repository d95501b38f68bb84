import { constants } from 'node:fs'
import { open, rename, stat } from 'node:fs/promises'
import { dirname, resolve, sep } from 'node:path'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/** Where an anchor is kept, outside the database. */
export interface AnchorPlace {
  /** In words, for an operator. */
  readonly name: string
  /** What is to be done where nothing is there that should be, and where it cannot be written: so that they end a sentence. */
  readonly whenMissing: string
  readonly whenTroubled: string
  /** What was written last; undefined when there is nothing. Rejects with 'config-invalid' or with what an outside key is refused with when that cannot be told. */
  read(): Promise<string | undefined>
  /** Puts `text` in the place of what is there, durably and whole. */
  write(text: string): Promise<void>
}

/**
 * A file, which is to be on another volume than the store: what puts an older volume back takes an anchor on it along. Nobody else writes it.
 * @throws KryptonError config-invalid: it lies in `dataDirectory`
 */
export function anchorFile(file: string, dataDirectory: string): AnchorPlace {
  if (resolve(file).startsWith(resolve(dataDirectory) + sep)) {
    throw new KryptonError(
      'config-invalid',
      `the anchor ${file} lies in the data directory: put it on another volume, an older copy of the data must not bring its anchor`,
    )
  }
  const [whenMissing, whenTroubled] = ['mount its volume', 'see to its volume']
  return { name: file, whenMissing, whenTroubled, read: () => read(file), write: (text) => write(file, text) }
}

/** True when both lie on one volume, which is rolled back as a whole. */
export async function isOnVolumeOf(file: string, dataDirectory: string): Promise<boolean> {
  const [anchor, data] = await Promise.all([stat(dirname(file)), stat(dataDirectory)])
  return anchor.dev === data.dev
}

async function read(file: string): Promise<string | undefined> {
  let handle
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const { size } = await handle.stat()
    if (size <= limits.anchorBytesMax) return await handle.readFile('utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new KryptonError(
      'config-invalid',
      `cannot read the anchor ${file}: check its volume, and that it belongs to this user`,
      { cause },
    )
  } finally {
    await handle?.close()
  }
  throw new KryptonError(
    'config-invalid',
    `the anchor ${file} is no anchor, it is too long: name another in anchor.file`,
  )
}

/** Under another name, made durable, then renamed: a crash leaves the old one or the new one. */
async function write(file: string, text: string): Promise<void> {
  const unfinished = `${file}.unfinished`
  const handle = await open(unfinished, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(unfinished, file)
  const directory = await open(dirname(file), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
