import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A directory that goes when the test ends; `data` is a name in it that does not exist yet. */
export function temporaryDirectory(): { path: string; data: string } {
  const path = mkdtempSync(join(tmpdir(), 'krypton-store-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return { path, data: join(path, 'data') }
}
