import { describe, expect, it } from 'vitest'
import { Client } from '../../../src/index.ts'
import { bytesOf, MIB, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { turn, within } from '../../support/until.ts'
import { inFlight, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

describe.each(WIRES)('on the %s wire', wire => {
  describe('a call that is given up in the tick it was made', () => {
    it('by its signal leaves the idle streams to the next ones', async () => {
      await using rpc = await Rpc.create(inFlight(wire, 2))
      // Twice, for then the pool knows that this peer's streams can be used again at once.
      for (let round = 0; round < 2; round += 1) await Promise.all([rpc.send(HELLO), rpc.send(HELLO)])
      for (let round = 0; round < 5; round += 1) {
        const controller = new AbortController()
        const call = failureOf(rpc.send(HELLO, { signal: controller.signal }))
        controller.abort()
        expect(await call).toMatchObject({ code: 'ERR_ABORTED', sent: false })
      }
      expect(textOf(await rpc.send(HELLO, { timeout: 2_000 }))).toBe('hello')
      await rpc.client.close()
      await rpc.nothingLeft()
    })

    it('by its signal, with no stream open yet, leaves nothing', async () => {
      await using rpc = await Rpc.create({ wire })
      await rpc.pair.connect()
      const controller = new AbortController()
      const call = failureOf(rpc.send(HELLO, { signal: controller.signal }))
      controller.abort()
      expect(await call).toMatchObject({ code: 'ERR_ABORTED', sent: false })
      await rpc.nothingLeft()
    })

    it('by closing the client fails with ERR_CLIENT_CLOSED and opens nothing', async () => {
      await using rpc = await Rpc.create({ wire })
      await rpc.pair.connect()
      const call = failureOf(rpc.send(HELLO))
      await rpc.client.close()
      expect(await call).toMatchObject({ code: 'ERR_CLIENT_CLOSED', sent: false })
      await rpc.nothingLeft()
    })

    it('by closing the client some microtasks later leaves nothing either', async () => {
      await using rpc = await Rpc.create({ wire })
      await rpc.pair.connect()
      for (let hops = 0; hops < 40; hops += 1) {
        const client = new Client(rpc.pair.client, { wire, maxRetries: 0 })
        const call = failureOf(client.send(rpc.address, PROTOCOL, HELLO))
        for (let hop = 0; hop < hops; hop += 1) await Promise.resolve()
        await client.close()
        expect(await call).toMatchObject({ code: 'ERR_CLIENT_CLOSED' })
      }
      await rpc.nothingLeft()
    })

    it('by closing the client, with an idle stream at hand, fails likewise', async () => {
      await using rpc = await Rpc.create({ wire })
      for (let round = 0; round < 2; round += 1) await rpc.send(HELLO)
      const call = failureOf(rpc.send(HELLO))
      await rpc.client.close()
      expect(await call).toMatchObject({ code: 'ERR_CLIENT_CLOSED' })
      await rpc.nothingLeft()
    })
  })

  describe('a call made in the tick', () => {
    it('in which its connection breaks works or fails, and its streams still belong to the client', async () => {
      await using rpc = await Rpc.create({ wire, clientOptions: { idleTimeout: 100 } })
      for (let round = 0; round < 2; round += 1) await rpc.send(HELLO)
      const [connection] = rpc.pair.client.getConnections()
      const call = Promise.allSettled([rpc.send(HELLO)])
      connection?.abort(new Error('cut'))
      await call
      // What it may have opened is retired as any idle stream is.
      await rpc.nothingLeft()
    })

    it('after its connection broke works, and close() still closes everything', async () => {
      await using rpc = await Rpc.create({ wire })
      for (let round = 0; round < 2; round += 1) await rpc.send(HELLO)
      const [connection] = rpc.pair.client.getConnections()
      const call = Promise.allSettled([rpc.send(HELLO)])
      connection?.abort(new Error('cut'))
      await call
      await rpc.client.close()
      await rpc.nothingLeft()
    })

    it('in which the last waiting one is aborted works', async () => {
      const gate = new Gate()
      await using rpc = await Rpc.create({ ...inFlight(wire, 1), handler: gate.handler })
      const controller = new AbortController()
      const aborted = failureOf(rpc.send(HELLO, { signal: controller.signal }))
      await turn()
      const call = rpc.send(HELLO)
      controller.abort()
      expect(await aborted).toMatchObject({ code: 'ERR_ABORTED' })
      const opening = setInterval(() => gate.open(), 5)
      expect(textOf(await call)).toBe('hello')
      clearInterval(opening)
    })
  })

  describe('calls aborted at any moment', () => {
    it('leave the streams they did not get to the others: 300 of 600 aborted', async () => {
      await using rpc = await Rpc.create(inFlight(wire, 8))
      const outcomes = await within(
        20_000,
        '600 calls',
        Promise.allSettled(
          Array.from({ length: 600 }, async (_, index) => {
            const controller = new AbortController()
            const call = rpc.send(bytesOf(`call ${index}`), { signal: controller.signal })
            if (index % 2 === 0) return textOf(await call)
            for (let turns = index % 7; turns > 0; turns -= 1) await turn()
            controller.abort()
            return textOf(await call)
          })
        )
      )
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') expect(outcome.value).toBe(`call ${index}`)
        else expect(`${index % 2} ${outcome.reason.code}`).toBe('1 ERR_ABORTED')
      }
      expect(textOf(await rpc.send(HELLO, { timeout: 2_000 }))).toBe('hello')
      await rpc.client.close()
      await rpc.nothingLeft()
    })

    it('while a large request is half sent leave nothing, and the next call works', async () => {
      await using rpc = await Rpc.create({ wire })
      const large = new Uint8Array(16 * MIB)
      for (let round = 0; round < 5; round += 1) {
        const controller = new AbortController()
        const call = failureOf(rpc.send(large, { signal: controller.signal }))
        while (rpc.openStreams === 0) await turn()
        for (let turns = round * 2; turns > 0; turns -= 1) await turn()
        controller.abort()
        expect(await call).toMatchObject({ code: 'ERR_ABORTED' })
        // A session outlives its calls.
        if (wire === 'plain') await rpc.nothingLeft()
      }
      expect(textOf(await rpc.send(HELLO))).toBe('hello')
      await rpc.client.close()
      await rpc.nothingLeft()
    })
  })
})
