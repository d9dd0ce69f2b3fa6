import { expect } from 'vitest'
import { type Handler, PointSubError } from '../../../src/index.ts'
import { bytesOf, MIB, randomBody, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { handleMux } from '../../support/raw-mux.ts'
import { handleRaw, onFrames } from '../../support/raw.ts'
import { Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import { streamsOf } from '../../support/leftovers.ts'
import { until } from '../../support/until.ts'
import type { Meaning } from './meaning-rows.ts'

const HELLO = bytesOf('hello')

/** Options of a client that do not mean the same on both wires, or might not. */
export const CLIENT_ROWS: readonly Meaning[] = [
  {
    name: '`maxStreamsPerPeer`: streams on the plain wire, nothing on the other',
    check: async wire => {
      const gate = new Gate()
      await using rpc = await Rpc.create({ wire, handler: gate.handler, clientOptions: { maxStreamsPerPeer: 2 } })
      const calls = Array.from({ length: 4 }, () => rpc.send(HELLO))
      await gate.reached(wire === 'plain' ? 2 : 4)
      expect([gate.entered, rpc.openStreams]).toEqual(wire === 'plain' ? [2, 2] : [4, 1])
      const opening = setInterval(() => gate.open(), 1)
      await Promise.all(calls)
      clearInterval(opening)
    }
  },
  {
    name: '`maxRequestsPerStream`: requests on the plain wire, nothing on the other',
    check: async wire => {
      await using rpc = await Rpc.create({ wire, clientOptions: { maxRequestsPerStream: 1 } })
      for (let call = 1; call <= 5; call += 1) await rpc.send(HELLO)
      expect(rpc.server.getMetrics().totalConnections).toBe(wire === 'plain' ? 5 : 1)
    }
  },
  {
    name: '`readTimeout`: ends a call, and on the plain wire its stream',
    check: async wire => {
      const gate = new Gate()
      const handler: Handler = (request, context) => (request[0] === 0 ? gate.handler(request, context) : request)
      await using rpc = await Rpc.create({ wire, handler, clientOptions: { readTimeout: 400 } })
      await rpc.send(HELLO)
      const [before] = streamsOf(PROTOCOL, rpc.pair.client)
      const slow = failureOf(rpc.send(Uint8Array.of(0)))
      await gate.reached(1)
      const used = streamsOf(PROTOCOL, rpc.pair.client).map(({ id }) => id)
      expect(await slow).toMatchObject({ code: 'ERR_TIMEOUT', sent: true, remote: false })
      const left = streamsOf(PROTOCOL, rpc.pair.client).map(({ id }) => id)
      expect(left.length).toBe(wire === 'plain' ? used.length - 1 : 1)
      if (wire === 'mux') expect(left).toEqual([before?.id])
      expect(textOf(await rpc.send(HELLO))).toBe('hello')
      gate.open()
    }
  },
  {
    name: '`maxTotalConns`: on the mux wire the stream for large bodies is not counted',
    check: async wire => {
      await using rpc = await Rpc.create({ wire, clientOptions: { maxTotalConns: 1 } })
      const calls = [rpc.send(randomBody(MIB)), rpc.send(randomBody(MIB)), rpc.send(HELLO)]
      expect((await Promise.all(calls)).map(({ byteLength }) => byteLength)).toEqual([MIB, MIB, 5])
      expect(rpc.openStreams).toBe(wire === 'plain' ? 1 : 2)
      expect(rpc.client.getConnectionsInfo()).toHaveLength(1)
    }
  },
  {
    name: '`enableCompression` and the others about it: requests on the mux wire, nothing on the plain one',
    check: async wire => {
      const text = bytesOf('the same again and again '.repeat(1_000))
      const sizeWith = async (clientOptions: object): Promise<number> => {
        await using rpc = await Rpc.create({ wire, serverOptions: { wire: 'plain' }, clientOptions })
        await rpc.server.remove(PROTOCOL)
        let size = 0
        await handleRaw(rpc.pair.server, PROTOCOL, stream => onFrames(stream, body => (size = body.byteLength)))
        await handleMux(rpc.pair.server, { settings: {} }, async ({ control }) => {
          size = (await control.next('request')).body.byteLength
        })
        const call = failureOf(rpc.send(text))
        await until(
          'the request arrives',
          () => size,
          bytes => bytes > 0
        )
        await rpc.client.close()
        await call
        return size
      }
      const small = expect.toSatisfy((size: number) => size < text.byteLength / 10)
      const whole = text.byteLength
      const options = [{ enableCompression: false }, {}, { compressionLevel: 9 }, { compressionThreshold: MIB }]
      const sizes = await Promise.all(options.map(sizeWith))
      expect(sizes).toEqual(wire === 'mux' ? [whole, small, small, whole] : [whole, whole, whole, whole])
    }
  },
  {
    name: '`retryInterval`: on the mux wire the peer may ask for more',
    check: async wire => {
      let calls = 0
      const handler: Handler = request => {
        calls += 1
        if (calls === 1) throw new PointSubError('ERR_NOT_NOW', 'later', { retryable: true, retryAfter: 300 })
        return request
      }
      const clientOptions = { maxRetries: 1, retryInterval: 1 }
      await using rpc = await Rpc.create({ wire, handler, clientOptions })
      await rpc.pair.connect()
      const start = performance.now()
      expect(textOf(await rpc.send(HELLO))).toBe('hello')
      expect(calls).toBe(2)
      if (wire === 'mux') expect(performance.now() - start).toBeGreaterThanOrEqual(295)
    }
  }
]
