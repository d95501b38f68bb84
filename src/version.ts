import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './package-root.ts'

/** Krypton's own version, from its package.json. */
export const version: string = readVersion()

function readVersion(): string {
  const description: unknown = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  if (typeof description !== 'object' || description === null || !('version' in description))
    throw new Error('package.json beside the sources has no version')
  return String(description.version)
}
