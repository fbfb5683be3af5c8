import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks', // a crash of native code then takes one file with it, not the run
    execArgv: ['--expose-gc'],
    testTimeout: 60_000,
    maxWorkers: 2,
  },
})
