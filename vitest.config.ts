import { fileURLToPath } from 'node:url'
import type { ViteUserConfig } from 'vitest/config'

// Hundreds of processes load the same modules: Node keeps them compiled for the next one.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/node', import.meta.url))

const conditions = ['@pointsub/source', 'node']

const config: ViteUserConfig = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/soak/**', 'test/ecosystem/**', '**/*.system.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // On two cores vitest takes one worker, though much of the time is spent waiting for timers and peers.
    maxWorkers: 3,
    execArgv: ['--expose-gc']
  }
}

export default config
