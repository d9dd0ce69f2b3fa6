import { describe, it } from 'vitest'
import { expectNoLeak } from '../../support/load.ts'
import { failingCalls, GOOD_CALLS } from '../../support/loads.ts'
import { WIRES } from '../../support/wires.ts'

describe('streams, timers, listeners and memory are as before', () => {
  it.each(WIRES)('after 20,000 requests at 64 concurrent on the %s wire', wire =>
    expectNoLeak({ ...GOOD_CALLS, wire, warmUp: 2_000, count: 20_000, concurrency: 64 })
  )

  it('after 1,500 requests at 64 concurrent, each on a stream of its own', () =>
    expectNoLeak({
      ...GOOD_CALLS,
      warmUp: 500,
      count: 1_500,
      concurrency: 64,
      clientOptions: { maxRequestsPerStream: 1 }
    }))

  it.each(WIRES)('after 1,500 calls that fail in every way on the %s wire', wire =>
    expectNoLeak({ ...failingCalls(wire), warmUp: 600, count: 1_500, concurrency: 64 })
  )
})
