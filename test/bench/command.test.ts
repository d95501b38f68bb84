import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificates, type BenchCertificates } from '../../bench/certificates.ts'
import { playNames } from '../../src/bench/play.ts'
import { run } from '../../src/cli/program.ts'

const directory = mkdtempSync(join(tmpdir(), 'bench-command-'))
let certificates: BenchCertificates

beforeAll(async () => {
  certificates = await makeCertificates(directory)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** `krypton bench` in this process: its exit code, what it printed and what it said. */
async function bench(...args: readonly string[]): Promise<{ code: number; data: string; talk: string }> {
  let [data, talk] = ['', '']
  const code = await run(['bench', ...args], {
    environment: {},
    writeData: (text) => void (data += text),
    writeTalk: (text) => void (talk += text),
    readInput: async () => Buffer.alloc(0),
  })
  return { code, data, talk }
}

/** With everything that it needs, but for what `change` replaces. */
function files(change: { cert?: string; key?: string; ca?: string } = {}): string[] {
  const { cert = certificates.clientCertFile, key = certificates.clientKeyFile, ca = certificates.caFile } = change
  return ['--cert', cert, '--cert-key', key, '--ca', ca]
}

describe('npm run bench', () => {
  const main = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, '../../bench/main.ts'), ...args], { encoding: 'utf8' })

  test('names every command in its help and shows examples', () => {
    const { status, stdout } = main('--help')
    expect(status).toBe(0)
    for (const word of ['load', 'cost', 'flows', 'compare', 'durable', 'micro', '--quick', 'Examples:'])
      expect(stdout).toContain(word)
  })

  test('refuses what it cannot run before it runs anything', () => {
    const wrong = [
      ['load', '--cert', 'no.pem', '--cert-key', 'no.key', '--ca', 'no-ca.pem'],
      ['cost', '--html', join(directory, 'nowhere', 'x.html')],
    ]
    for (const args of wrong) {
      const { status, stderr } = main(...args)
      expect([status, stderr]).toEqual([2, expect.stringMatching(/^bench: .*(?:no\.pem|nowhere)[^\n]*\n$/)])
    }
  })
})

describe('krypton bench', () => {
  test('names every scenario in its help, what it sends, the exit codes and examples', async () => {
    const { code, data } = await bench('--help')
    expect(code).toBe(0)
    for (const word of [...playNames, 'Register, Activate, Get', 'exit code', 'Examples:', '--rate', '--json']) {
      expect(data).toContain(word)
    }
  })

  test('says which option is missing', async () => {
    const { code, talk } = await bench('--host', '127.0.0.1')
    expect([code, talk]).toEqual([2, expect.stringContaining("required option '--cert <file>'")])
  })

  test.each([
    ['--port', ['0', '99999', '-1', '56.5', '1e3', 'kmip', ''], 'a whole number from 1 to 65535'],
    ['--host', ['', ' '], 'a name or an address'],
    ['--connections', ['0', '1.5', 'many', '70000'], 'a whole number from 1 to 65536'],
    ['--sweep', ['', '1,,4', '1,0', '1;2', '4,70000'], 'a whole number from 1 to 65536'],
    ['--depth', ['0', '2000'], 'a whole number from 1 to 1024'],
    ['--processes', ['0', '1000'], 'a whole number from 1 to 512'],
    ['--objects', ['0', '-1', '1e9'], 'a whole number from 1 to 10000000'],
    ['--rate', ['0', '-5', 'fast', '2000000', 'Infinity', ''], 'a number above 0, at most 1000000'],
    ['--duration', ['0', '-1', 'NaN', '100000'], 'a number above 0, at most 86400'],
    ['--warmup', ['-1', 'x', '', '100000'], 'a number from 0 on, at most 86400'],
    // What a timer of Node cannot wait for fires at once.
    ['--timeout', ['0', '3000000000'], 'a number above 0, at most 86400000'],
    ['--cpus', ['', 'x', '3-1', '1-', '0,,2'], 'numbers of cores'],
    ['--tls', ['1.1', ''], '1.2, 1.3'],
    ['--scenario', ['nonsense', ''], 'mongodb-csfle'],
    ['--mode', ['often'], 'connect-per-operation'],
  ])('takes no wrong value of %s, and says what is allowed', async (flag, values, allowed) => {
    for (const value of values) {
      const { code, data, talk } = await bench(...files(), `${flag}=${value}`)
      expect([value, code, data]).toEqual([value, 2, ''])
      expect(talk).toMatch(/^krypton: [^\n]*\n$/)
      expect(talk).toContain(flag)
      expect(talk).toContain(allowed)
    }
  })

  test('takes no certificate, key or authority that is none, and names the file', async () => {
    const at = (name: string): string => join(directory, name)
    writeFileSync(at('text'), 'no certificate')
    const gone = 'is not there: give a file in PEM form'
    for (const [change, named, reason] of [
      [{ cert: at('gone.pem') }, 'gone.pem', gone],
      [{ ca: at('gone-ca.pem') }, 'gone-ca.pem', gone],
      [{ cert: at('text') }, 'text', 'give a certificate in PEM form'],
      [{ ca: at('text') }, 'text', 'give a certificate in PEM form'],
      [{ cert: directory }, directory, 'give a certificate in PEM form'],
      [{ key: at('text') }, 'text', 'give the private key of'],
      [{ key: certificates.serverKeyFile }, certificates.serverKeyFile, 'give the private key of'],
    ] as const) {
      const { code, talk } = await bench(...files(change))
      expect([code, talk]).toEqual([2, expect.stringMatching(/^krypton: [^\n]*\n$/)])
      expect(talk).toContain(named)
      expect(talk).toContain(reason)
    }
    const two = await bench(...files(), '--cert', certificates.clientCertFile)
    expect([two.code, two.talk]).toEqual([2, expect.stringContaining('give one --cert-key for each --cert')])
  })

  test('takes no place for its page where none can be written, before it asks a server', async () => {
    const taken = join(directory, 'folder')
    mkdirSync(taken)
    for (const [file, reason] of [
      ['', 'no name of a file'],
      [taken, 'no name of a file'],
      [join(directory, 'nowhere', 'x.html'), `there is no folder ${join(directory, 'nowhere')}`],
      ['/proc/krypton-bench.html', 'it cannot be written (ENOENT)'],
    ] as const) {
      const { code, data, talk } = await bench(...files(), '--port', '1', `--html=${file}`)
      expect([code, data, talk]).toEqual([2, '', expect.stringMatching(/^krypton: --html [^\n]*\n$/)])
      expect(talk).toContain(reason)
    }
  })
})
