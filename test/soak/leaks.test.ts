import { describe, it } from 'vitest'
import { expectNoLeak } from '../support/load.ts'
import { failingCalls, GOOD_CALLS } from '../support/loads.ts'
import { soak } from '../support/scale.ts'
import { WIRES } from '../support/wires.ts'

describe('streams, timers, listeners and memory are as before', () => {
  it.each(WIRES)('after 200,000 requests at 64 concurrent on the %s wire', wire =>
    expectNoLeak({ ...GOOD_CALLS, wire, warmUp: 5_000, count: soak(200_000), concurrency: 64 })
  )

  it('after 100,000 requests at 64 concurrent, each on a stream of its own', () =>
    expectNoLeak({
      ...GOOD_CALLS,
      warmUp: 2_000,
      count: soak(100_000),
      concurrency: 64,
      clientOptions: { maxRequestsPerStream: 1 }
    }))

  it.each(WIRES)('after 60,000 calls that fail in every way on the %s wire', wire =>
    expectNoLeak({ ...failingCalls(wire), warmUp: 2_000, count: soak(60_000), concurrency: 64 })
  )
})
