import type { ViteUserConfig } from 'vitest/config'
import base from './vitest.config.ts'

const config: ViteUserConfig = {
  ...base,
  test: {
    ...base.test,
    include: ['interop/**/*.test.ts'],
    globalSetup: ['interop/build.ts'],
    maxWorkers: 1,
    testTimeout: 60_000
  }
}

export default config
