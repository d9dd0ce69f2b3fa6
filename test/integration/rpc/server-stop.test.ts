import { describe, expect, it } from 'vitest'
import { Client, type Handler, Server } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { echo, Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'
import { type PerWire, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

/** What a call gets that was being handled when the grace was over. */
const STOPPED: PerWire<string> = { plain: 'ERR_STREAM_RESET', mux: 'ERR_SERVER_CLOSED' }

describe.each(WIRES)('stopping a server, for callers on the %s wire,', wire => {
  it('that is idle ends its streams at once and leaves nothing', async () => {
    await using rpc = await Rpc.create({ wire })
    await Promise.all(Array.from({ length: 20 }, () => rpc.send(HELLO)))
    expect(rpc.server.activeStreams).toBeGreaterThan(0)
    await within(2_000, 'stop()', rpc.server.stop())
    expect(rpc.server.activeStreams).toBe(0)
    await rpc.nothingLeft()
    expect(rpc.failures).toEqual([])
  })

  it('that never started, or twice, is no trouble', async () => {
    await using rpc = await Rpc.create({ wire })
    const server = new Server(rpc.pair.server)
    await server.stop()
    await Promise.all([rpc.server.stop(), rpc.server.stop(), rpc.server.stop({ grace: 1 })])
    await rpc.nothingLeft()
  })

  it('lets the requests finish that are being handled', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const calls = Promise.all(Array.from({ length: 10 }, (_, index) => rpc.send(bytesOf(`call ${index}`))))
    await gate.reached(10)
    const stopped = rpc.server.stop({ grace: 10_000 })
    expect(await failureOf(rpc.client.send(rpc.address, '/test/other', HELLO))).toMatchObject({ sent: false })
    gate.open()
    expect((await calls).map(textOf)).toEqual(Array.from({ length: 10 }, (_, index) => `call ${index}`))
    await within(2_000, 'stop()', stopped)
    await rpc.nothingLeft()
    expect(rpc.failures).toEqual([])
  })

  it('takes no new calls meanwhile: they fail with nothing sent', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const first = rpc.send(HELLO)
    await gate.reached(1)
    const stopped = rpc.server.stop({ grace: 10_000 })
    await using other = new Client(rpc.pair.client, { wire })
    const refused = failureOf(other.send(rpc.address, PROTOCOL, HELLO))
    expect(await refused).toMatchObject({ code: 'ERR_PROTOCOL_UNSUPPORTED', sent: false })
    gate.open()
    await first
    await stopped
    expect(gate.entered).toBe(1)
  })

  it('resets after the time of grace what is still being handled', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const call = failureOf(rpc.send(HELLO))
    await gate.reached(1)
    const start = performance.now()
    const stopped = rpc.server.stop({ grace: 200 })
    expect(await call).toMatchObject({ code: STOPPED[wire], sent: true })
    expect(performance.now() - start).toBeGreaterThanOrEqual(190)
    gate.open()
    await within(2_000, 'stop()', stopped)
    await rpc.nothingLeft()
  })

  it('resets at once without grace', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const call = failureOf(rpc.send(HELLO))
    await gate.reached(1)
    const stopped = rpc.server.stop({ grace: 0 })
    expect(await within(1_000, 'the call fails', call)).toMatchObject({ code: STOPPED[wire] })
    gate.open()
    await within(2_000, 'stop()', stopped)
  })

  it('waits as long as it is told, however long that is', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const call = Promise.allSettled([rpc.send(HELLO)])
    await gate.reached(1)
    const stopped = rpc.server.stop({ grace: Number.POSITIVE_INFINITY })
    // A round trip later the stream would long have been reset.
    await failureOf(rpc.client.send(rpc.address, '/test/other', HELLO))
    gate.open()
    expect(await call).toEqual([{ status: 'fulfilled', value: HELLO }])
    await stopped
  })

  it('ends although a handler never does', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ wire, handler: gate.handler })
    const call = failureOf(rpc.send(HELLO))
    await gate.reached(1)
    await within(3_000, 'stop()', rpc.server.stop({ grace: 100 }))
    expect(await call).toMatchObject({ code: STOPPED[wire], sent: true })
    await rpc.nothingLeft()
  })

  it('aborts the signal of the requests being handled, so that handlers can end', async () => {
    const reasons: unknown[] = []
    let waiting = false
    const handler: Handler = (request, { signal }) =>
      new Promise(resolve => {
        waiting = true
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason)
          resolve(request)
        })
      })
    await using rpc = await Rpc.create({ wire, handler })
    const call = failureOf(rpc.send(HELLO))
    await until(
      'the request arrives',
      () => waiting,
      arrived => arrived
    )
    await within(3_000, 'stop()', rpc.server.stop({ grace: 100 }))
    await call
    expect(reasons).toEqual([expect.objectContaining({ code: 'ERR_SERVER_CLOSED' })])
    await rpc.nothingLeft()
  })

  it('comes with the end of `await using`', async () => {
    await using rpc = await Rpc.create({ wire })
    {
      await using server = new Server(rpc.pair.server)
      await server.start('/test/scoped', echo)
      expect(textOf(await rpc.client.send(rpc.address, '/test/scoped', HELLO))).toBe('hello')
    }
    expect(await failureOf(rpc.client.send(rpc.address, '/test/scoped', HELLO))).toMatchObject({
      code: 'ERR_PROTOCOL_UNSUPPORTED'
    })
  })
})

describe('starting a protocol', () => {
  it('that the host handles already is refused, whoever handles it: ERR_PROTOCOL_EXISTS', async () => {
    await using rpc = await Rpc.create()
    const second = new Server(rpc.pair.server)
    for (const server of [rpc.server, second]) {
      await expect(server.start(PROTOCOL, echo)).rejects.toMatchObject({
        code: 'ERR_PROTOCOL_EXISTS',
        protocol: PROTOCOL
      })
    }
    expect(second.protocols).toEqual([])
    expect(textOf(await rpc.send(HELLO))).toBe('hello')
  })

  it('on a stopped server is refused: ERR_SERVER_CLOSED', async () => {
    await using rpc = await Rpc.create()
    await rpc.server.stop()
    await expect(rpc.server.start('/test/late', echo)).rejects.toMatchObject({ code: 'ERR_SERVER_CLOSED' })
  })

  it('while the server is being stopped does not leave it handled', async () => {
    await using rpc = await Rpc.create()
    const started = Promise.allSettled([rpc.server.start('/test/late', echo)])
    await rpc.server.stop()
    await started
    expect(rpc.pair.server.getProtocols()).not.toContain('/test/late')
  })

  it('with something else than a protocol id and a function is refused: ERR_INVALID_ARGUMENT', async () => {
    await using rpc = await Rpc.create()
    await expect(rpc.server.start('', echo)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(rpc.server.start('/x', undefined as unknown as Handler)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT'
    })
  })
})
