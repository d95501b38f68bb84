import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What is waited for comes when the machine lets it: tests fail by what is wrong, not by how slow a shared machine is. */
const expectations = { poll: { timeout: 30_000, interval: 20 } }

/** Compiled sources, which Node writes down at the end of a process: half of the work of a command, and some of each thread's, is compiling. */
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules', '.cache', 'compiled')

/** What takes longest, seldom its largest file: begun last, one of them would run alone at the end. */
const longest = [
  'test/operations/cross-tenant-matrix.test.ts',
  'test/security/hardening.test.ts',
  'test/cli/instance.test.ts',
  'test/store/sqlite.test.ts',
  'test/bench/load.test.ts',
  'test/bench/play.test.ts',
  'test/cli/krypton.test.ts',
  'test/crypto/wycheproof-asymmetric.test.ts',
  'test/security/wiped-reads.test.ts',
  'test/cli/lost-thread.test.ts',
  'test/store/sqlite-files.test.ts',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(name))
      return at < 0 ? longest.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}

export default defineConfig({
  test: {
    // Half as many again as there are cores: a test in two waits for a disk, a process or a clock.
    maxWorkers: '150%',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          expect: expectations,
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/conformance/**'],
          pool: 'forks',
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'integration',
          expect: expectations,
          include: ['test/integration/**/*.test.ts', 'test/conformance/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
})
