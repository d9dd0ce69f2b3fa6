import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NodeHealth } from '../../../src/route/node-health.ts'

/** A node with so many successes and failures, the failures first and long ago. */
function nodeWith(successes: number, failures: number): NodeHealth {
  const health = new NodeHealth()
  for (let i = 0; i < failures; i += 1) health.failed(0)
  for (let i = 0; i < successes; i += 1) health.succeeded()
  return health
}

const LATER = 1e9

describe('a node', () => {
  it('is asked at first', () => {
    expect(new NodeHealth().isSkipped(0)).toBe(false)
  })

  it('is passed over from its last failure on, not from its first', () => {
    const health = new NodeHealth()
    health.failed(0)
    health.failed(1_500)
    expect([health.isSkipped(5_499), health.isSkipped(5_500)]).toEqual([true, false])
  })

  it('that failed 1,000 times is passed over for 15 minutes', () => {
    const health = nodeWith(0, 1_000)
    health.failed(LATER)
    expect([health.isSkipped(LATER + 899_999), health.isSkipped(LATER + 900_000)]).toEqual([true, false])
  })

  it.each([
    ['101 requests, one of them failed', 100, 0, false],
    ['100 requests, one of them failed', 99, 0, true],
    ['exactly 95 % of 120', 114, 5, true],
    ['a little more than 95 % of 121', 115, 5, false],
    ['94 % of 200', 188, 11, true]
  ])('with %s, the last one failed just now, is passed over: %#', (_, successes, failures, isSkipped) => {
    const health = nodeWith(successes, failures)
    health.failed(LATER)
    expect(health.requests).toBe(successes + failures + 1)
    expect(health.isSkipped(LATER)).toBe(isSkipped)
  })

  it('that was reliable is passed over once too many requests have failed, for as long as its failures in a row say', () => {
    const health = nodeWith(1_000, 0)
    let inRow = 0
    do {
      health.failed(LATER)
      inRow += 1
    } while (!health.isSkipped(LATER))
    // 1,000 of 1,052 are more than 95 %, of 1,053 they are not.
    expect(inRow).toBe(53)
    expect([health.isSkipped(LATER + 899_999), health.isSkipped(LATER + 900_000)]).toEqual([true, false])
  })

  it('follows the rule of Go whatever happens', () => {
    const steps = fc.array(fc.record({ succeeds: fc.boolean(), after: fc.integer({ min: 0, max: 2_000_000 }) }), {
      maxLength: 300
    })
    fc.assert(
      fc.property(steps, history => {
        const health = new NodeHealth()
        let [now, row, failed, lastFailure] = [1, 0, 0, 1]
        for (const [index, { succeeds, after }] of history.entries()) {
          now += after
          if (succeeds) health.succeeded()
          else health.failed(now)
          row = succeeds ? 0 : row + 1
          if (!succeeds) [failed, lastFailure] = [failed + 1, now]
          const skip = row === 0 ? 0 : Math.min(15 * 60, 2 ** row) * 1_000
          const requests = index + 1
          // In whole numbers: more than 95 % of more than 100.
          const isReliable = requests > 100 && 100 * (requests - failed) > 95 * requests
          for (const at of [now, lastFailure + skip - 1, lastFailure + skip, now + 1_000]) {
            expect(health.isSkipped(at)).toBe(!isReliable && at < lastFailure + skip && row > 0)
          }
        }
      })
    )
  })
})
