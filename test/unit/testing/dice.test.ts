import { describe, expect, it } from 'vitest'
import { Dice } from '../../../src/testing/dice.ts'

describe('Dice', () => {
  it('throws the same for the same seed, in whatever order it is asked', () => {
    const [one, other] = [new Dice('seed'), new Dice('seed')]
    const forward = Array.from({ length: 100 }, (_, i) => one.at(i))
    const backward = Array.from({ length: 100 }, (_, i) => other.at(99 - i)).toReversed()
    expect(forward).toEqual(backward)
  })

  it('throws something else for another seed', () => {
    const throws = (seed: string): number[] => Array.from({ length: 10 }, (_, i) => new Dice(seed).at(i))
    expect(throws('1 out')).not.toEqual(throws('1 in'))
    expect(throws('1 out')).not.toEqual(throws('2 out'))
  })

  it('spreads evenly from 0 to below 1, also over neighbouring seeds', () => {
    const buckets = Array.from({ length: 20 }, () => 0)
    for (let seed = 0; seed < 200; seed++) {
      const dice = new Dice(`stream ${seed}`)
      for (let i = 0; i < 500; i++) {
        const bucket = Math.floor(dice.at(i) * 20)
        buckets[bucket] = (buckets[bucket] ?? 0) + 1
      }
    }
    expect(buckets.length).toBe(20)
    for (const count of buckets) expect(Math.abs(count - 5_000)).toBeLessThan(350)
  })
})
