import { describe, expect, it } from 'vitest'
import type { Handler } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { echo, Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'
import { WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')
const NOTHING = { totalRequests: 0, failedRequests: 0, activeRequests: 0, bytesRead: 0, bytesWritten: 0 }

/** Answers twice what was asked, and fails for an empty request. */
const twice: Handler = request => {
  if (request.byteLength === 0) throw new Error('no')
  return new Uint8Array(request.byteLength * 2)
}

describe.each(WIRES)('getMetrics() on the %s wire', wire => {
  /** Streams for so many calls at once. */
  const streams = (calls: number): number => (wire === 'plain' ? calls : 1)

  it('counts what was done, on both sides', async () => {
    await using rpc = await Rpc.create({ wire, handler: twice })
    expect(rpc.server.getMetrics()).toEqual({ ...NOTHING, totalConnections: 0, activeConns: 0 })
    expect(rpc.client.getMetrics()).toEqual({ ...NOTHING, retries: 0 })
    for (let count = 0; count < 3; count += 1) await rpc.send(HELLO)
    await failureOf(rpc.send(new Uint8Array(0)))
    if (wire === 'mux') await rpc.client.close()
    await until(
      'the stream is ended',
      () => rpc.server.activeStreams,
      count => count === 0
    )
    expect(rpc.server.getMetrics()).toEqual({
      totalRequests: 4,
      failedRequests: 1,
      activeRequests: 0,
      totalConnections: rpc.server.getMetrics().totalConnections,
      bytesRead: 15,
      bytesWritten: 30,
      activeConns: 0
    })
    expect(rpc.client.getMetrics()).toEqual({
      totalRequests: 4,
      failedRequests: 1,
      activeRequests: 0,
      retries: 0,
      bytesRead: 30,
      bytesWritten: 15
    })
  })

  it('tells what is going on: requests being handled, streams open', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const calls = Promise.all([rpc.send(HELLO), rpc.send(HELLO), rpc.send(HELLO)])
    await gate.reached(3)
    expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 3, activeRequests: 3, totalConnections: streams(3) })
    expect(rpc.server.getMetrics().activeConns).toBe(streams(3))
    expect(rpc.client.getMetrics()).toMatchObject({ totalRequests: 3, activeRequests: 3, bytesRead: 0 })
    gate.open()
    await calls
    expect(rpc.server.getMetrics()).toMatchObject({ activeRequests: 0, activeConns: streams(3) })
    await rpc.client.close()
    await rpc.nothingLeft()
    expect(rpc.server.getMetrics()).toMatchObject({ activeConns: 0, totalConnections: streams(3) })
  })

  it('counts a request that was given up on once, and as active until its handler ends', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    await rpc.pair.connect()
    await failureOf(rpc.send(HELLO, { timeout: 500 }))
    await rpc.client.close()
    await rpc.nothingLeft()
    expect(rpc.server.getMetrics()).toMatchObject({ activeRequests: 1, activeConns: 0 })
    gate.open()
    await until(
      'the handler ends',
      () => rpc.server.getMetrics(),
      ({ activeRequests, failedRequests }) => activeRequests === 0 && failedRequests === 1
    )
    expect(rpc.server.getMetrics()).toMatchObject({ totalRequests: 1, bytesRead: 5, bytesWritten: 0 })
    expect(rpc.client.getMetrics()).toMatchObject({ totalRequests: 1, failedRequests: 1, activeRequests: 0 })
  })

  it('counts an answer that is too large as failed, and none of its bytes', async () => {
    await using rpc = await Rpc.create({
      wire,
      handler: () => new Uint8Array(101),
      serverOptions: { maxBlockSize: 100 }
    })
    await failureOf(rpc.send(HELLO))
    expect(rpc.server.getMetrics()).toMatchObject({
      totalRequests: 1,
      failedRequests: 1,
      bytesRead: 5,
      bytesWritten: 0
    })
  })

  it('is a copy that does not change', async () => {
    await using rpc = await Rpc.create({ wire })
    const before = rpc.server.getMetrics()
    await rpc.send(HELLO)
    expect(before.totalRequests).toBe(0)
  })
})

describe.each(WIRES)('getConnectionsInfo() on the %s wire', wire => {
  it('describes each open stream, on both sides', async () => {
    await using rpc = await Rpc.create({ wire })
    const start = Date.now()
    expect([rpc.server.getConnectionsInfo(), rpc.client.getConnectionsInfo()]).toEqual([[], []])
    await rpc.send(HELLO)
    const answered = Date.now()
    // A second request on the same stream, once that has rested.
    await until(
      'the stream has rested',
      () => Date.now() - answered,
      milliseconds => milliseconds > 100
    )
    await rpc.send(HELLO)
    const sides = [
      [rpc.server.getConnectionsInfo(), rpc.pair.client, rpc.pair.server],
      [rpc.client.getConnectionsInfo(), rpc.pair.server, rpc.pair.client]
    ] as const
    for (const [info, remote, own] of sides) {
      expect(info).toHaveLength(1)
      const [stream] = info
      if (stream === undefined) throw new Error('no stream')
      expect(Object.keys(stream).toSorted()).toEqual(
        ['createdAt', 'idleTime', 'lastActive', 'peer', 'protocol', 'remoteAddr', 'requestCount', 'wire'].toSorted()
      )
      expect(stream.peer.equals(remote.peerId)).toBe(true)
      expect(own.getConnections().map(({ remoteAddr }) => remoteAddr.toString())).toContain(stream.remoteAddr)
      expect(stream).toMatchObject({ protocol: PROTOCOL, wire, requestCount: 2 })
      expect(stream.createdAt.getTime()).toBeGreaterThanOrEqual(start - 50)
      expect(stream.lastActive.getTime()).toBeGreaterThanOrEqual(stream.createdAt.getTime() + 50)
      expect(stream.idleTime).toBeGreaterThanOrEqual(0)
      expect(stream.idleTime).toBeLessThan(5_000)
    }
  })
})

describe.each(WIRES)('handlers on the %s wire', wire => {
  it('are added and removed while others serve', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const call = rpc.send(HELLO)
    await gate.reached(1)
    await rpc.server.start('/test/second', echo)
    expect(textOf(await rpc.client.send(rpc.address, '/test/second', HELLO))).toBe('hello')
    expect(rpc.server.protocols).toEqual([PROTOCOL, '/test/second'])
    expect(await within(2_000, 'remove()', rpc.server.remove('/test/second'))).toBe(true)
    expect(await failureOf(rpc.client.send(rpc.address, '/test/second', HELLO))).toMatchObject({
      code: 'ERR_PROTOCOL_UNSUPPORTED',
      sent: false
    })
    expect(await rpc.server.remove('/test/second')).toBe(false)
    gate.open()
    expect(textOf(await call)).toBe('hello')
  })

  it('may be replaced: removed with requests in flight, which are answered, and started anew', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const old = rpc.send(HELLO)
    await gate.reached(1)
    const removed = rpc.server.remove(PROTOCOL, { grace: 10_000 })
    await rpc.server.start(PROTOCOL, () => bytesOf('new'))
    expect(textOf(await rpc.send(HELLO))).toBe('new')
    gate.open()
    expect(textOf(await old)).toBe('hello')
    await within(2_000, 'remove()', removed)
    expect(textOf(await rpc.send(HELLO))).toBe('new')
    expect(rpc.server.protocols).toEqual([PROTOCOL])
    expect(rpc.failures).toEqual([])
  })

  it("collide with the user's own, whoever comes first", async () => {
    await using rpc = await Rpc.create({ wire })
    await rpc.pair.server.handle('/test/own', stream => stream.abort(new Error('own')))
    await expect(rpc.server.start('/test/own', echo)).rejects.toMatchObject({
      code: 'ERR_PROTOCOL_EXISTS',
      message: '/test/own is already handled on this host'
    })
    await expect(rpc.server.accept('/test/own').next()).rejects.toMatchObject({ code: 'ERR_PROTOCOL_EXISTS' })
    await expect(rpc.pair.server.handle(PROTOCOL, () => {})).rejects.toMatchObject({
      name: 'DuplicateProtocolHandlerError'
    })
    expect(rpc.server.protocols).toEqual([PROTOCOL])
    await rpc.server.stop()
    expect(rpc.pair.server.getProtocols()).toContain('/test/own')
    await rpc.pair.server.handle(PROTOCOL, () => {})
  })
})
