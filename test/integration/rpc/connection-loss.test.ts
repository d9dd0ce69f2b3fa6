import { describe, expect, it } from 'vitest'
import { Client, Server } from '../../../src/index.ts'
import { bytesOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { echo, Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { until, within } from '../../support/until.ts'
import { inFlight, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

describe.each(WIRES)('on the %s wire', wire => {
  /** Calls in flight when `cut` comes; each must fail saying that the connection was lost. */
  async function losing(cut: (rpc: Rpc) => unknown, codes: string[] = ['ERR_CONNECTION_LOST']): Promise<void> {
    const gate = new Gate()
    await using rpc = await Rpc.create({ ...inFlight(wire, 8), handler: gate.handler })
    const calls = Array.from({ length: 8 }, () => failureOf(rpc.send(HELLO)))
    await gate.reached(8)
    const cutting = cut(rpc)
    const errors = await within(10_000, 'the calls fail', Promise.all(calls))
    await cutting
    for (const error of errors) {
      expect(codes).toContain(error.code)
      expect(error).toMatchObject({ sent: true, peer: rpc.peer, protocol: PROTOCOL })
    }
    gate.open()
    await rpc.nothingLeft()
  }

  describe('calls in flight fail, and nothing is left, when', () => {
    it('the connection is aborted on this side: ERR_CONNECTION_LOST', () =>
      losing(rpc => rpc.pair.client.getConnections()[0]?.abort(new Error('cut'))))

    it('the connection is aborted on the other side: it may reset the streams first', () =>
      losing(
        rpc => rpc.pair.server.getConnections()[0]?.abort(new Error('cut')),
        ['ERR_CONNECTION_LOST', 'ERR_STREAM_RESET']
      ))

    it('the connection is closed on this side: ERR_CONNECTION_LOST', () =>
      losing(rpc => rpc.pair.client.getConnections()[0]?.close()))

    it('the connection is closed on the other side: it ends the streams first', () =>
      losing(rpc => rpc.pair.server.getConnections()[0]?.close(), ['ERR_CONNECTION_LOST', 'ERR_NO_RESPONSE']))

    it("the client's host stops: ERR_CONNECTION_LOST", () => losing(rpc => rpc.pair.client.stop()))

    it("the server's host stops: it ends the streams first", () =>
      losing(rpc => rpc.pair.server.stop(), ['ERR_CONNECTION_LOST', 'ERR_NO_RESPONSE']))

    it('the peer is hung up on', () =>
      losing(rpc => rpc.pair.client.hangUp(rpc.pair.server.peerId), ['ERR_CONNECTION_LOST', 'ERR_NO_RESPONSE']))
  })

  describe('the same client', () => {
    it('connects again after the connection was lost', async () => {
      await using rpc = await Rpc.create({ wire })
      for (let round = 0; round < 5; round += 1) {
        expect(textOf(await rpc.send(bytesOf(`round ${round}`)))).toBe(`round ${round}`)
        const [connection] = rpc.pair.client.getConnections()
        connection?.abort(new Error('cut'))
        await until(
          'both sides have lost it',
          () => rpc.pair.both.map(host => host.getConnections().length),
          counts => counts.every(count => count === 0)
        )
      }
      await rpc.nothingLeft()
    })

    it('finds a server that was stopped and started anew on the same host', async () => {
      await using rpc = await Rpc.create({ wire })
      await rpc.send(HELLO)
      await rpc.server.stop()
      expect(await failureOf(rpc.send(HELLO))).toMatchObject({ code: 'ERR_PROTOCOL_UNSUPPORTED', sent: false })
      await using again = new Server(rpc.pair.server)
      await again.start(PROTOCOL, echo)
      expect(textOf(await rpc.send(HELLO))).toBe('hello')
      const calls = await Promise.all(Array.from({ length: 100 }, (_, index) => rpc.send(bytesOf(`call ${index}`))))
      expect(calls.map(textOf)).toEqual(calls.map((_, index) => `call ${index}`))
    })

    it('finds a peer by its id alone while a connection is open, whoever dialled', async () => {
      await using rpc = await Rpc.create({ wire })
      await using back = new Server(rpc.pair.client)
      await back.start('/test/back', echo)
      await rpc.pair.connect()
      await using client = new Client(rpc.pair.server, { wire })
      expect(textOf(await client.send(rpc.pair.client.peerId, '/test/back', HELLO))).toBe('hello')
    })
  })
})
