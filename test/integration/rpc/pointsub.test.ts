import { describe, expect, it } from 'vitest'
import { PointSub, type PointSubOptions, Server } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { addressOf, HostPair } from '../../support/hosts.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { echo, Gate, PROTOCOL } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'

const HELLO = bytesOf('hello')

/** A PointSub on each of two hosts; the second one may serve. */
class Facades implements AsyncDisposable {
  readonly pair: HostPair
  readonly caller: PointSub
  readonly callee: PointSub

  private constructor(pair: HostPair, options: PointSubOptions) {
    this.pair = pair
    this.caller = new PointSub(pair.client, { client: { maxRetries: 0 } })
    this.callee = new PointSub(pair.server, options)
  }

  static async create(options: PointSubOptions = { server: true }): Promise<Facades> {
    return new Facades(await HostPair.create(), options)
  }

  send(): Promise<string> {
    return this.caller.send(this.pair.address, PROTOCOL, HELLO).then(textOf)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.caller.stop({ grace: 0 }), this.callee.stop({ grace: 0 })])
    await this.pair[Symbol.asyncDispose]()
  }
}

describe('a PointSub', () => {
  it('is client and server in one: start, send, sendClosest', async () => {
    await using both = await Facades.create()
    await both.callee.start(PROTOCOL, echo)
    expect(await both.send()).toBe('hello')
    both.caller.client.addServerNode(PROTOCOL, both.pair.address)
    const { response, target } = await both.caller.sendClosest(PROTOCOL, HELLO)
    expect([textOf(response), target.toString()]).toEqual(['hello', both.pair.server.peerId.toString()])
    const excluded = both.caller.sendClosest(PROTOCOL, HELLO, { exclude: [both.pair.server.peerId] })
    expect(await failureOf(excluded)).toMatchObject({ code: 'ERR_NO_NODES' })
    expect(both.caller.client.getMetrics()).toMatchObject({ totalRequests: 3, failedRequests: 1 })
    expect(both.callee.server?.getMetrics()).toMatchObject({ totalRequests: 2, failedRequests: 0 })
    await both.caller.stop()
    await both.callee.stop()
    await nothingLeft(PROTOCOL, both.pair.both)
  })

  it.each<[string, PointSubOptions | undefined, boolean]>([
    ['nothing', undefined, false],
    ['server: false', { server: false }, false],
    ['server: undefined', { server: undefined }, false],
    ['server: true', { server: true }, true],
    ['options of the server', { server: { maxConcurrentConns: 5 } }, true]
  ])('that is given %s has a running server: %#', async (_, options, running) => {
    await using pair = await HostPair.create()
    await using facade = new PointSub(pair.server, options)
    expect([facade.isServerRunning(), facade.server instanceof Server]).toEqual([running, running])
  })

  it('hands its options on, and refuses what they refuse: ERR_INVALID_CONFIG', async () => {
    await using pair = await HostPair.create()
    const invalid = expect.objectContaining({ code: 'ERR_INVALID_CONFIG' })
    expect(() => new PointSub(pair.server, { client: { maxRetries: -1 } })).toThrow(invalid)
    expect(() => new PointSub(pair.server, { server: { maxIdleTime: 0 } })).toThrow(invalid)
    await using facade = new PointSub(pair.server)
    expect(() => facade.startServer({ maxIdleTime: 0 })).toThrow(invalid)
    expect(facade.isServerRunning()).toBe(false)
    const nodes = { [PROTOCOL]: [addressOf(pair.client)] }
    await using knowing = new PointSub(pair.server, { client: { serverProtocols: nodes } })
    expect(knowing.client.getServerNodes(PROTOCOL)).toHaveLength(1)
  })

  it('takes no handler while its server is not running: ERR_SERVER_CLOSED', async () => {
    await using both = await Facades.create({})
    expect(await failureOf(both.callee.start(PROTOCOL, echo))).toMatchObject({
      code: 'ERR_SERVER_CLOSED',
      protocol: PROTOCOL
    })
    both.callee.startServer()
    await both.callee.start(PROTOCOL, echo)
    expect(await failureOf(both.callee.start(PROTOCOL, echo))).toMatchObject({ code: 'ERR_PROTOCOL_EXISTS' })
    expect(await both.send()).toBe('hello')
  })

  it('keeps the server that is running when it is started again', async () => {
    await using both = await Facades.create()
    await both.callee.start(PROTOCOL, echo)
    const { server } = both.callee
    both.callee.startServer({ maxBlockSize: 1 })
    expect(both.callee.server).toBe(server)
    expect(await both.send()).toBe('hello')
  })

  it('stops its server and starts a new one, without the handlers of the old one; its client goes on', async () => {
    await using both = await Facades.create()
    await both.callee.start(PROTOCOL, echo)
    expect(await both.send()).toBe('hello')
    await both.callee.stopServer()
    expect([both.callee.isServerRunning(), both.callee.server]).toEqual([false, undefined])
    await both.callee.stopServer()
    expect(await failureOf(both.send())).toMatchObject({ code: 'ERR_PROTOCOL_UNSUPPORTED', sent: false })
    both.callee.startServer()
    expect(await failureOf(both.send())).toMatchObject({ code: 'ERR_PROTOCOL_UNSUPPORTED' })
    await both.callee.start(PROTOCOL, echo)
    expect(await both.send()).toBe('hello')
    both.caller.startServer()
    await both.caller.start('/back', echo)
    expect(textOf(await both.callee.send(both.pair.client.peerId, '/back', HELLO))).toBe('hello')
  })

  it('lets requests finish when it stops, as the server does', async () => {
    const gate = new Gate()
    await using both = await Facades.create()
    await both.callee.start(PROTOCOL, gate.handler)
    const call = both.send()
    await gate.reached(1)
    const stopping = both.callee.stop({ grace: 10_000 })
    expect(both.callee.isServerRunning()).toBe(false)
    gate.open()
    expect(await call).toBe('hello')
    await stopping
    expect(await failureOf(both.callee.send(both.pair.client.peerId, PROTOCOL, HELLO))).toMatchObject({
      code: 'ERR_CLIENT_CLOSED'
    })
    await nothingLeft(PROTOCOL, both.pair.both)
  })

  it('that stops without grace ends what is being handled', async () => {
    const gate = new Gate()
    await using both = await Facades.create()
    await both.callee.start(PROTOCOL, gate.handler)
    const call = failureOf(both.caller.send(both.pair.address, PROTOCOL, HELLO))
    await gate.reached(1)
    await both.callee.stop({ grace: 0 })
    expect(await call).toMatchObject({ code: 'ERR_SERVER_CLOSED', sent: true, remote: true })
    gate.open()
    await nothingLeft(PROTOCOL, both.pair.both)
  })

  it('whose options are refused keeps its server', async () => {
    await using both = await Facades.create()
    await both.callee.start(PROTOCOL, echo)
    expect(await failureOf(both.callee.stopServer({ grace: -1 }))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(both.callee.isServerRunning()).toBe(true)
    expect(textOf(await both.caller.send(both.pair.address, PROTOCOL, HELLO))).toBe('hello')
    await both.callee.stopServer()
    expect(both.callee.isServerRunning()).toBe(false)
  })

  it('is stopped by await using, and the host goes on', async () => {
    await using pair = await HostPair.create()
    {
      await using facade = new PointSub(pair.server, { server: true })
      await facade.start(PROTOCOL, echo)
      expect(pair.server.getProtocols()).toContain(PROTOCOL)
    }
    await until(
      'the protocol is free',
      () => pair.server.getProtocols(),
      protocols => !protocols.includes(PROTOCOL)
    )
    await using again = new PointSub(pair.server, { server: true })
    await again.start(PROTOCOL, echo)
    await using caller = new PointSub(pair.client)
    expect(textOf(await caller.send(pair.address, PROTOCOL, HELLO))).toBe('hello')
  })
})
