import { describe, it } from 'vitest'
import { expectNoLeak } from '../../support/load.ts'
import { failingCalls, GOOD_CALLS } from '../../support/loads.ts'
import { WIRES } from '../../support/wires.ts'

describe('streams, timers, listeners and memory are as before', () => {
  it.each(WIRES)('after 10,000 requests at 64 concurrent on the %s wire', wire =>
    expectNoLeak({ ...GOOD_CALLS, wire, warmUp: 1_000, count: 10_000, concurrency: 64 })
  )

  it('after 1,000 requests at 64 concurrent, each on a stream of its own', () =>
    expectNoLeak({
      ...GOOD_CALLS,
      warmUp: 500,
      count: 1_000,
      concurrency: 64,
      clientOptions: { maxRequestsPerStream: 1 }
    }))

  it.each(WIRES)('after 1,000 calls that fail in every way on the %s wire', wire =>
    expectNoLeak({ ...failingCalls(wire), warmUp: 500, count: 1_000, concurrency: 64 })
  )
})
