import { expect, it } from 'vitest'
import { expectBounded, leakToChild } from '../support/leaky-client.ts'
import { soak } from '../support/scale.ts'

it('a client that leaves 20,000 streams open is answered each time, and the server stays small', async () => {
  const { usage } = await leakToChild({ requests: soak(20_000), concurrency: 16 })
  expectBounded(usage, soak(20_000))
})

it('so is one that admits only 151 streams itself, as Go does', async () => {
  const { usage, outcome } = await leakToChild({ requests: soak(20_000), concurrency: 16, maxStreams: 151 })
  expectBounded(usage, soak(20_000))
  expect(outcome.mostStreams).toBe(151)
})
