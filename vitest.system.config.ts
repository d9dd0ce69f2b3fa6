import type { ViteUserConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** Whole processes, killed, stopped and held up, and what takes load to see: memory, leaks, floods, restarts. */
const config: ViteUserConfig = {
  ...base,
  test: {
    ...base.test,
    include: ['test/**/*.system.test.ts'],
    exclude: []
  }
}

export default config
