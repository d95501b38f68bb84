import { spawnSync } from 'node:child_process'
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
    '--abort-on-uncaught-exception',
    '--abort_on_uncaught_exception',
    '--prof',
    '--perf-basic-prof',
    '--build-snapshot-config=x.json',
    '--trace-event-categories=node',
    '--trace-events-enabled',
    '--heap-snapshot-on-oom',
    '--log-all',
    '--logfile=/tmp/v8.log',
    '--trace',
    '--trace-wasm-memory',
    '--gdbjit',
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
    expect(flagsOf([], { NODE_V8_COVERAGE: '/tmp/x' })).toEqual(['NODE_V8_COVERAGE=/tmp/x'])
  })

  it('are found in the variable by which Node takes compiled code from a folder, which is told what to do about', () => {
    const [found] = inspectionsOf({ execArgv: [], environment: { NODE_COMPILE_CACHE: '/tmp/code' } })
    expect(found).toEqual({
      flag: 'NODE_COMPILE_CACHE=/tmp/code',
      shows: 'runs the compiled code that lies in a folder, whoever put it there',
      remedy: 'unset NODE_COMPILE_CACHE',
    })
  })

  it('are none of those that bin/krypton passes, nor any that shows nothing', () => {
    const own = ['--disable-warning=ExperimentalWarning', '--disable-sigusr1', '--openssl-config=/x/openssl.cnf']
    expect(flagsOf([...own, '--max-old-space-size=512', '--no-inspect'])).toEqual([])
  })

  it('are all that this Node has, but for those that were looked at and show nothing: a newer one may bring more', () => {
    const help = (flag: string): string => spawnSync(process.execPath, [flag], { encoding: 'utf8' }).stdout
    // `  -r, --require=...      what it does`; several names of one flag stand before the first two blanks.
    const names = help('--help')
      .split('\n')
      .filter((line) => line.startsWith('  -'))
      .flatMap(
        (line) =>
          line
            .trim()
            .split(/ {2,}/, 1)[0]
            ?.match(/--[a-z][a-z0-9.-]*[a-z0-9]/g) ?? [],
      )
    expect(names.length).toBeGreaterThan(100)
    expect(names.filter((name) => flagsOf([name]).length === 0 && !showsNothing.has(name))).toEqual([])
    // V8 has hundreds, nearly all of which change how it compiles or count what it does.
    const flagsOfV8 = help('--v8-options').match(/(?<=^ {2})--[a-z0-9-]+/gm) ?? []
    expect(flagsOfV8.length).toBeGreaterThan(500)
    const suspicious = flagsOfV8.filter((name) =>
      /snapshot|dump|prof|perf|^--log|abort-on|gdb|core|^--trace$|memory$|record/.test(name),
    )
    expect(suspicious.filter((name) => flagsOf([name]).length === 0 && !showsNothingOfV8.has(name))).toEqual([])
  })
})

const flagsIn = (text: string): ReadonlySet<string> =>
  new Set(
    text
      .trim()
      .split(/\s+/)
      .map((name) => `--${name}`),
  )

/** Most print where something happened, or change how Node runs; `diagnostic-dir` and `redirect-warnings` only say where others write. */
const showsNothing = flagsIn(`
  allow-addons allow-child-process allow-fs-read allow-fs-write allow-inspector allow-openssl-store allow-wasi
  allow-worker check completion-bash conditions diagnostic-dir disable-proto disable-sigusr1 disable-warning
  disable-wasm-trap-handler disallow-code-generation-from-strings dns-result-order enable-etw-stack-walking
  enable-fips enable-network-family-autoselection enable-source-maps entry-url env-file env-file-if-exists eval
  experimental-addon-modules experimental-eventsource experimental-import-meta-resolve experimental-import-text
  experimental-inspector-network-resource experimental-loader experimental-network-inspection
  experimental-package-map experimental-print-required-tla experimental-sea-config experimental-storage-inspection
  experimental-stream-iter experimental-strip-types experimental-test-coverage experimental-test-isolation
  experimental-test-module-mocks experimental-test-tag-filter experimental-transform-types experimental-vm-modules
  experimental-webstorage experimental-worker-inspection expose-gc force-context-aware force-fips
  force-node-api-uncaught-exceptions-policy frozen-intrinsics help icu-data-dir import input-type
  insecure-http-parser interactive interpreted-frames-native-stack jitless loader localstorage-file
  max-http-header-size max-old-space-size-percentage network-family-autoselection-attempt-timeout no-addons
  no-async-context-frame no-deprecation no-experimental-detect-module no-experimental-global-navigator
  no-experimental-repl-await no-experimental-require-module no-experimental-sqlite no-experimental-websocket
  no-extra-info-on-fatal-exception no-force-async-hooks-checks no-global-search-paths
  no-network-family-autoselection no-require-module no-strip-types no-warnings node-memory-debug openssl-config
  openssl-legacy-provider openssl-shared-config pending-deprecation permission permission-audit preserve-symlinks
  preserve-symlinks-main print prof-process redirect-warnings require run secure-heap secure-heap-min
  snapshot-blob test test-concurrency test-coverage-branches test-coverage-exclude test-coverage-functions
  test-coverage-include test-coverage-lines test-force-exit test-global-setup test-isolation test-name-pattern
  test-only test-random-seed test-randomize test-reporter test-reporter-destination test-rerun-failures test-shard
  test-skip-pattern test-timeout test-update-snapshots throw-deprecation title tls-cipher-list tls-max-v1.2
  tls-max-v1.3 tls-min-v1.0 tls-min-v1.1 tls-min-v1.2 tls-min-v1.3 trace-deprecation trace-env trace-env-js-stack
  trace-env-native-stack trace-exit trace-promises trace-require-module trace-sigint trace-sync-io trace-uncaught
  trace-warnings track-heap-objects unhandled-rejections use-bundled-ca use-env-proxy use-largepages
  use-openssl-ca use-system-ca v8-options v8-pool-size version watch watch-kill-signal watch-path
  watch-preserve-output zero-fill-buffers
`)

/** Settings of profilers that other flags switch on, and what concerns V8's own code and files. */
const showsNothingOfV8 = flagsIn(`
  abort-on-bad-builtin-profile-data abort-on-contradictory-flags abort-on-far-code-range clear-free-memory
  dump-allocations-digest-at-alloc dump-builtins-hashes-to-file dump-wasm-module dump-wasm-module-path
  extensible-ro-snapshot heap-profiler-show-hidden-objects heap-profiler-trace-objects
  heap-profiler-use-embedder-graph heap-snapshot-string-limit memory-reducer-favors-memory prof-browser-mode
  prof-sampling-interval profile-deserialization profile-guided-optimization
  profile-guided-optimization-for-empty-feedback-vector profile-heap-snapshot rehash-snapshot
  sampling-heap-profiler-suppress-randomness stress-sampling-allocation-profiler stress-snapshot
  trace-wasm-offheap-memory turbo-profiling turbo-profiling-input turbo-profiling-output turbo-profiling-verbose
  verify-snapshot-checksum vtune-prof-annotate-wasm warn-about-builtin-profile-data zero-unused-memory
`)
