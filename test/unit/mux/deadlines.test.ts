import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Deadlines } from '../../../src/mux/deadlines.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('the deadlines of many calls', () => {
  it('are told each when it is due, whatever the order in which they were set', () => {
    const due: string[] = []
    const start = performance.now()
    const deadlines = new Deadlines<string>(name => due.push(`${name} at ${Math.round(performance.now() - start)}`))
    deadlines.add('late', start + 300)
    deadlines.add('early', start + 100)
    deadlines.add('taken back', start + 150)
    deadlines.add('middle', start + 200)
    deadlines.delete('taken back')
    vi.advanceTimersByTime(1_000)
    expect(due).toEqual(['early at 100', 'middle at 200', 'late at 300'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('have one timer, however many they are', () => {
    const deadlines = new Deadlines<number>(() => {})
    for (let call = 0; call < 1_000; call += 1) deadlines.add(call, performance.now() + 1_000 + call)
    expect(vi.getTimerCount()).toBe(1)
    for (let call = 0; call < 1_000; call += 1) deadlines.delete(call)
    vi.advanceTimersByTime(5_000)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('may be set anew by what is told of one, and are forgotten when cleared', () => {
    const due: number[] = []
    const deadlines: Deadlines<number> = new Deadlines(item => {
      due.push(item)
      if (item < 3) deadlines.add(item + 1, performance.now() + 10)
    })
    deadlines.add(1, performance.now() + 10)
    vi.advanceTimersByTime(100)
    expect(due).toEqual([1, 2, 3])
    deadlines.add(1, performance.now() + 10)
    deadlines.clear()
    vi.advanceTimersByTime(100)
    expect(due).toEqual([1, 2, 3])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that never come set no timer', () => {
    new Deadlines<number>(() => {}).add(1, Number.POSITIVE_INFINITY)
    expect(vi.getTimerCount()).toBe(0)
  })
})
