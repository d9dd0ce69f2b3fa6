import type { ViteUserConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** The full-size runs; `SOAK=0.1 npm run soak` does a tenth of each. */
const config: ViteUserConfig = {
  ...base,
  test: {
    ...base.test,
    include: ['test/soak/**/*.test.ts'],
    exclude: [],
    testTimeout: 1_800_000,
    fileParallelism: false
  }
}

export default config
