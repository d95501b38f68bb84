import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { playNames } from '../../src/bench/play.ts'

function bench(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(import.meta.dirname, '../../bench/main.ts'), ...args], { encoding: 'utf8' })
}

describe('the command line', () => {
  test('help names every command and shows examples', () => {
    const { status, stdout } = bench('--help')
    expect(status).toBe(0)
    for (const word of ['load', 'cost', 'flows', 'compare', 'durable', 'micro', '--quick', 'Examples:'])
      expect(stdout).toContain(word)
  })

  test('help of load names every scenario, what it sends, the exit codes and examples', () => {
    const { status, stdout } = bench('load', '--help')
    expect(status).toBe(0)
    for (const word of [...playNames, 'Register, Activate, Get', 'exit code', 'Examples:', '--rate', '--json']) {
      expect(stdout).toContain(word)
    }
  })

  test('load without certificates says which option is missing', () => {
    const { status, stderr } = bench('load', '--host', '127.0.0.1')
    expect(status).not.toBe(0)
    expect(stderr).toContain("required option '--cert <file>'")
  })

  test('a scenario that does not exist is refused with those that do', () => {
    const { status, stderr } = bench('load', '--scenario', 'nonsense')
    expect(status).not.toBe(0)
    expect(stderr).toContain('mongodb-csfle')
  })

  test('a number that measures nothing is refused', () => {
    const files = ['--cert', 'no.pem', '--cert-key', 'no.key', '--ca', 'no-ca.pem']
    for (const flag of ['--connections', '--processes', '--duration', '--objects']) {
      const { status, stderr } = bench('load', ...files, flag, '0')
      expect([status, stderr]).toEqual([1, expect.stringContaining(flag)])
    }
  })

  test('a certificate file that is not there ends with exit code 2 and the file', () => {
    const { status, stderr } = bench('load', '--cert', 'no.pem', '--cert-key', 'no.key', '--ca', 'no-ca.pem')
    expect(status).toBe(2)
    expect(stderr).toContain('no.pem')
  })
})
