// Measurements written in TypeScript run through vitest, apart from the tests: npx vitest run --config bench/vitest.config.ts
import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['bench/**/*.measure.ts'], testTimeout: 600_000 } })
