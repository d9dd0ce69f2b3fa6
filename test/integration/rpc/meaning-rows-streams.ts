import { expect } from 'vitest'
import type { Wire } from '../../../src/core/wire.ts'
import { Client } from '../../../src/index.ts'
import { bytesOf, frameOf, KIB, MIB, randomBody, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { RawStream } from '../../support/raw.ts'
import { encoded, largeRequest, RawMuxClient, requestOf } from '../../support/raw-mux.ts'
import { echo, Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import type { PerWire } from '../../support/wires.ts'
import { until, within } from '../../support/until.ts'
import { codesOf, type Meaning } from './meaning-rows.ts'

const HELLO = bytesOf('hello')

/** A stream by hand on which requests can be sent. */
async function byHand(rpc: Rpc, wire: Wire): Promise<RawStream> {
  const connection = await rpc.pair.connect()
  if (wire === 'plain') return RawStream.open(connection, PROTOCOL)
  return (await RawMuxClient.open(connection)).control.raw
}

function requestOn(wire: Wire, body: Uint8Array): Uint8Array {
  return wire === 'plain' ? frameOf(body) : encoded(requestOf(1, body))
}

async function failed(rpc: Rpc, code: string): Promise<void> {
  await until(
    `a failure ${code}`,
    () => codesOf(rpc),
    codes => codes.length > 0
  )
  expect(codesOf(rpc)).toEqual([code])
}

async function streamsLeft(rpc: Rpc, streams: number): Promise<void> {
  await until(
    `${streams} streams are left`,
    () => rpc.server.activeStreams,
    count => count === streams
  )
}

/** As many clients on one host, each with a stream on which nothing is under way. */
async function idleClients(rpc: Rpc, wire: Wire, count: number): Promise<AsyncDisposable> {
  const clients = Array.from({ length: count }, () => new Client(rpc.pair.client, { wire, maxRetries: 0 }))
  for (const client of clients) await client.send(rpc.address, PROTOCOL, HELLO)
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(clients.map(client => client.close()))
    }
  }
}

export const STREAM_ROWS: readonly Meaning[] = [
  {
    name: '`maxConcurrentConns` reached',
    check: async wire => {
      const gate = new Gate()
      await using rpc = await Rpc.create({ wire, handler: gate.handler, serverOptions: { maxConcurrentConns: 1 } })
      const held = rpc.send(HELLO)
      await gate.reached(1)
      await using other = new Client(rpc.pair.client, { wire, maxRetries: 0 })
      // Whether the request had left when the reset came is a matter of luck; `sent` says so either way.
      const refused = await failureOf(other.send(rpc.address, PROTOCOL, HELLO))
      expect(refused).toMatchObject({ code: 'ERR_STREAM_RESET', sent: expect.any(Boolean) })
      await failed(rpc, 'ERR_MAX_CONNS')
      expect(gate.entered).toBe(1)
      gate.open()
      expect(textOf(await held)).toBe('hello')
      if (wire === 'plain') return
      // A large body takes a second stream: the session ends that gets none.
      expect(await failureOf(rpc.send(randomBody(MIB)))).toMatchObject({ code: 'ERR_STREAM_RESET' })
    }
  },
  {
    name: '`maxStreamsPerConnection` reached',
    check: async wire => {
      const gate = new Gate()
      const serverOptions = { maxStreamsPerConnection: 1 }
      await using rpc = await Rpc.create({ wire, handler: gate.handler, serverOptions })
      const held = rpc.send(HELLO)
      await gate.reached(1)
      await using other = new Client(rpc.pair.client, { wire, maxRetries: 0 })
      expect(await failureOf(other.send(rpc.address, PROTOCOL, HELLO))).toMatchObject({ code: 'ERR_STREAM_RESET' })
      // The other wire has a count of its own.
      await using elsewhere = new Client(rpc.pair.client, { wire: wire === 'plain' ? 'mux' : 'plain' })
      const there = elsewhere.send(rpc.address, PROTOCOL, HELLO)
      await gate.reached(2)
      gate.open()
      expect((await Promise.all([held, there])).map(textOf)).toEqual(['hello', 'hello'])
      expect(rpc.failures).toEqual([])
    }
  },
  {
    name: '`readTimeout` passed',
    check: async wire => {
      await using rpc = await Rpc.create({ wire, serverOptions: { readTimeout: 400 } })
      const raw = await byHand(rpc, wire)
      raw.send(requestOn(wire, HELLO).subarray(0, 7))
      expect(await raw.ended()).toBe('reset')
      await failed(rpc, 'ERR_TIMEOUT')
      if (wire === 'plain') return
      // Within a large body it costs that request alone.
      const client = await RawMuxClient.open(await rpc.pair.connect())
      const data = await client.openData()
      data.send(largeRequest(1, MIB))
      expect(await client.control.next('error')).toMatchObject({ id: 1, code: 'ERR_TIMEOUT', notProcessed: true })
      client.control.send(requestOf(2, HELLO))
      expect((await client.control.next('answer')).id).toBe(2)
    }
  },
  {
    name: '`writeTimeout` passed',
    check: async wire => {
      const handler = (): Uint8Array => randomBody(200 * KIB)
      await using rpc = await Rpc.create({ wire, handler, serverOptions: { writeTimeout: 100 } })
      const raw = await byHand(rpc, wire)
      raw.stream.maxReadBufferLength = 64 * MIB
      raw.stream.pause()
      for (let id = 1; id <= 20; id += 1) {
        raw.send(wire === 'plain' ? frameOf(HELLO) : encoded(requestOf(id, HELLO)))
      }
      await failed(rpc, 'ERR_TIMEOUT')
      await streamsLeft(rpc, 0)
    }
  },
  {
    name: '`idleTimeout`, `maxIdleTime` passed',
    check: async wire => {
      for (const serverOptions of [{ idleTimeout: 100 }, { maxIdleTime: 100, cleanupInterval: 50 }]) {
        await using rpc = await Rpc.create({ wire, serverOptions })
        for (let call = 1; call <= 2; call += 1) {
          expect(textOf(await rpc.send(HELLO))).toBe('hello')
          await streamsLeft(rpc, 0)
        }
        expect(rpc.server.getMetrics().totalConnections).toBe(2)
        expect(rpc.failures).toEqual([])
      }
    }
  },
  {
    name: '`maxIdlePerPeer` exceeded',
    check: async wire => {
      await using rpc = await Rpc.create({ wire, serverOptions: { maxIdlePerPeer: 2 } })
      await using _ = await idleClients(rpc, wire, 4)
      expect(rpc.server.activeStreams).toBe(4)
      await streamsLeft(rpc, 2)
      expect(rpc.failures).toEqual([])
    }
  },
  {
    name: '`maxRequestsPerConn` reached',
    check: async wire => {
      await using rpc = await Rpc.create({
        wire,
        serverOptions: { maxRequestsPerConn: 2 },
        clientOptions: { idempotent: false }
      })
      for (let call = 1; call <= 6; call += 1) expect(textOf(await rpc.send(HELLO))).toBe('hello')
      const { totalConnections, totalRequests } = rpc.server.getMetrics()
      expect([totalConnections, totalRequests]).toEqual([3, 6])
      expect(rpc.failures).toEqual([])
    }
  },
  {
    name: '`remove()`, `stop()`',
    check: async wire => {
      const cut: PerWire<{ code: string; sent: boolean; remote: boolean }> = {
        plain: { code: 'ERR_STREAM_RESET', sent: true, remote: false },
        mux: { code: 'ERR_SERVER_CLOSED', sent: true, remote: true }
      }
      for (const how of ['remove', 'stop'] as const) {
        const gate = new Gate()
        await using rpc = await Rpc.create({ wire, handler: gate.handler })
        const end = (grace: number): Promise<unknown> =>
          how === 'stop' ? rpc.server.stop({ grace }) : rpc.server.remove(PROTOCOL, { grace })
        const answered = rpc.send(HELLO)
        await gate.reached(1)
        const ended = end(5_000)
        expect(await failureOf(rpc.send(HELLO))).toMatchObject({ code: 'ERR_PROTOCOL_UNSUPPORTED', sent: false })
        gate.open()
        expect(textOf(await answered)).toBe('hello')
        await within(3_000, `${how}()`, ended)
        if (how === 'stop') continue
        await rpc.server.start(PROTOCOL, gate.handler)
        const late = failureOf(rpc.send(HELLO))
        await gate.reached(2)
        await end(50)
        expect(await late).toMatchObject(cut[wire])
        gate.open()
      }
    }
  },
  {
    name: '`enableCompression`, `compressionThreshold`, `compressionRatio`, `compressionLevel`',
    check: async wire => {
      const text = bytesOf('the same again and again '.repeat(1_000))
      const sizeWith = async (serverOptions: object): Promise<number> => {
        await using rpc = await Rpc.create({ wire, handler: echo, serverOptions })
        const raw = await byHand(rpc, wire)
        const before = raw.received.byteLength
        raw.send(requestOn(wire, text))
        const header = await raw.receivedAtLeast(before + 4)
        const length = new DataView(header.buffer, header.byteOffset + before).getUint32(0)
        await raw.receivedAtLeast(before + 4 + length)
        return length
      }
      const plainly = await sizeWith({ enableCompression: false })
      expect(plainly).toBeGreaterThanOrEqual(text.byteLength)
      const others = [{}, { compressionLevel: 9 }, { compressionThreshold: MIB }, { compressionRatio: 0.1 }]
      const sizes = await Promise.all(others.map(sizeWith))
      const small = expect.toSatisfy((size: number) => size < plainly / 10)
      expect(sizes).toEqual(wire === 'mux' ? [small, small, plainly, small] : [plainly, plainly, plainly, plainly])
    }
  }
]
