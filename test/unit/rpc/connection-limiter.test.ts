import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConnectionLimiter, type ConnectionLimiterInit } from '../../../src/rpc/connection-limiter.ts'

/** What a limiter did that started at `start`, while streams came (a positive burst) and went (a negative one). */
interface Walk {
  start: number
  bursts: number[]
  /** Each change of the maximum: the streams active then, and what it became. */
  steps: [active: number, max: number][]
}

/** The rule of Go PointSub's server.go (v1.1.0 and v1.1.7 alike), computed by a Go program with Go 1.26. */
const GO: Walk[] = JSON.parse(
  readFileSync(new URL('../../vectors/go-connection-limiter.json', import.meta.url), 'utf8')
)
const GO_IDLE = [
  1100, 1210, 1331, 1464, 1610, 1771, 1948, 2142, 2356, 2591, 2850, 3135, 3448, 3792, 4171, 4588, 5046, 5550, 6105,
  6715, 7386, 8124, 8936, 9829
]

function limiter(init: Partial<ConnectionLimiterInit> = {}): ConnectionLimiter {
  return new ConnectionLimiter({ max: 1000, min: 100, maxLoadFactor: 0.8, interval: 0, now: () => 0, ...init })
}

function stepsOf(subject: ConnectionLimiter, bursts: readonly number[]): Walk['steps'] {
  const steps: Walk['steps'] = []
  for (const burst of bursts) {
    for (let left = Math.abs(burst); left > 0; left -= 1) {
      const before = subject.max
      if (burst > 0) subject.started()
      else subject.ended()
      if (subject.max !== before) steps.push([subject.active, subject.max])
    }
  }
  return steps
}

function maxOf(init: Partial<ConnectionLimiterInit>, ...bursts: number[]): number {
  const subject = limiter(init)
  stepsOf(subject, bursts)
  return subject.max
}

describe('the connection limiter takes the steps of Go', () => {
  it('in a table that has all there is to get wrong', () => {
    expect(GO.length).toBeGreaterThan(20)
    expect(GO.flatMap(({ steps }) => steps).length).toBeGreaterThan(1_000)
  })

  it.for(GO)('from $start, as streams come and go', ({ start, bursts, steps }) => {
    expect(stepsOf(limiter({ max: start }), bursts)).toEqual(steps)
  })

  it('while idle: from 1,000 to 9,829 within 24 streams, and no further', () => {
    const oneAfterTheOther = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? 1 : -1))
    expect(stepsOf(limiter(), oneAfterTheOther).map(([, max]) => max)).toEqual(GO_IDLE)
  })

  it('while crowded: down to its floor, a tenth at a time', () => {
    const subject = limiter({ max: 10_000 })
    const walked = stepsOf(subject, [10_000]).map(([, max]) => max)
    expect(walked.slice(0, 4)).toEqual([9000, 8100, 7290, 6561])
    expect(walked.at(-1)).toBe(104)
    expect(stepsOf(subject, [100, -5_000])).toEqual([])
  })

  it('at exactly its bounds: it neither grows at a load of 0.4 nor shrinks at 0.8', () => {
    const subject = limiter({ max: 10_000 })
    expect(stepsOf(subject, [8_000])).toEqual([])
    expect(stepsOf(subject, [1])).toEqual([[8_001, 9_000]])
    const small = limiter({ max: 100, interval: 1, now: () => 0 })
    expect(stepsOf(small, [44, -4])).toEqual([[1, 110]])
  })
})

describe('the connection limiter', () => {
  it('is full at its maximum, which may have moved below what is active', () => {
    const subject = limiter({ max: 2, min: 100 })
    expect(subject.isFull).toBe(false)
    stepsOf(subject, [2])
    expect([subject.active, subject.max, subject.isFull]).toEqual([2, 2, true])
    subject.ended()
    expect(subject.isFull).toBe(false)
    const shrunk = limiter({ max: 10_000 })
    stepsOf(shrunk, [9_000])
    expect(shrunk.max).toBeLessThan(shrunk.active)
    expect(shrunk.isFull).toBe(true)
  })

  it('does not adapt when it starts below its least', () => {
    for (const max of [1, 50, 99]) expect(maxOf({ max }, max, -max, 1)).toBe(max)
    expect(maxOf({ max: 5_000, min: 5_001 }, 5_000, -5_000)).toBe(5_000)
  })

  it('shrinks from the load it is told, and not below the least it is told', () => {
    expect(stepsOf(limiter({ max: 10_000, maxLoadFactor: 0.5 }), [5_001])).toEqual([[5_001, 9_000]])
    expect(maxOf({ max: 10_000, min: 8_100 }, 10_000)).toBe(8_100)
    expect(maxOf({ max: 10_000, min: 8_101 }, 10_000)).toBe(9_000)
  })

  it('waits between two steps as long as it is told', () => {
    let time = 5_000
    const subject = limiter({ interval: 1_000, now: () => time })
    expect(stepsOf(subject, [10, -10])).toEqual([[1, 1_100]])
    time = 5_999
    expect(stepsOf(subject, [10, -10])).toEqual([])
    time = 6_000
    expect(stepsOf(subject, [10, -10])).toEqual([[1, 1_210]])
    time = 60_000
    expect(stepsOf(subject, [10, -10])).toEqual([[1, 1_331]])
  })

  it('does not count as a step what it could not take', () => {
    let time = 0
    const subject = limiter({ max: 10_000, interval: 1_000, now: () => time })
    expect(stepsOf(subject, [8_000])).toEqual([])
    time = 1
    expect(stepsOf(subject, [1])).toEqual([[8_001, 9_000]])
  })

  it('keeps what it promises, whatever comes and goes', () => {
    const bursts = fc.array(fc.integer({ min: -2_000, max: 2_000 }), { maxLength: 20 })
    const settings = fc.record({ max: fc.integer({ min: 1, max: 20_000 }), min: fc.integer({ min: 1, max: 10_000 }) })
    fc.assert(
      fc.property(settings, bursts, ({ max, min }, wanted) => {
        const subject = limiter({ max, min })
        let active = 0
        for (const burst of wanted.map(change => Math.max(change, -active))) {
          active += burst
          for (let left = Math.abs(burst); left > 0; left -= 1) {
            const before = subject.max
            if (burst > 0) subject.started()
            else subject.ended()
            const load = subject.active / before
            if (subject.max > before) expect([load < 0.4, subject.max <= 10_000]).toEqual([true, true])
            if (subject.max < before) expect([load > 0.8, subject.max >= min]).toEqual([true, true])
            if (max < min && subject.max !== max) throw new Error(`${subject.max} is not fixed`)
          }
          expect(subject.active).toBe(active)
          expect(subject.isFull).toBe(subject.active >= subject.max)
        }
      }),
      { numRuns: 100 }
    )
  })
})
