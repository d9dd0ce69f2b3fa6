import { describe, expect, it } from 'vitest'
import { bytesOf, frameOf, join, textOf } from '../../support/bytes.ts'
import { RawStream } from '../../support/raw.ts'
import { Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'
import { WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')
const FRAME = frameOf(HELLO)

async function rawStream(rpc: Rpc): Promise<RawStream> {
  return RawStream.open(await rpc.pair.connect(), PROTOCOL)
}

/** A stream on which one request has been answered. */
async function usedStream(rpc: Rpc): Promise<RawStream> {
  const raw = await rawStream(rpc)
  raw.send(FRAME)
  await raw.receivedAtLeast(FRAME.byteLength)
  return raw
}

async function several(count: number, open: () => Promise<RawStream>): Promise<RawStream[]> {
  return Promise.all(Array.from({ length: count }, open))
}

async function serving(rpc: Rpc, streams: number): Promise<void> {
  await until(
    `${streams} streams are served`,
    () => rpc.server.activeStreams,
    count => count === streams
  )
}

describe('maxConcurrentConns', () => {
  it('is how many streams are served at once: one more is reset, ERR_MAX_CONNS', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ handler: gate.handler, serverOptions: { maxConcurrentConns: 5 } })
    const streams = await several(5, () => rawStream(rpc))
    for (const raw of streams) raw.send(FRAME)
    await gate.reached(5)
    const late = await rawStream(rpc)
    expect(await late.ended()).toBe('reset')
    expect(rpc.failures.map(({ error }) => error)).toMatchObject([
      { code: 'ERR_MAX_CONNS', message: '5 streams are open already', protocol: PROTOCOL }
    ])
    expect(rpc.server.getMetrics()).toMatchObject({ totalConnections: 5, activeConns: 5, totalRequests: 5 })
    gate.open()
    for (const raw of streams) expect(textOf((await raw.receivedAtLeast(9)).slice(4))).toBe('hello')
    for (const { stream } of streams) await stream.close()
    await serving(rpc, 0)
    const again = await several(5, () => rawStream(rpc))
    await serving(rpc, 5)
    expect(again.some(({ isOver }) => isOver)).toBe(false)
    for (const { stream } of again) await stream.close()
    await rpc.nothingLeft()
  })

  it('makes room by ending a stream that has not been used lately', async () => {
    await using rpc = await Rpc.create({ serverOptions: { maxConcurrentConns: 5 } })
    const streams: RawStream[] = []
    for (let count = 0; count < 5; count += 1) streams.push(await usedStream(rpc))
    const start = performance.now()
    await until(
      'the streams count as unused',
      () => performance.now() - start,
      milliseconds => milliseconds > 120
    )
    const late = await usedStream(rpc)
    expect(late.isOver).toBe(false)
    expect(await streams[0]?.ended()).toBe('reset')
    expect(streams.map(({ isOver }) => isOver)).toEqual([true, false, false, false, false])
    expect(rpc.failures).toEqual([])
    expect(rpc.server.activeStreams).toBe(5)
  })

  it('never takes the place of a request being handled', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ handler: gate.handler, serverOptions: { maxConcurrentConns: 2 } })
    const streams = await several(2, () => rawStream(rpc))
    for (const raw of streams) raw.send(FRAME)
    await gate.reached(2)
    for (let round = 0; round < 20; round += 1) expect(await (await rawStream(rpc)).ended()).toBe('reset')
    gate.open()
    await Promise.all(streams.map(async raw => raw.receivedAtLeast(9)))
    expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 2, failedRequests: 0, activeRequests: 0 })
  })

  it('adapts as Go does: an idle server grows to 9,829', async () => {
    await using rpc = await Rpc.create()
    expect(rpc.server.maxStreams).toBe(1_000)
    for (let count = 0; count < 12; count += 1) await (await usedStream(rpc)).stream.close()
    await until(
      'it grows',
      () => rpc.server.maxStreams,
      max => max === 9_829
    )
    await rpc.nothingLeft()
  })

  it('counts back to nothing after streams that ended in every way', async () => {
    await using rpc = await Rpc.create({ serverOptions: { maxConcurrentConns: 30 } })
    for (let round = 0; round < 5; round += 1) {
      const streams = await several(30, () => rawStream(rpc))
      await serving(rpc, 30)
      for (const [index, raw] of streams.entries()) {
        if (index % 5 === 0) raw.stream.abort(new Error('enough'))
        if (index % 5 === 1) raw.send(Uint8Array.of(255, 255, 255, 255))
        if (index % 5 === 2) raw.send(Uint8Array.of(0, 0))
        if (index % 5 === 3) raw.send(FRAME)
        if (index % 5 !== 0) await raw.stream.close()
      }
      await serving(rpc, 0)
    }
    await rpc.nothingLeft()
    expect(rpc.failures.some(({ error }) => error.code === 'ERR_MAX_CONNS')).toBe(false)
    expect(rpc.server.getMetrics()).toMatchObject({ activeConns: 0, activeRequests: 0, totalConnections: 150 })
  })
})

describe('maxRequestsPerConn', () => {
  it('sends the FIN right behind the last answer; requests beyond it are not handled', async () => {
    let handled = 0
    const handler = (request: Uint8Array): Uint8Array => {
      handled += 1
      return request
    }
    await using rpc = await Rpc.create({ handler, serverOptions: { maxRequestsPerConn: 3 } })
    const raw = await rawStream(rpc)
    raw.send(join(...Array.from({ length: 10 }, (_, index) => frameOf(Uint8Array.of(index)))))
    expect(await raw.ended()).toBe('fin')
    expect([...raw.received]).toEqual([0, 1, 2].flatMap(index => [0, 0, 0, 1, index]))
    expect(handled).toBe(3)
    expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 3, failedRequests: 0, bytesRead: 3 })
    await raw.stream.close()
    await rpc.nothingLeft()
    expect(rpc.failures).toEqual([])
  })

  it.each(WIRES)('costs a client of the %s wire no call', async wire => {
    await using rpc = await Rpc.create({ wire, serverOptions: { maxRequestsPerConn: 7 } })
    for (let index = 0; index < 100; index += 1) {
      expect(textOf(await rpc.send(bytesOf(`call ${index}`)))).toBe(`call ${index}`)
    }
    expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 100, failedRequests: 0 })
  })
})

describe('maxIdleTime and cleanupInterval', () => {
  const serverOptions = { maxIdleTime: 200, cleanupInterval: 50 }

  it('end a stream on which nothing happens, before idleTimeout would', async () => {
    await using rpc = await Rpc.create({ serverOptions })
    const start = performance.now()
    const raw = await usedStream(rpc)
    expect(await raw.ended()).toBe('fin')
    expect(performance.now() - start).toBeGreaterThanOrEqual(190)
    await raw.stream.close()
    await rpc.nothingLeft()
    expect(rpc.failures).toEqual([])
  })

  it('leave a request alone that is being handled for longer', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ handler: gate.handler, serverOptions })
    const busy = await rawStream(rpc)
    busy.send(FRAME)
    await gate.reached(1)
    const idle = await rawStream(rpc)
    expect(await idle.ended()).toBe('fin')
    gate.open()
    await busy.receivedAtLeast(9)
  })

  it('end a raw stream that was accepted and is silent; one that is used stays', async () => {
    await using rpc = await Rpc.create({ serverOptions })
    const conns = rpc.server.accept('/test/raw')
    await conns.ready
    const connection = await rpc.pair.connect()
    const silent = await RawStream.open(connection, '/test/raw')
    const used = await RawStream.open(connection, '/test/raw')
    const [one, other] = [await conns.next(), await conns.next()]
    const timer = setInterval(() => used.send(HELLO), 40)
    expect(await silent.ended()).toBe('fin')
    expect(used.isOver || used.finished).toBe(false)
    clearInterval(timer)
    expect(await used.ended()).toBe('fin')
    expect([one.done, other.done]).toEqual([false, false])
    await Promise.all([silent.stream.close(), used.stream.close()])
    await serving(rpc, 0)
  })

  it('give up a peer that does not end its side', async () => {
    await using rpc = await Rpc.create({ serverOptions })
    const raw = await usedStream(rpc)
    expect(await raw.ended()).toBe('fin')
    await within(5_000, 'the server lets go', serving(rpc, 0))
    await rpc.nothingLeft()
  })
})
