import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { memoryReport } from '../../src/crypto/native.ts'
import { findingsOfFiles, type InstanceFiles } from '../../src/doctor/file-findings.ts'
import { findingsHere } from '../../src/doctor/here.ts'

describe('the findings of a process', () => {
  it('name each part once, and a line to mend whatever is not good', async () => {
    const findings = await findingsHere({
      production: true,
      native: memoryReport().making === 'native' ? 'auto' : 'off',
    })
    const checks = findings.map(({ check }) => check)
    expect(new Set(checks).size).toBe(checks.length)
    for (const name of [
      'native addon',
      'RLIMIT_MEMLOCK',
      'swap',
      'core files',
      'other processes',
      'switches of Node',
      'user',
    ])
      expect(checks).toContain(name)
    const withoutRemedy = findings.filter(({ state, remedy }) => state !== 'good' && remedy === undefined)
    expect(withoutRemedy).toEqual([])
  })

  it('say who holds keys', async () => {
    const [native, memory] = await findingsHere({
      production: true,
      native: memoryReport().making === 'native' ? 'auto' : 'off',
    })
    if (memoryReport().making === 'native') {
      expect(native).toMatchObject({ state: 'good', found: expect.stringMatching(/^in use/) })
      expect(memory).toMatchObject({
        check: 'locked memory',
        found: expect.stringMatching(/^[1-9]\d* bytes locked, .*object 1/),
      })
    } else {
      expect(native).toMatchObject({ state: 'warning', remedy: 'set native: required' })
    }
  })
})

describe('the findings of an instance', () => {
  let files: InstanceFiles

  beforeEach(() => {
    const directory = mkdtempSync(join(tmpdir(), 'krypton-doctor-'))
    const at = (name: string): string => join(directory, name)
    files = {
      directory,
      sealKey: at('seal.key'),
      keys: [at('server.key')],
      dataDirectory: at('data'),
      readable: [at('server.pem')],
    }
    mkdirSync(files.dataDirectory, { mode: 0o700 })
    writeFileSync(files.sealKey, '', { mode: 0o400 })
    writeFileSync(at('server.key'), '', { mode: 0o600 })
    writeFileSync(at('data/keys.db'), '', { mode: 0o600 })
    writeFileSync(at('server.pem'), '')
    chmodSync(at('server.pem'), 0o644)
  })
  afterEach(() => rmSync(files.directory, { recursive: true, force: true }))

  it('are one good one where nothing is open to others', () => {
    expect(findingsOfFiles(files)).toEqual([
      { check: 'files', state: 'good', found: `6 in ${files.directory}, none open to others` },
    ])
  })

  it.each([
    ['', 0o755, 'chmod 0700'],
    ['seal.key', 0o600, 'chmod 0400'],
    ['server.key', 0o640, 'chmod go='],
    ['data', 0o750, 'chmod 0700'],
    ['data/keys.db', 0o644, 'chmod go='],
    ['server.pem', 0o664, 'chmod go-w'],
  ])('name what is open, with the line that closes it: %s', (name, mode, remedy) => {
    const path = join(files.directory, name)
    chmodSync(path, mode)
    expect(findingsOfFiles(files)).toEqual([
      { check: path, state: 'wrong', found: `has mode 0${mode.toString(8)}`, remedy: `${remedy} ${path}` },
    ])
  })

  it('name what is missing', () => {
    rmSync(files.sealKey)
    expect(findingsOfFiles(files)).toMatchObject([{ check: files.sealKey, state: 'wrong', found: 'is not there' }])
  })
})
