import { describe, expect, it } from 'vitest'
import type { Conn } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { RawStream } from '../../support/raw.ts'
import { echo, Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'

const RAW = '/test/raw'
const HELLO = bytesOf('hello')

/** A raw stream as both sides have it. */
async function accepted(rpc: Rpc): Promise<{ raw: RawStream; conn: Conn }> {
  const conns = rpc.server.accept(RAW)
  await conns.ready
  const raw = await RawStream.open(await rpc.pair.connect(), RAW)
  raw.send(HELLO)
  const { value } = await conns.next()
  if (value === undefined) throw new Error('nothing was accepted')
  return { raw, conn: value }
}

describe('accept()', () => {
  it('gives the streams of peers as they come, and they count among those served', async () => {
    await using rpc = await Rpc.create()
    const { raw, conn } = await accepted(rpc)
    expect(textOf((await conn.read()) ?? new Uint8Array(0))).toBe('hello')
    await conn.write(bytesOf('welcome'))
    expect(textOf(await raw.receivedAtLeast(7))).toBe('welcome')
    expect(rpc.server.protocols).toEqual([PROTOCOL, RAW])
    expect(rpc.server.getMetrics()).toMatchObject({ totalConnections: 1, activeConns: 1, totalRequests: 0 })
    expect(rpc.server.getConnectionsInfo()).toMatchObject([{ protocol: RAW, requestCount: 0 }])
    await Promise.all([conn.close(), raw.stream.close()])
    await rpc.nothingLeft()
    expect(rpc.server.getMetrics().activeConns).toBe(0)
  })

  it('ends with the loop: the protocol is free again, also for a handler', async () => {
    await using rpc = await Rpc.create()
    const conns = rpc.server.accept(RAW)
    await conns.ready
    await RawStream.open(await rpc.pair.connect(), RAW)
    for await (const conn of conns) {
      conn.reset()
      break
    }
    expect(rpc.server.protocols).toEqual([PROTOCOL])
    expect(await rpc.server.remove(RAW)).toBe(false)
    await rpc.server.start(RAW, echo)
    // A loop that was left has no more to say about what came after it.
    await conns.return()
    expect(rpc.server.protocols).toEqual([PROTOCOL, RAW])
    expect(textOf(await rpc.client.send(rpc.address, RAW, HELLO))).toBe('hello')
  })

  it('ends the loop when the server stops, or the protocol is removed', async () => {
    await using rpc = await Rpc.create()
    const first = rpc.server.accept(RAW)
    const ended = first.next()
    await first.ready
    expect(await rpc.server.remove(RAW)).toBe(true)
    expect(await ended).toEqual({ done: true, value: undefined })
    const second = rpc.server.accept(RAW)
    await second.ready
    const stopped = second.next()
    await rpc.server.stop()
    expect(await stopped).toEqual({ done: true, value: undefined })
    await expect(rpc.server.accept(RAW).next()).rejects.toMatchObject({ code: 'ERR_SERVER_CLOSED' })
  })

  it('comes with `await using`: streams nobody took are reset', async () => {
    await using rpc = await Rpc.create()
    const connection = await rpc.pair.connect()
    let waiting: RawStream | undefined
    {
      await using conns = rpc.server.accept(RAW)
      await conns.ready
      waiting = await RawStream.open(connection, RAW)
      await until(
        'the stream arrives',
        () => rpc.server.activeStreams,
        count => count === 1
      )
    }
    expect(await waiting.ended()).toBe('reset')
    expect(rpc.server.protocols).toEqual([PROTOCOL])
    await nothingLeft(RAW, rpc.pair.both)
  })

  it('of a protocol that is taken fails in the loop: ERR_PROTOCOL_EXISTS', async () => {
    await using rpc = await Rpc.create()
    await expect(rpc.server.accept(PROTOCOL).next()).rejects.toMatchObject({ code: 'ERR_PROTOCOL_EXISTS' })
    await expect(rpc.server.accept('').next()).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(textOf(await rpc.send(HELLO))).toBe('hello')
  })
})

describe('stop({ grace }) with raw streams', () => {
  it('leaves them to their owner until the grace is over, then resets them', async () => {
    await using rpc = await Rpc.create()
    const { raw, conn } = await accepted(rpc)
    const start = performance.now()
    const stopped = rpc.server.stop({ grace: 300 })
    await conn.write(bytesOf('still here'))
    expect(textOf(await raw.receivedAtLeast(10))).toBe('still here')
    expect(await raw.ended()).toBe('reset')
    expect(performance.now() - start).toBeGreaterThanOrEqual(290)
    await within(1_000, 'stop()', stopped)
    await expect(conn.write(HELLO)).rejects.toMatchObject({ code: 'ERR_SERVER_CLOSED' })
    await rpc.nothingLeft()
  })

  it('ends as soon as their owner has closed them, and the calls in flight are answered', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ handler: gate.handler })
    const { raw, conn } = await accepted(rpc)
    const call = rpc.send(HELLO)
    await gate.reached(1)
    const stopped = rpc.server.stop({ grace: 20_000 })
    gate.open()
    expect(textOf(await call)).toBe('hello')
    await Promise.all([conn.close(), raw.stream.close()])
    await within(2_000, 'stop()', stopped)
    expect(rpc.failures).toEqual([])
  })
})
