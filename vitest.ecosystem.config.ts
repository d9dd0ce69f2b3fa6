import type { ViteUserConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** Libraries written for node:net, over it and over ours. */
const config: ViteUserConfig = {
  ...base,
  test: {
    ...base.test,
    include: ['test/ecosystem/**/*.test.ts'],
    exclude: [],
    globalSetup: ['test/ecosystem/install.ts']
  }
}

export default config
