import type { ViteUserConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** Whole processes: killed, stopped and continued, held up, measured from outside. */
const config: ViteUserConfig = {
  ...base,
  test: {
    ...base.test,
    include: ['test/**/*.system.test.ts'],
    exclude: []
  }
}

export default config
