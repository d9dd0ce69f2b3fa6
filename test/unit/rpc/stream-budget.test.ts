import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlaceAccount, StreamBudget } from '../../../src/rpc/stream-budget.ts'
import { turn } from '../../support/until.ts'

/** A pool as the budget sees it. */
class Holder {
  readonly account: PlaceAccount
  /** For how long it has not used a place, in ms; undefined when it uses all. */
  unusedFor: number | undefined
  readonly asked: number[] = []
  rejected = 0

  constructor(budget: StreamBudget) {
    this.account = budget.open(this)
  }

  yieldUnused(milliseconds: number): boolean {
    this.asked.push(milliseconds)
    return this.unusedFor !== undefined && this.unusedFor >= milliseconds && this.account.places > 0
  }

  take(onHas: () => void = () => {}): void {
    this.account.take().then(onHas, () => {
      this.rejected += 1
    })
  }

  get places(): number {
    return this.account.places
  }
}

function budgetOf(max: number, pools: number): { budget: StreamBudget; holders: Holder[]; clock: { now: number } } {
  const clock = { now: 0 }
  const budget = new StreamBudget(max, () => clock.now)
  return { budget, clock, holders: Array.from({ length: pools }, () => new Holder(budget)) }
}

const placesOf = (holders: Holder[]): number[] => holders.map(({ places }) => places)

describe('the places of a StreamBudget', () => {
  it('are given at once while there are some, then to pools in the order they asked', async () => {
    const { budget, holders } = budgetOf(1, 4)
    const order: number[] = []
    for (const [index, holder] of holders.entries()) holder.take(() => order.push(index))
    await turn()
    expect(order).toEqual([0])
    for (const holder of holders) {
      expect(budget.taken).toBe(1)
      holder.account.give()
      await turn()
    }
    expect(order).toEqual([0, 1, 2, 3])
    expect(budget.taken).toBe(0)
  })

  it('go to who has less than his share before those who came earlier', async () => {
    const { holders } = budgetOf(4, 2)
    const [rich, poor] = holders
    for (let asked = 0; asked < 6; asked += 1) rich?.take()
    poor?.take()
    rich?.account.give()
    expect(placesOf(holders)).toEqual([3, 1])
    rich?.account.give()
    await turn()
    expect(placesOf(holders)).toEqual([3, 1])
  })

  it('that were asked for can be withdrawn: only those of one pool, and the next one has its turn', async () => {
    const { holders } = budgetOf(1, 3)
    const [holding, leaving, waiting] = holders
    holding?.take()
    for (let asked = 0; asked < 100; asked += 1) leaving?.take()
    waiting?.take()
    leaving?.account.withdraw()
    await turn()
    expect(leaving?.rejected).toBe(100)
    holding?.account.give()
    expect(placesOf(holders)).toEqual([0, 0, 1])
  })

  it('above a share have to be yielded, one for each who waits', () => {
    const { holders } = budgetOf(4, 2)
    const [rich, poor] = holders
    for (let asked = 0; asked < 4; asked += 1) rich?.take()
    expect(rich?.account.mustYield(true)).toBe(false)
    poor?.take()
    poor?.take()
    expect([rich, rich, rich].map(holder => holder?.account.mustYield(true))).toEqual([true, true, false])
  })

  it('within a share are yielded only when who has none has waited for 50 ms', () => {
    const { holders, clock } = budgetOf(2, 3)
    const [one, two, third] = holders
    one?.take()
    two?.take()
    third?.take()
    clock.now = 50
    expect([one, two].map(holder => holder?.account.mustYield(true))).toEqual([false, false])
    clock.now = 51
    expect([one, two].map(holder => holder?.account.mustYield(true))).toEqual([true, false])
    one?.account.give()
    expect(placesOf(holders)).toEqual([0, 1, 1])
  })

  it('that are unused are asked of others: at once of the rich for the poor, else after a second', () => {
    const { budget, holders } = budgetOf(4, 2)
    const [rich, poor] = holders
    for (let asked = 0; asked < 4; asked += 1) rich?.take()
    poor?.take()
    expect(rich?.asked).toEqual([0])
    poor?.take()
    poor?.take()
    budget.sweep()
    expect(rich?.asked.slice(-3)).toEqual([0, 0, 0])
    expect(poor?.asked).toEqual([])
    const even = budgetOf(2, 2)
    for (const holder of even.holders) holder.take()
    even.holders[0]?.take()
    even.budget.sweep()
    expect(even.holders[1]?.asked).toEqual([1_000])
  })

  it('come back when a pool is closed, once', async () => {
    const { budget, holders } = budgetOf(3, 2)
    const [closing, waiting] = holders
    for (let asked = 0; asked < 5; asked += 1) closing?.take()
    for (let asked = 0; asked < 2; asked += 1) waiting?.take()
    closing?.account.close()
    closing?.account.close()
    closing?.account.give()
    await turn()
    expect(placesOf(holders)).toEqual([0, 2])
    expect([budget.taken, closing?.rejected]).toEqual([2, 2])
  })
})

const STEPS = fc.array(
  fc.record({
    kind: fc.constantFrom('take', 'take', 'give', 'withdraw', 'yield', 'sweep', 'wait', 'close'),
    who: fc.nat({ max: 4 })
  }),
  { maxLength: 120 }
)

describe('whatever happens, in whatever order', () => {
  it('no more places are taken than there are, nobody waits beside a free one, and all come back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 7 }), STEPS, async (max, steps) => {
        const { budget, holders, clock } = budgetOf(max, 5)
        const [asked, has] = [new Map<Holder, number>(), new Map<Holder, number>()]
        const closed = new Set<Holder>()
        const add = (to: Map<Holder, number>, holder: Holder): void => void to.set(holder, (to.get(holder) ?? 0) + 1)
        for (const { kind, who } of steps) {
          const holder = holders[who]
          if (holder === undefined || closed.has(holder)) continue
          if (kind === 'take') {
            add(asked, holder)
            holder.take(() => add(has, holder))
          }
          if (kind === 'give' && holder.places > 0) holder.account.give()
          if (kind === 'yield' && holder.places > 0 && holder.account.mustYield(true)) holder.account.give()
          if (kind === 'withdraw') holder.account.withdraw()
          if (kind === 'sweep') budget.sweep()
          if (kind === 'wait') clock.now += 60
          if (kind === 'close') {
            holder.account.close()
            closed.add(holder)
          }
          const sum = placesOf(holders).reduce((one, other) => one + other, 0)
          expect(sum).toBe(budget.taken)
          expect(sum).toBeLessThanOrEqual(max)
          expect(holder.places).toBeGreaterThanOrEqual(0)
          await turn()
          const waiting = holders.filter(each => (asked.get(each) ?? 0) > (has.get(each) ?? 0) + each.rejected)
          if (waiting.length > 0) expect(budget.taken).toBe(max)
        }
        for (const holder of holders) holder.account.close()
        await turn()
        expect(budget.taken).toBe(0)
        for (const holder of holders) expect(asked.get(holder) ?? 0).toBe((has.get(holder) ?? 0) + holder.rejected)
      }),
      { numRuns: 300 }
    )
  })
})
