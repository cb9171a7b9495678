import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Where `scripts/test` wants the totals of a run as JSON. */
const results = process.env['FERRY_TEST_RESULTS']

// unit: no peers, under a minute. integration: real registries and clients, installed by scripts/peers.
export default defineConfig({
  test: {
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/lab/**'],
          testTimeout: 20_000,
          // Tests share no state but what a file makes for itself; a process for each would cost more than its tests.
          isolate: false,
          maxWorkers: availableParallelism(),
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
