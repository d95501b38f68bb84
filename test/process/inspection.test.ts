import { describe, expect, it } from 'vitest'
import { inspectionsOf } from '../../src/process/inspection.ts'

const flagsOf = (execArgv: readonly string[], environment: Record<string, string> = {}): string[] =>
  inspectionsOf({ execArgv, environment }).map(({ flag }) => flag)

describe('switches of Node that show memory', () => {
  it.each([
    '--inspect',
    '--inspect=127.0.0.1:0',
    '--inspect-brk',
    '--inspect_wait=0',
    '--inspect-port=9229',
    '--heapsnapshot-signal=SIGUSR2',
    '--heapsnapshot-near-heap-limit=2',
    '--heap-prof',
    '--heap_prof_dir=/tmp',
    '--cpu-prof',
    '--report-on-signal',
    '--report-uncaught-exception',
    '--report-on-fatalerror',
    '--report-directory=/tmp',
    '--tls-keylog=/tmp/keys',
    '--trace-tls',
    '--experimental-config-file=node.json',
    '--experimental-default-config-file',
  ])('are found on the command line and in NODE_OPTIONS: %s', (flag) => {
    expect(flagsOf(['--enable-source-maps', flag])).toEqual([flag])
    const [found] = inspectionsOf({ execArgv: [], environment: { NODE_OPTIONS: ` --no-warnings  ${flag} ` } })
    expect(found?.remedy).toBe(`take ${flag} out of the variable NODE_OPTIONS`)
  })

  it('are found in NODE_OPTIONS as Node reads it', () => {
    const environment = {
      NODE_OPTIONS: String.raw`--title="a --inspect b" "--heap-prof" --require "x\" --report-on-signal"`,
    }
    expect(flagsOf([], environment)).toEqual(['--heap-prof'])
  })

  it('are found in the variables with which Node prints what passes through it', () => {
    expect(flagsOf([], { NODE_DEBUG: 'stream', NODE_DEBUG_NATIVE: '' })).toEqual(['NODE_DEBUG=stream'])
    expect(flagsOf([], { NODE_DEBUG_NATIVE: 'TLS' })).toEqual(['NODE_DEBUG_NATIVE=TLS'])
  })

  it('are none of those that bin/krypton passes, nor any that shows nothing', () => {
    const own = ['--disable-warning=ExperimentalWarning', '--disable-sigusr1', '--openssl-config=/x/openssl.cnf']
    expect(flagsOf([...own, '--max-old-space-size=512', '--no-inspect'])).toEqual([])
  })
})
