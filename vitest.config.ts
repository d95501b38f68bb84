import { defineConfig } from 'vitest/config'

/** What is waited for comes when the machine lets it: tests fail by what is wrong, not by how slow a shared machine is. */
const expectations = { poll: { timeout: 30_000, interval: 20 } }

export default defineConfig({
  test: {
    // Left alone one core stays idle: on two, vitest takes one.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          expect: expectations,
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/conformance/**'],
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 60_000,
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
