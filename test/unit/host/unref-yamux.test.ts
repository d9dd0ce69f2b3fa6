import { multiaddrConnectionPair } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { unrefYamux } from '../../../src/host/unref-yamux.ts'

const INTERVAL = 30_000

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** Our muxer, whose pings a stock one answers, after the first answer. */
async function connected() {
  const [near, far] = multiaddrConnectionPair()
  yamux({ enableKeepAlive: false })().createStreamMuxer(far)
  const muxer = unrefYamux({})().createStreamMuxer(near)
  const ping = vi.spyOn(muxer, 'ping')
  await vi.waitFor(() => expect(muxer.getRTT()).toBeGreaterThanOrEqual(0))
  return { connection: near, muxer, ping }
}

describe('the keep-alive of yamux', () => {
  it('pings at once and 30 s after each answer', async () => {
    const { ping } = await connected()
    expect(ping).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(INTERVAL - 1_000)
    expect(ping).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(ping).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(INTERVAL + 1_000)
    expect(ping).toHaveBeenCalledTimes(3)
  })

  it('ends with the connection and leaves no timer', async () => {
    const { connection, muxer, ping } = await connected()
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
    connection.abort(new Error('gone'))
    await vi.waitFor(() => expect(muxer.status).toBe('closed'))
    expect(vi.getTimerCount()).toBe(0)
    expect(ping).toHaveBeenCalledTimes(1)
  })

  it('does not ping a muxer that is closing', async () => {
    const { muxer, ping } = await connected()
    await muxer.close()
    await vi.advanceTimersByTimeAsync(2 * INTERVAL)
    expect(ping).toHaveBeenCalledTimes(1)
  })
})
