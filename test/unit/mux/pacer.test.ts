import { describe, expect, it } from 'vitest'
import { Pacer } from '../../../src/mux/pacer.ts'

const KIB = 1024
const PIECE = 32 * KIB
const MOST = 1024 * KIB

/** A link of so many bytes a millisecond and a delay, with a queue; the sender is as fast as the pacer lets it be. */
function run(bytesPerMs: number, delay: number, ms: number): { underWay: number; sent: number; longest: number } {
  const pacer = new Pacer(MOST)
  const arrivals: { at: number; sentAt: number }[] = []
  let free = 0
  let sent = 0
  let longest = 0
  let underWay = 0
  for (let now = 0; now < ms; now += 0.1) {
    while (arrivals[0] !== undefined && arrivals[0].at <= now) {
      longest = now > ms / 2 ? Math.max(longest, now - arrivals[0].sentAt) : 0
      arrivals.shift()
      pacer.taken(PIECE, now)
    }
    while (pacer.room >= PIECE) {
      free = Math.max(free, now) + PIECE / bytesPerMs
      arrivals.push({ at: free + delay, sentAt: now })
      pacer.sent(PIECE, now)
      sent += PIECE
    }
    underWay = arrivals.length * PIECE
  }
  return { underWay, sent, longest }
}

describe('the pace of large messages', () => {
  it('fills a long link: 12.5 MB/s with a round trip of 50 ms', () => {
    const { sent } = run(12.5 * KIB, 50, 5_000)
    expect(sent / (12.5 * KIB * 5_000)).toBeGreaterThan(0.85)
  })

  it('keeps the queue of a short, slow link short: what a small message would wait is a few pieces', () => {
    const { sent, longest } = run(12.5 * KIB, 0.1, 5_000)
    expect(sent / (12.5 * KIB * 5_000)).toBeGreaterThan(0.9)
    // One piece takes 2.6 ms; without a pace there would be 32 of them in the queue.
    expect(longest).toBeLessThan(15)
  })

  it('never has more under way than it may', () => {
    expect(run(1_000 * KIB, 200, 5_000).underWay).toBeLessThanOrEqual(MOST)
  })

  it('comes down when the way gets slower, and up again', () => {
    const pacer = new Pacer(MOST)
    let now = 0
    const turn = (roundTrip: number): number => {
      const pieces = Math.floor(pacer.room / PIECE)
      for (let piece = 0; piece < pieces; piece += 1) pacer.sent(PIECE, now)
      now += roundTrip
      for (let piece = 0; piece < pieces; piece += 1) pacer.taken(PIECE, now)
      return pieces * PIECE
    }
    for (let times = 0; times < 10; times += 1) turn(20)
    expect(turn(20)).toBe(MOST)
    for (let times = 0; times < 10; times += 1) turn(100)
    expect(turn(100)).toBe(64 * KIB)
    for (let times = 0; times < 10; times += 1) turn(20)
    expect(turn(20)).toBe(MOST)
  })
})
