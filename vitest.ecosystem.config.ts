import type { ViteUserConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** Libraries written for node:net, over it and over ours. */
const config: ViteUserConfig = {
  ...base,
  test: {
    ...base.test,
    include: ['test/ecosystem/**/*.test.ts'],
    exclude: [],
    globalSetup: ['test/ecosystem/install.ts'],
    // On two cores vitest takes one worker, though much of the time here is spent waiting for timers and servers.
    maxWorkers: 2
  }
}

export default config
