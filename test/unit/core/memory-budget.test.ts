import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PointSubError } from '../../../src/index.ts'
import { MemoryBudget, type MemoryHolder, type MemoryShare } from '../../../src/core/memory-budget.ts'

/** A holder that does as it is told, and notes it. */
class Holder implements MemoryHolder {
  readonly name: string
  readonly share: MemoryShare
  readonly reasons: PointSubError[] = []
  bytesKept = 0

  constructor(budget: MemoryBudget, peer: string, name: string) {
    this.name = name
    this.share = budget.open(peer, this)
  }

  shed(reason: PointSubError): void {
    this.reasons.push(reason)
  }
}

class Holders {
  readonly budget: MemoryBudget
  readonly #all: Holder[] = []

  constructor(max: number, maxPerPeer = max) {
    this.budget = new MemoryBudget(max, maxPerPeer)
  }

  open(peer: string, bytes = 0, kept = 0): Holder {
    const holder = new Holder(this.budget, peer, `${peer}${this.#all.length}`)
    this.#all.push(holder)
    holder.bytesKept = kept
    holder.share.set(bytes)
    return holder
  }

  get shed(): string[] {
    return this.#all.filter(({ reasons }) => reasons.length > 0).map(({ name }) => name)
  }

  get held(): number {
    return this.#all.reduce((sum, { share }) => sum + share.bytes, 0)
  }
}

describe('a memory budget', () => {
  it('adds up what is held, and takes back what is not any more', () => {
    const holders = new Holders(100)
    const [one, other] = [holders.open('a', 30), holders.open('b', 70)]
    expect(holders.budget.bytes).toBe(100)
    one.share.set(10)
    expect(holders.budget.bytes).toBe(80)
    other.share.close()
    one.share.close()
    expect([holders.budget.bytes, holders.shed]).toEqual([0, []])
  })

  it('has room for what its peer may hold, and all when the others give theirs up', () => {
    const holders = new Holders(100, 60)
    const [kept] = [holders.open('a', 30, 30), holders.open('a', 20)]
    holders.open('b', 40, 40)
    expect([kept.share.hasRoomFor(10), kept.share.hasRoomFor(11)]).toEqual([true, false])
    const other = holders.open('c', 10, 10)
    // Of the 100 of all only 20 can be given up.
    expect([other.share.hasRoomFor(20), other.share.hasRoomFor(21)]).toEqual([true, false])
    expect(holders.shed).toEqual([])
  })

  it('sheds the largest holder as soon as there is a byte too many, whoever brought it', () => {
    const holders = new Holders(100)
    const [small, large, middle] = [holders.open('a', 20), holders.open('b', 50), holders.open('c', 30)]
    small.share.set(21)
    expect(holders.shed).toEqual([large.name])
    expect([small.share.bytes, large.share.bytes, middle.share.bytes, holders.budget.bytes]).toEqual([21, 0, 30, 51])
    expect(large.reasons[0]).toMatchObject({
      code: 'ERR_MEMORY_LIMIT',
      message: 'all streams hold more than maxMemoryUsage, 100 bytes'
    })
  })

  it('sheds who brings more than all may hold: itself', () => {
    const holders = new Holders(100)
    const [, greedy] = [holders.open('a', 60), holders.open('b', 101)]
    expect(holders.shed).toEqual([greedy.name])
    expect(holders.budget.bytes).toBe(60)
  })

  it('sheds as many as it takes', () => {
    const holders = new Holders(100)
    const many = Array.from({ length: 10 }, (_, index) => holders.open('a', index + 1))
    holders.open('b', 90, 90)
    expect(holders.shed).toEqual(many.slice(4).map(({ name }) => name))
    expect(holders.budget.bytes).toBe(100)
  })

  it('bounds one peer by itself: only its own holders are shed', () => {
    const holders = new Holders(1_000, 100)
    const [innocent] = [holders.open('a', 99)]
    const [first, second] = [holders.open('b', 60), holders.open('b', 39)]
    second.share.set(41)
    expect(holders.shed).toEqual([first.name])
    expect(first.reasons[0]).toMatchObject({ message: 'a peer holds more than maxMemoryUsagePerPeer, 100 bytes' })
    expect([innocent.share.isOver, second.share.isOver]).toEqual([false, false])
    expect(holders.budget.bytes).toBe(99 + 41)
  })

  it('leaves alone what its holder keeps: who comes then is over, until some of it is free', () => {
    const holders = new Holders(100)
    const busy = holders.open('a', 95, 95)
    const late = holders.open('b')
    late.bytesKept = 10
    late.share.set(10)
    expect([late.share.isOver, busy.share.isOver, holders.shed]).toEqual([true, true, []])
    busy.bytesKept = 0
    busy.share.set(0)
    expect([late.share.isOver, holders.shed]).toEqual([false, []])
  })

  it('sheds what a holder need not keep, and counts the rest', () => {
    const holders = new Holders(100)
    const [mixed, large] = [holders.open('a', 60, 10), holders.open('b', 40, 39)]
    large.share.set(41)
    expect([holders.shed, mixed.share.bytes, large.share.bytes]).toEqual([[mixed.name], 10, 41])
    expect(holders.budget.bytes).toBe(51)
  })

  it('tells only the peer that is over that it is', () => {
    const holders = new Holders(1_000, 100)
    const [full, other] = [holders.open('a', 101, 101), holders.open('b', 100, 100)]
    expect([full.share.isOver, other.share.isOver]).toEqual([true, false])
  })

  it('takes nothing more from a share that was closed', () => {
    const holders = new Holders(100)
    const gone = holders.open('a', 50)
    gone.share.close()
    gone.share.set(200)
    gone.share.close()
    expect([holders.budget.bytes, gone.share.bytes, holders.shed]).toEqual([0, 0, []])
    const again = holders.open('a', 101)
    expect(holders.shed).toEqual([again.name])
  })

  it('survives holders that close, or let others go, while they are shed', () => {
    const budget = new MemoryBudget(100, 100)
    const one: MemoryHolder = { bytesKept: 0, shed: () => shares.forEach(share => share.close()) }
    const shares = [budget.open('a', one), budget.open('a', one), budget.open('b', one)]
    for (const share of shares) share.set(40)
    expect(budget.bytes).toBe(0)
  })

  it('keeps its bounds whatever happens: a model', () => {
    const [MAX, PER_PEER] = [1_000, 400]
    const step = fc.record({
      peer: fc.constantFrom('a', 'b', 'c', 'd'),
      slot: fc.nat(4),
      bytes: fc.nat(500),
      kept: fc.oneof(fc.constant(0), fc.nat(500)),
      action: fc.constantFrom('set', 'set', 'set', 'close')
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const holders = new Holders(MAX, PER_PEER)
        const open = new Map<string, Holder>()
        for (const { peer, slot, bytes, kept, action } of steps) {
          const key = `${peer} ${slot}`
          const holder = open.get(key) ?? holders.open(peer)
          open.set(key, holder)
          if (action === 'close') {
            holder.share.close()
            open.delete(key)
            continue
          }
          holder.bytesKept = Math.min(kept, bytes)
          const grows = bytes > holder.share.bytes
          holder.share.set(bytes)
          const shares = [...open.values()].map(({ share }) => share)
          expect(holders.budget.bytes).toBe(holders.held)
          if (!grows) continue
          // Above a bound nothing is left that could be given up.
          const toShed = shares.reduce((sum, share) => sum + share.bytesToShed, 0)
          if (holders.budget.bytes > MAX) expect(toShed).toBe(0)
          const own = [...open].filter(([name]) => name.startsWith(peer)).map(([, { share }]) => share)
          const sum = own.reduce((total, share) => total + share.bytes, 0)
          if (sum > PER_PEER) expect(own.every(share => share.bytesToShed === 0)).toBe(true)
          expect(holder.share.isOver).toBe(holders.budget.bytes > MAX || sum > PER_PEER)
        }
        for (const { share } of open.values()) share.close()
        expect(holders.budget.bytes).toBe(0)
      }),
      { numRuns: 500 }
    )
  })
})
