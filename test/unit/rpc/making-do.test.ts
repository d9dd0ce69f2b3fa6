import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MakingDo } from '../../../src/rpc/making-do.ts'

describe('making do with the streams that are open', () => {
  let back: number[] = []
  let makingDo: MakingDo<number>

  beforeEach(() => {
    vi.useFakeTimers()
    back = []
    makingDo = new MakingDo(place => back.push(place))
  })
  afterEach(() => vi.useRealTimers())

  it('keeps places, and then tries one, two, four of them as long as nothing speaks against it', () => {
    for (let place = 0; place < 10; place += 1) makingDo.keep(place)
    expect([makingDo.isOn, makingDo.keeps(9), back]).toEqual([true, true, []])
    vi.advanceTimersByTime(249)
    expect(back).toEqual([])
    for (const many of [1, 3, 7, 10]) {
      vi.advanceTimersByTime(250)
      expect(back).toHaveLength(many)
      expect(makingDo.isOn).toBe(false)
    }
    expect(vi.getTimerCount()).toBe(0)
  })

  it('waits twice as long each time that fails, 2 s at the most, and as at first again when one has worked', () => {
    for (const pause of [250, 500, 1_000, 2_000, 2_000]) {
      makingDo.keep(1)
      vi.advanceTimersByTime(pause - 1)
      expect(makingDo.isOn).toBe(true)
      vi.advanceTimersByTime(1)
      expect(makingDo.isOn).toBe(false)
    }
    makingDo.worked()
    makingDo.keep(1)
    vi.advanceTimersByTime(250)
    expect(makingDo.isOn).toBe(false)
  })

  it('a refusal while it tries again stops that', () => {
    for (let place = 0; place < 10; place += 1) makingDo.keep(place)
    vi.advanceTimersByTime(250)
    makingDo.keep(0)
    vi.advanceTimersByTime(499)
    expect(back).toEqual([0])
    vi.advanceTimersByTime(1)
    expect(back).toHaveLength(2)
  })

  it('gives everything back at its end, and a place to who needs it', () => {
    for (let place = 0; place < 3; place += 1) makingDo.keep(place)
    expect(makingDo.take()).toBe(0)
    makingDo.end()
    expect([back, makingDo.isOn, makingDo.take(), vi.getTimerCount()]).toEqual([[1, 2], false, undefined, 0])
  })
})
