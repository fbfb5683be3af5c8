import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const report = process.env.DIMOO_TEST_REPORT

// The longest files first, so that none of them is left over for one worker at the end.
const LONGEST = ['test/miniature', 'test/native', 'test/package/tarball', 'test/trained', 'test/isa', 'test/quality-judge']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
      return at < 0 ? LONGEST.length : at
    }
    return (await super.sort(files)).sort((a, b) => place(a) - place(b))
  }
}

export default defineConfig({
  // Written when dist/ is built; tests run the sources.
  resolve: {
    alias: [{ find: './worker-source.js', replacement: fileURLToPath(new URL('dist/prompt/worker-source.js', import.meta.url)) }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks', // a crash of native code then takes one file with it, not the run
    execArgv: ['--expose-gc'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // A machine-readable copy of the results, where somebody asks for one.
    reporters: ['default', ...(report ? ['json'] : [])],
    ...(report && { outputFile: { json: report } }),
  },
})
