import { vi } from 'vitest'

/**
 * To be imported first by tests that start servers of production in their own process: the folder of compiled code that vitest.config.ts gives it, which such a
 * server refuses, is not seen by that check alone. Without that folder each of its threads would take a second to load the sources.
 */
vi.mock(import('../../src/process/inspection.ts'), async (original) => {
  const { inspectionsOf } = await original()
  return {
    inspectionsOf: ({ execArgv, environment }) =>
      inspectionsOf({ execArgv, environment: { ...environment, NODE_COMPILE_CACHE: undefined } }),
  }
})
