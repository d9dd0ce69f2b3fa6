import type { ViteUserConfig } from 'vitest/config'

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
