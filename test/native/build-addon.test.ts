import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

/** What npm sees of the package when it installs it, without anything built. */
const root = join(import.meta.dirname, '../..')
const copy = mkdtempSync(join(tmpdir(), 'krypton-install-'))
for (const part of ['scripts', 'native', 'binding.gyp', 'package.json']) {
  cpSync(join(root, part), join(copy, part), { recursive: true, preserveTimestamps: true })
}
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
afterAll(() => rmSync(copy, { recursive: true, force: true }))

/** The install script's only line. It must never end an installation. */
function install(compiler: string): string {
  const env = { ...process.env, CXX: compiler, CC: compiler }
  const run = spawnSync(process.execPath, [join(copy, 'scripts/build-addon.cjs')], { env, encoding: 'utf8' })
  expect(run.status).toBe(0)
  expect(run.stdout.trim().split('\n')).toHaveLength(1)
  return run.stdout.trim()
}

test('an installation without a compiler ends well and says what is missing', () => {
  expect(install('/nowhere/g++')).toBe(
    'krypton: native addon not built, it needs /nowhere/g++; keys are held by JavaScript',
  )
})

test('so does one whose compiler fails', () => {
  const compiler = join(copy, 'g++')
  writeFileSync(compiler, '#!/bin/sh\n[ "$1" = --version ] || { echo "error: no memory" >&2; exit 1; }\n', {
    mode: 0o755,
  })
  expect(install(compiler)).toMatch(/^krypton: native addon not built, the compiler failed: .*; keys are held by/)
})

test('one with a prebuilt addon that is as new as its sources needs no compiler', () => {
  const folder = join(copy, `prebuilds/${process.platform}-${process.arch}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'krypton.node'), '')
  expect(install('/nowhere/g++')).toBe('krypton: native addon found in the package')
})
