import { readFileSync } from 'node:fs'

/** Krypton's own version, from its package.json: the same file lies one level above `src` and above `dist`. */
export const version: string = readVersion()

function readVersion(): string {
  const description: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  if (typeof description !== 'object' || description === null || !('version' in description))
    throw new Error('package.json beside the sources has no version')
  return String(description.version)
}
