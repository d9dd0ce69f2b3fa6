import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Cancellation, type CancelOptions } from '../../../src/core/cancellation.ts'
import { type ErrorCode, PointSubError } from '../../../src/core/errors.ts'
import { resolveOptions } from '../../../src/core/option-table.ts'
import { OPTIONS } from '../../../src/core/options.ts'
import { Retry, type RetryOptions } from '../../../src/rpc/retry.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const UNSENT = new PointSubError('ERR_DIAL_FAILED', 'nobody there', { sent: false })
const SENT = new PointSubError('ERR_NO_RESPONSE', 'no answer', { sent: true, peer: 'the peer', protocol: '/p' })

interface Run extends CancelOptions {
  options?: Partial<RetryOptions>
  idempotent?: boolean
  retry?: Retry
}

interface Outcome {
  /** What the call resolved to or was rejected with. */
  readonly result: unknown
  /** When each attempt was made, in ms from the start. */
  readonly at: number[]
  /** When the call ended. */
  readonly end: number
}

function retryWith(options: Partial<RetryOptions> = {}, random?: () => number): Retry {
  return new Retry(resolveOptions(OPTIONS.client, options, 'test'), random)
}

/** Runs a call whose n-th attempt throws the n-th failure, and that succeeds when there are no more. */
async function run(
  failures: readonly unknown[],
  { options, idempotent = true, retry = retryWith(options), ...cancel }: Run = {}
): Promise<Outcome> {
  const start = performance.now()
  const at: number[] = []
  using cancellation = new Cancellation(cancel, 'the call')
  const attempt = async (): Promise<string> => {
    const failure = failures[at.length]
    at.push(performance.now() - start)
    if (failure !== undefined) throw failure
    return 'answer'
  }
  let result: unknown
  let end = 0
  const call = retry
    .run(attempt, cancellation, idempotent)
    .catch((error: unknown) => error)
    .then(settled => {
      result = settled
      end = performance.now() - start
    })
  await vi.runAllTimersAsync()
  await call
  return { result, at, end }
}

const times = (count: number, failure: PointSubError): PointSubError[] => Array.from({ length: count }, () => failure)

describe('a call that fails', () => {
  it('is tried again after retryInterval each time, until it succeeds', async () => {
    expect(await run(times(3, UNSENT))).toEqual({ result: 'answer', at: [0, 1_000, 2_000, 3_000], end: 3_000 })
  })

  it('fails with its last failure after maxRetries retries', async () => {
    const last = new PointSubError('ERR_STREAM_RESET', 'the last one', { sent: true })
    const { result, at } = await run([...times(3, SENT), last, undefined])
    expect(result).toBe(last)
    expect(at).toHaveLength(4)
  })

  it('is not tried again with maxRetries 0', async () => {
    expect(await run([UNSENT], { options: { maxRetries: 0 } })).toEqual({ result: UNSENT, at: [0], end: 0 })
  })

  it('counts its retries, over all calls', async () => {
    const retry = retryWith()
    await run(times(2, UNSENT), { retry })
    await run([], { retry })
    await run(times(9, UNSENT), { retry })
    expect(retry.count).toBe(5)
  })

  it('with something else than a PointSubError fails at once', async () => {
    const bug = new TypeError('a bug')
    expect(await run([bug])).toEqual({ result: bug, at: [0], end: 0 })
  })

  it.each<ErrorCode>([
    'ERR_ABORTED',
    'ERR_CLIENT_CLOSED',
    'ERR_DIAL_SELF',
    'ERR_INVALID_ARGUMENT',
    'ERR_INVALID_FRAME',
    'ERR_INVALID_PEER',
    'ERR_MESSAGE_TOO_LARGE',
    'ERR_NO_NODES',
    'ERR_PEER_NOT_FOUND',
    'ERR_PROTOCOL_UNSUPPORTED'
  ])('with %s fails at once, for another try would not change it', async code => {
    const final = new PointSubError(code, 'final', { sent: false })
    expect((await run([final])).result).toBe(final)
    expect((await run([UNSENT, final])).at).toEqual([0, 1_000])
  })

  it.each<ErrorCode>([
    'ERR_CONNECTION_LOST',
    'ERR_DIAL_FAILED',
    'ERR_NO_RESPONSE',
    'ERR_STREAM_CLOSED',
    'ERR_STREAM_RESET',
    'ERR_TIMEOUT',
    'ERR_TOO_MANY_STREAMS',
    'ERR_UNEXPECTED_EOF'
  ])('with %s is tried again', async code => {
    expect((await run([new PointSubError(code, 'passing', { sent: true })])).result).toBe('answer')
  })
})

describe('a request', () => {
  it('of which nothing has left is tried again even if it is not idempotent', async () => {
    expect((await run(times(3, UNSENT), { idempotent: false })).result).toBe('answer')
  })

  it('that may have reached the peer is not, unless it is idempotent', async () => {
    expect(await run([SENT], { idempotent: false })).toEqual({ result: SENT, at: [0], end: 0 })
    expect((await run([SENT], { idempotent: true })).result).toBe('answer')
  })

  it('that may have reached the peer in an earlier try is not, and says so', async () => {
    const { result, at } = await run([UNSENT, SENT, undefined], { idempotent: false })
    expect(result).toBe(SENT)
    expect(at).toEqual([0, 1_000])
  })

  it('that any try has sent fails as sent, with the last failure', async () => {
    const { result } = await run([SENT, UNSENT, UNSENT, UNSENT])
    expect(result).toMatchObject({ code: 'ERR_DIAL_FAILED', message: 'nobody there', sent: true })
    expect((await run(times(4, UNSENT))).result).toMatchObject({ sent: false })
  })
})

describe('exponential backoff', () => {
  const exponential = { retryBackoff: 'exponential', retryInterval: 100, maxRetries: 9 } as const

  it('doubles up to 32 times retryInterval, and waits the part of it that chance says', async () => {
    const retry = retryWith(exponential, () => 0.5)
    const { at } = await run(times(9, UNSENT), { retry })
    const waits = at.slice(1).map((time, index) => time - (at[index] ?? 0))
    expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 1_600, 1_600, 1_600])
  })

  it('draws anew for each wait, from nothing to the whole', async () => {
    const draws = [0, 0.25, 0.75]
    const retry = retryWith({ ...exponential, maxRetries: 3 }, () => draws.shift() ?? 0)
    const { at } = await run(times(3, UNSENT), { retry })
    expect(at).toEqual([0, 0, 50, 350])
  })

  it('spreads the retries of many calls', async () => {
    const retry = retryWith(exponential)
    const ends = await Promise.all(Array.from({ length: 50 }, () => run([UNSENT], { retry })))
    expect(new Set(ends.map(({ end }) => end)).size).toBeGreaterThan(20)
    expect(ends.every(({ end }) => end >= 0 && end <= 100)).toBe(true)
  })
})

describe('the retry budget', () => {
  it('is 100 at first: then failures come at once, until calls succeed', async () => {
    const retry = retryWith({ maxRetries: 60, retryInterval: 1 })
    await run(times(61, UNSENT), { retry })
    expect(retry.count).toBe(60)
    const { at } = await run(times(61, UNSENT), { retry })
    expect(at).toHaveLength(41)
    expect(await run([UNSENT], { retry })).toMatchObject({ result: UNSENT, at: [0] })
  })

  it.each([1, 3, 7])('gets one back for every ten calls that succeed, also with retryBudget %i', async retryBudget => {
    const retry = retryWith({ retryBudget, maxRetries: 1_000, retryInterval: 1 })
    await run(times(retryBudget + 1, UNSENT), { retry })
    for (let won = 1; won <= 3; won += 1) {
      for (let good = 0; good < 9; good += 1) await run([], { retry })
      expect((await run([UNSENT], { retry })).at, 'after nine').toHaveLength(1)
      await run([], { retry })
      expect((await run([UNSENT, UNSENT], { retry })).at, 'after ten').toHaveLength(2)
    }
  })

  it('does not grow beyond retryBudget', async () => {
    const retry = retryWith({ retryBudget: 2, maxRetries: 1_000, retryInterval: 1 })
    for (let good = 0; good < 100; good += 1) await run([], { retry })
    expect((await run(times(9, UNSENT), { retry })).at).toHaveLength(3)
  })

  it('is not spent on failures that are not tried again', async () => {
    const retry = retryWith({ retryBudget: 1, maxRetries: 1 })
    const final = new PointSubError('ERR_PROTOCOL_UNSUPPORTED', 'no', { sent: false })
    for (let call = 0; call < 5; call += 1) await run([final], { retry })
    for (let call = 0; call < 5; call += 1) await run([SENT], { retry, idempotent: false })
    for (let call = 0; call < 5; call += 1) await run([UNSENT], { retry, timeout: 1_000 })
    expect((await run([UNSENT], { retry })).result).toBe('answer')
  })
})

describe('the deadline', () => {
  it('is not waited past: a wait that would reach it is not begun', async () => {
    expect(await run(times(4, UNSENT), { timeout: 2_000 })).toEqual({ result: UNSENT, at: [0, 1_000], end: 1_000 })
    expect((await run(times(4, UNSENT), { timeout: 2_001 })).at).toEqual([0, 1_000, 2_000])
  })

  it('that has passed during an attempt ends the call with what that failed with', async () => {
    using cancellation = new Cancellation({ timeout: 100 }, 'the call')
    const attempt = vi.fn(() => cancellation.race(new Promise<never>(() => {})))
    const call = retryWith().run(attempt, cancellation, true)
    const failed = expect(call).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
    await vi.runAllTimersAsync()
    await failed
    expect(attempt).toHaveBeenCalledTimes(1)
  })

  it.each<[string, (controller: AbortController, cancellation: Cancellation) => void, ErrorCode]>([
    ['an abort', controller => controller.abort(), 'ERR_ABORTED'],
    [
      'close()',
      (_, cancellation) => cancellation.cancel(new PointSubError('ERR_CLIENT_CLOSED', 'the client was closed')),
      'ERR_CLIENT_CLOSED'
    ]
  ])('or not: %s during the wait ends it at once, with the failure before as cause', async (_, stop, code) => {
    const controller = new AbortController()
    using cancellation = new Cancellation({ signal: controller.signal }, 'the call')
    const attempt = vi.fn(() => Promise.reject(SENT))
    const call = retryWith().run(attempt, cancellation, true)
    const failed = expect(call).rejects.toMatchObject({
      code,
      cause: SENT,
      sent: true,
      peer: 'the peer',
      protocol: '/p'
    })
    await vi.advanceTimersByTimeAsync(500)
    stop(controller, cancellation)
    await failed
    expect(attempt).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is not moved by a clock that jumps', async () => {
    const jumping = setInterval(() => vi.setSystemTime(Math.random() * 1e12), 10)
    setTimeout(() => clearInterval(jumping), 5_000)
    expect(await run(times(4, UNSENT), { timeout: 2_500 })).toMatchObject({ at: [0, 1_000, 2_000] })
  })
})
