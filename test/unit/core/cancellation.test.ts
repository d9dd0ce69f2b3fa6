import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Cancellation } from '../../../src/core/cancellation.ts'
import { PointSubError } from '../../../src/core/errors.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length
}

describe('a cancellation by deadline', () => {
  it('happens when the time is over, not before, and says how long that was', () => {
    using cancellation = new Cancellation({ timeout: 100 }, 'the call')
    vi.advanceTimersByTime(99)
    expect(cancellation.reason).toBeUndefined()
    vi.advanceTimersByTime(1)
    expect(cancellation.reason).toMatchObject({ code: 'ERR_TIMEOUT', message: 'the call took longer than 100 ms' })
  })

  it('leaves no timer when disposed', () => {
    const cancellation = new Cancellation({ timeout: 100 })
    expect(vi.getTimerCount()).toBe(1)
    cancellation[Symbol.dispose]()
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(1_000)
    expect(cancellation.reason).toBeUndefined()
  })

  it('arms no timer when there is none', () => {
    using _ = new Cancellation({ timeout: undefined, signal: undefined })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not come at once for a time longer than a timer can hold', () => {
    using cancellation = new Cancellation({ timeout: 2 ** 31 })
    vi.advanceTimersByTime(60_000)
    expect(cancellation.reason).toBeUndefined()
  })
})

describe('a cancellation by signal', () => {
  it('throws at once when the signal is already aborted', () => {
    const reason = new Error('no longer needed')
    expect(() => new Cancellation({ signal: AbortSignal.abort(reason), timeout: 100 }, 'the call')).toThrow(
      expect.objectContaining({ code: 'ERR_ABORTED', message: 'the call was aborted by its signal', cause: reason })
    )
    expect(vi.getTimerCount()).toBe(0)
  })

  it('happens when the signal is aborted, with its reason as the cause, and disarms the timer', () => {
    const controller = new AbortController()
    using cancellation = new Cancellation({ signal: controller.signal, timeout: 100 })
    controller.abort('because')
    expect(cancellation.reason).toBeInstanceOf(PointSubError)
    expect(cancellation.reason).toMatchObject({ code: 'ERR_ABORTED', cause: 'because' })
    expect(vi.getTimerCount()).toBe(0)
    expect(listenersOf(controller.signal)).toBe(0)
  })

  it('is a timeout when the signal is that of AbortSignal.timeout()', () => {
    const controller = new AbortController()
    using cancellation = new Cancellation({ signal: controller.signal })
    controller.abort(new DOMException('too slow', 'TimeoutError'))
    expect(cancellation.reason).toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  it('names the operation in both cases', () => {
    const controller = new AbortController()
    using cancellation = new Cancellation({ signal: controller.signal }, 'the call')
    controller.abort()
    expect(cancellation.reason?.message).toBe('the call was aborted by its signal')
  })

  it('leaves no listener on the signal when disposed', () => {
    const { signal } = new AbortController()
    const cancellation = new Cancellation({ signal, timeout: 100 })
    expect(listenersOf(signal)).toBe(1)
    cancellation[Symbol.dispose]()
    cancellation[Symbol.dispose]()
    expect(listenersOf(signal)).toBe(0)
  })
})

describe('what waits for a cancellation', () => {
  const reason = new PointSubError('ERR_CLIENT_CLOSED', 'closed')

  it('is told once, the first reason', () => {
    using cancellation = new Cancellation({ timeout: 100 })
    const listener = vi.fn()
    cancellation.onCancel(listener)
    cancellation.cancel(reason)
    cancellation.cancel(new PointSubError('ERR_ABORTED', 'later'))
    vi.advanceTimersByTime(1_000)
    expect(listener.mock.calls).toEqual([[reason]])
    expect(cancellation.reason).toBe(reason)
  })

  it('is told at once when it comes too late', () => {
    using cancellation = new Cancellation({})
    cancellation.cancel(reason)
    const listener = vi.fn()
    const takeBack = cancellation.onCancel(listener)
    expect(listener.mock.calls).toEqual([[reason]])
    expect(takeBack()).toBeFalsy()
  })

  it('is not told after it was taken back, or after the operation ended', () => {
    const listener = vi.fn()
    const controller = new AbortController()
    const cancellation = new Cancellation({ timeout: 100, signal: controller.signal })
    cancellation.onCancel(listener)()
    cancellation.onCancel(listener)
    cancellation[Symbol.dispose]()
    controller.abort()
    vi.advanceTimersByTime(1_000)
    expect(listener).not.toHaveBeenCalled()
  })
})

describe('the AbortSignal of a cancellation', () => {
  const reason = new PointSubError('ERR_TIMEOUT', 'late')

  it('is always the same, and is aborted with the reason', () => {
    using cancellation = new Cancellation({ timeout: 100 })
    const { signal } = cancellation
    expect(cancellation.signal).toBe(signal)
    expect(signal.aborted).toBe(false)
    vi.advanceTimersByTime(100)
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toBe(cancellation.reason)
  })

  it('is aborted from the start when asked for afterwards', () => {
    using cancellation = new Cancellation({})
    cancellation.cancel(reason)
    expect(cancellation.signal.aborted).toBe(true)
    expect(cancellation.signal.reason).toBe(reason)
  })
})
