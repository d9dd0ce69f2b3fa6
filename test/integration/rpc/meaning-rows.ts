import { expect } from 'vitest'
import type { Wire } from '../../../src/core/wire.ts'
import { Client, type Handler, PointSubError, Server } from '../../../src/index.ts'
import { bytesOf, KIB, MIB, randomBody, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { echo, Gate, PROTOCOL, Rpc } from '../../support/rpc.ts'
import type { PerWire } from '../../support/wires.ts'
import { until } from '../../support/until.ts'

/** One line of the table in docs/server.md. */
export interface Meaning {
  /** Its first cell. */
  readonly name: string
  readonly check: (wire: Wire) => Promise<void>
}

/** What a caller gets, and the `failure` events of the server. */
type Told = readonly [code: string, sent: boolean, failures: string[]]

const HELLO = bytesOf('hello')

/** One call that fails. */
async function fails(rpc: Rpc, request: Uint8Array, told: Told): Promise<PointSubError> {
  const [code, sent, failures] = told
  const error = await failureOf(rpc.send(request))
  expect(error).toMatchObject({ code, sent, protocol: PROTOCOL })
  await until(
    `the failures ${failures.join()}`,
    () => codesOf(rpc),
    codes => codes.length >= failures.length
  )
  expect(codesOf(rpc)).toEqual(failures)
  return error
}

export function codesOf(rpc: Rpc): string[] {
  return rpc.failures.map(({ error }) => error.code)
}

export const CALL_ROWS: readonly Meaning[] = [
  {
    name: 'a handler throws a `PointSubError`',
    check: async wire => {
      const thrown = new PointSubError('ERR_NO_SUCH_KEY', 'no such key', {
        retryable: true,
        retryAfter: 20,
        details: { key: 'k' }
      })
      const told: PerWire<Told> = {
        plain: ['ERR_NO_RESPONSE', true, ['ERR_HANDLER_FAILED']],
        mux: ['ERR_NO_SUCH_KEY', true, ['ERR_HANDLER_FAILED']]
      }
      await using rpc = await Rpc.create({ wire, handler: () => Promise.reject(thrown) })
      const error = await fails(rpc, HELLO, told[wire])
      const said = { message: 'no such key', remote: true, retryable: true, retryAfter: 20, details: { key: 'k' } }
      expect(error).toMatchObject(wire === 'mux' ? said : { remote: false, retryable: undefined, details: undefined })
    }
  },
  {
    name: 'a handler throws something else, or returns no `Uint8Array`',
    check: async wire => {
      const handlers: Handler[] = [
        () => Promise.reject(new Error('a secret')),
        (() => 'a text') as unknown as Handler,
        () => Promise.reject(new TypeError('another secret'))
      ]
      const told: PerWire<Told> = {
        plain: ['ERR_NO_RESPONSE', true, ['ERR_HANDLER_FAILED']],
        mux: ['ERR_REMOTE', true, ['ERR_HANDLER_FAILED']]
      }
      for (const handler of handlers) {
        await using rpc = await Rpc.create({ wire, handler })
        const error = await fails(rpc, HELLO, told[wire])
        expect(error.message).not.toContain('secret')
      }
    }
  },
  {
    name: 'an answer over `maxBlockSize`',
    check: async wire => {
      const told: PerWire<Told> = {
        plain: ['ERR_NO_RESPONSE', true, ['ERR_MESSAGE_TOO_LARGE']],
        mux: ['ERR_MESSAGE_TOO_LARGE', true, ['ERR_MESSAGE_TOO_LARGE']]
      }
      const handler: Handler = () => new Uint8Array(101)
      await using rpc = await Rpc.create({ wire, handler, serverOptions: { maxBlockSize: 100 } })
      await fails(rpc, HELLO, told[wire])
    }
  },
  {
    name: "an answer over the caller's `maxBlockSize`",
    check: async wire => {
      const told: PerWire<Told> = {
        plain: ['ERR_MESSAGE_TOO_LARGE', true, []],
        mux: ['ERR_MESSAGE_TOO_LARGE', true, ['ERR_MESSAGE_TOO_LARGE']]
      }
      await using rpc = await Rpc.create({ wire, handler: () => randomBody(MIB), clientOptions: { maxBlockSize: 100 } })
      const { remote } = await fails(rpc, HELLO, told[wire])
      expect(remote).toBe(wire === 'mux')
      expect(rpc.openStreams).toBe(wire === 'mux' ? 1 : 0)
      // On the mux wire it was not sent at all.
      if (wire === 'mux') expect(rpc.server.getMetrics()).toMatchObject({ bytesWritten: 0, failedRequests: 1 })
    }
  },
  {
    name: 'a request over `maxBlockSize`',
    check: async wire => {
      const told: PerWire<Told> = {
        plain: ['ERR_STREAM_RESET', true, ['ERR_MESSAGE_TOO_LARGE']],
        mux: ['ERR_MESSAGE_TOO_LARGE', false, []]
      }
      await using rpc = await Rpc.create({ wire, serverOptions: { maxBlockSize: 100 } })
      await rpc.pair.connect()
      await fails(rpc, new Uint8Array(101), told[wire])
      expect(rpc.server.getMetrics().totalRequests).toBe(0)
      expect(rpc.openStreams).toBe(wire === 'mux' ? 1 : 0)
    }
  },
  {
    name: '`wire`, of a server that has not the one the client is held to; protocol not started',
    check: async wire => {
      const other = wire === 'plain' ? 'mux' : 'plain'
      await using rpc = await Rpc.create({ wire, serverOptions: { wire: other } })
      await fails(rpc, HELLO, ['ERR_PROTOCOL_UNSUPPORTED', false, []])
      await using server = new Server(rpc.pair.server)
      await server.start('/other', echo)
      await fails(rpc, HELLO, ['ERR_PROTOCOL_UNSUPPORTED', false, []])
      expect(textOf(await rpc.client.send(rpc.address, '/other', HELLO))).toBe('hello')
    }
  },
  {
    name: '`maxConcurrentRequests` reached',
    check: async wire => {
      const told: PerWire<Told> = {
        plain: ['ERR_STREAM_RESET', true, ['ERR_OVERLOADED']],
        mux: ['ERR_OVERLOADED', false, []]
      }
      const gate = new Gate()
      await using rpc = await Rpc.create({ wire, handler: gate.handler, serverOptions: { maxConcurrentRequests: 2 } })
      const held = [rpc.send(HELLO), rpc.send(HELLO)]
      await gate.reached(2)
      const { retryable, retryAfter } = await fails(rpc, HELLO, told[wire])
      expect([retryable, retryAfter]).toEqual(wire === 'mux' ? [true, 100] : [undefined, undefined])
      gate.open()
      expect((await Promise.all(held)).map(textOf)).toEqual(['hello', 'hello'])
    }
  },
  {
    name: '`maxConcurrentRequestsPerConn` reached',
    check: async wire => {
      const gate = new Gate()
      const serverOptions = { maxConcurrentRequestsPerConn: 1 }
      await using rpc = await Rpc.create({ wire, handler: gate.handler, serverOptions })
      await rpc.greet()
      const calls = [rpc.send(HELLO), rpc.send(HELLO), rpc.send(HELLO)]
      // On the plain wire each has a stream of its own; on the other one the client lets two of them wait.
      await gate.reached(wire === 'plain' ? 3 : 1)
      expect(gate.entered).toBe(wire === 'plain' ? 3 : 1)
      const opening = setInterval(() => gate.open(), 1)
      expect((await Promise.all(calls)).map(textOf)).toEqual(['hello', 'hello', 'hello'])
      clearInterval(opening)
      expect(rpc.failures).toEqual([])
    }
  },
  {
    name: '`maxMemoryUsage`, `maxMemoryUsagePerPeer` exceeded',
    check: async wire => {
      const told: PerWire<Told> = {
        plain: ['ERR_STREAM_RESET', true, ['ERR_MEMORY_LIMIT']],
        mux: ['ERR_MEMORY_LIMIT', false, []]
      }
      for (const option of ['maxMemoryUsage', 'maxMemoryUsagePerPeer']) {
        const gate = new Gate()
        await using rpc = await Rpc.create({ wire, handler: gate.handler, serverOptions: { [option]: 4 * MIB } })
        const held = rpc.send(randomBody(2 * MIB))
        await gate.reached(1)
        for (const size of [2 * MIB, 3 * MIB]) {
          await fails(rpc, randomBody(size), told[wire])
          rpc.failures.length = 0
        }
        gate.open()
        expect((await held).byteLength).toBe(2 * MIB)
        expect((await rpc.send(new Uint8Array(0))).byteLength).toBe(0)
      }
    }
  },
  {
    name: "the caller's `timeout`",
    check: async wire => {
      const reasons: unknown[] = []
      const handler: Handler = (_, { signal }) =>
        new Promise(resolve => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason.code)
            resolve(HELLO)
          })
        })
      await using rpc = await Rpc.create({ wire, handler })
      await rpc.pair.connect()
      expect(await failureOf(rpc.send(HELLO, { timeout: 300 }))).toMatchObject({ code: 'ERR_TIMEOUT', sent: true })
      await until(
        'the handler is told',
        () => reasons,
        ({ length }) => length === 1
      )
      // Either the server's own clock is the first to tell, or the client's CANCEL.
      expect(wire === 'plain' ? ['ERR_STREAM_RESET'] : ['ERR_TIMEOUT', 'ERR_ABORTED']).toContain(reasons[0])
      expect(rpc.openStreams).toBe(wire === 'mux' ? 1 : 0)
      expect(codesOf(rpc)).toEqual(wire === 'plain' ? ['ERR_STREAM_RESET'] : [])
    }
  },
  {
    name: '`metadata`, `responseMetadata`',
    check: async wire => {
      const handler: Handler = (_, { metadata, responseMetadata }) => {
        responseMetadata['served-by'] = 'test'
        return bytesOf(JSON.stringify(metadata))
      }
      await using rpc = await Rpc.create({ wire, handler })
      const came: unknown[] = []
      const options = { metadata: { tenant: 'blue' }, onMetadata: (metadata: unknown) => void came.push(metadata) }
      const answer = await rpc.client.send(rpc.address, PROTOCOL, HELLO, options)
      expect(textOf(answer)).toBe(wire === 'mux' ? '{"tenant":"blue"}' : '{}')
      expect(came).toEqual(wire === 'mux' ? [{ 'served-by': 'test' }] : [])
    }
  },
  {
    name: '`bufferPoolSize`',
    check: async wire => {
      await using rpc = await Rpc.create({ wire, serverOptions: { bufferPoolSize: 1 } })
      for (const size of [0, 1, 64 * KIB, MIB]) expect((await rpc.send(randomBody(size))).byteLength).toBe(size)
    }
  },
  {
    name: '`connectTimeout`',
    check: async wire => {
      const gate = new Gate()
      await using rpc = await Rpc.create({ wire, handler: gate.handler, serverOptions: { connectTimeout: 1 } })
      await using other = new Client(rpc.pair.client, { wire })
      const calls = [rpc.send(HELLO), other.send(rpc.address, PROTOCOL, HELLO)]
      await gate.reached(2)
      gate.open()
      expect((await Promise.all(calls)).map(textOf)).toEqual(['hello', 'hello'])
    }
  }
]
