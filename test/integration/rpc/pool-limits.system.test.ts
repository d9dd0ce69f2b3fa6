import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ClientOptions, Handler } from '../../../src/index.ts'
import { bytesOf, frameOf, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { streamsOf } from '../../support/leftovers.ts'
import { Peers } from '../../support/peers.ts'
import { onFrames } from '../../support/raw.ts'
import { Gate, PROTOCOL, Rpc, type RpcOptions, repeat } from '../../support/rpc.ts'
import { turn, until, within } from '../../support/until.ts'
import { inFlight, notNow, type PerWire, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

/** A handler behind a gate that notes the order of requests. */
function noting(): { gate: Gate; order: string[]; handler: Handler } {
  const gate = new Gate()
  const order: string[] = []
  const handler: Handler = (request, context) => {
    order.push(textOf(request))
    return gate.handler(request, context)
  }
  return { gate, order, handler }
}

async function passing<T>(gate: Gate, task: Promise<T>): Promise<T> {
  const opening = setInterval(() => gate.open(), 1)
  try {
    return await task
  } finally {
    clearInterval(opening)
  }
}

describe.each(WIRES)('callers beyond what one peer takes at once, on the %s wire,', wire => {
  it.each([1, 3])('wait in order for one of %i; who leaves by deadline or signal leaves the line', async max => {
    const { gate, order, handler } = noting()
    await using rpc = await Rpc.create({ ...inFlight(wire, max), handler })
    await rpc.greet()
    order.length = 0
    const first = Array.from({ length: max }, (_, index) => rpc.send(bytesOf(`first ${index}`)))
    await gate.reached(max)
    const controller = new AbortController()
    const patient: Promise<Uint8Array>[] = []
    const leaving: Promise<unknown>[] = []
    for (let index = 0; index < 60; index += 1) {
      const text = bytesOf(`${index}`)
      if (index % 3 === 0) patient.push(rpc.send(text))
      if (index % 3 === 1) leaving.push(failureOf(rpc.send(text, { timeout: 30 + index })))
      if (index % 3 === 2) leaving.push(failureOf(rpc.send(text, { signal: controller.signal })))
    }
    await turn()
    controller.abort()
    for (const [index, error] of (await Promise.all(leaving)).entries()) {
      expect(error).toMatchObject({ code: index % 2 === 0 ? 'ERR_TIMEOUT' : 'ERR_ABORTED', sent: false })
    }
    const answers = await passing(gate, Promise.all([...first, ...patient]))
    const inOrder = Array.from({ length: 20 }, (_, index) => `${index * 3}`)
    expect(answers.slice(max).map(textOf)).toEqual(inOrder)
    // Several streams may overtake each other on their way.
    if (max === 1) expect(order.slice(1)).toEqual(inOrder)
    else expect(new Set(order.slice(max))).toEqual(new Set(inOrder))
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('3,000 of which have left hold up nobody, and nothing of them is left', async () => {
    const { gate, order, handler } = noting()
    await using rpc = await Rpc.create({ ...inFlight(wire, 1), handler })
    await rpc.greet()
    order.length = 0
    const holder = rpc.send(bytesOf('holder'))
    await gate.reached(1)
    const controllers = Array.from({ length: 3_000 }, () => new AbortController())
    const { address } = rpc
    const leaving = controllers.map(({ signal }) => failureOf(rpc.client.send(address, PROTOCOL, HELLO, { signal })))
    const last = rpc.send(bytesOf('last'))
    for (const controller of controllers) controller.abort()
    for (const error of await Promise.all(leaving)) expect(error.code).toBe('ERR_ABORTED')
    expect(rpc.client.getMetrics().activeRequests).toBe(2)
    await within(2_000, 'the others are answered', passing(gate, Promise.all([holder, last])))
    expect(order).toEqual(['holder', 'last'])
    await rpc.client.close()
    await rpc.nothingLeft()
  })
})

describe('unused sessions of the mux wire', () => {
  it.each<[string, ClientOptions, number]>([
    ['maxIdleConns over all', { maxIdleConns: 2, maxIdleConnsPerPeer: 10 }, 2],
    ['none of them with maxIdleConnsPerPeer 0', { maxIdleConnsPerPeer: 0 }, 0]
  ])('are kept up to %s', async (_, clientOptions, kept) => {
    await using peers = await Peers.create(3, { wire: 'mux', clientOptions })
    await Promise.all([0, 1, 2].map(index => peers.send(index, HELLO)))
    expect(peers.openStreams).toBe(3)
    await until(
      'the others are closed',
      () => peers.openStreams,
      count => count === kept
    )
    expect(peers.client.getConnectionsInfo()).toHaveLength(kept)
    expect(textOf(await peers.send(0, HELLO))).toBe('hello')
    await peers.client.close()
    await peers.nothingLeft()
  })

  it.each<[string, ClientOptions]>([
    ['idleConnTimeout', { idleConnTimeout: 150, idleTimeout: 20_000 }],
    ['idleTimeout', { idleConnTimeout: 20_000, idleTimeout: 150 }]
  ])('are closed after %s, when it is the smaller one', async (_, clientOptions) => {
    await using peers = await Peers.create(1, { wire: 'mux', clientOptions })
    await peers.send(0, HELLO)
    await peers.nothingLeft()
    expect(peers.client.getConnectionsInfo()).toEqual([])
  })
})

describe('unused streams', () => {
  /** As many calls at once to each peer, so that each leaves as many streams unused. */
  async function burst(count: number, clientOptions: ClientOptions): Promise<Peers> {
    const gate = new Gate()
    const peers = await Peers.create(3, { handler: () => gate.handler, clientOptions })
    const calls = Array.from({ length: 3 * count }, (_, index) => peers.send(index % 3, HELLO))
    await gate.reached(3 * count)
    gate.open()
    await Promise.all(calls)
    expect(peers.openStreams).toBe(3 * count)
    const opening = setInterval(() => gate.open(), 5)
    peers.caller.addEventListener('stop', () => clearInterval(opening))
    return peers
  }

  it.each<[string, ClientOptions, number]>([
    ['maxIdleConnsPerPeer to each peer', { maxIdleConnsPerPeer: 2 }, 6],
    ['maxIdleConns over all', { maxIdleConns: 4 }, 4],
    ['the smaller of both', { maxIdleConns: 100, maxIdleConnsPerPeer: 1 }, 3],
    ['10 to each peer by default', {}, 24],
    ['none of them with maxIdleConns 0', { maxIdleConns: 0 }, 0]
  ])('are kept up to %s', async (_, clientOptions, kept) => {
    await using peers = await burst(8, clientOptions)
    await until(
      'the others are closed',
      () => peers.openStreams,
      count => count === kept
    )
    // One look of the client later it is the same.
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(peers.openStreams).toBe(kept)
    expect(peers.client.getConnectionsInfo()).toHaveLength(kept)
    expect(textOf(await peers.send(0, HELLO))).toBe('hello')
    await peers.client.close()
    await peers.nothingLeft()
  })

  it.each<[string, ClientOptions]>([
    ['idleConnTimeout', { idleConnTimeout: 150, idleTimeout: 20_000 }],
    ['idleTimeout', { idleConnTimeout: 20_000, idleTimeout: 150 }]
  ])('are closed after %s, when it is the smaller one', async (_, clientOptions) => {
    const start = performance.now()
    await using peers = await burst(4, clientOptions)
    await peers.nothingLeft()
    expect(performance.now() - start).toBeGreaterThanOrEqual(145)
    expect(peers.client.getConnectionsInfo()).toEqual([])
  })
})

describe.each(WIRES)('a call that failed, on the %s wire,', wire => {
  const THREW: PerWire<string> = { plain: 'ERR_NO_RESPONSE', mux: 'ERR_NOT_NOW' }
  const FAILURES: [string, RpcOptions, string][] = [
    ['by a handler that threw', {}, THREW[wire]],
    ['by a deadline', {}, 'ERR_TIMEOUT'],
    ['by readTimeout', { clientOptions: { readTimeout: 100 } }, 'ERR_TIMEOUT'],
    ['by an answer that was too large', { clientOptions: { maxBlockSize: 100 } }, 'ERR_MESSAGE_TOO_LARGE']
  ]

  it.each(FAILURES)('%s, has no answer that comes late and is taken for another’s', async (name, options, code) => {
    let late: (() => void) | undefined
    const handler: Handler = request => {
      if (textOf(request) !== 'fail') return request
      if (code === THREW[wire]) throw notNow()
      if (code === 'ERR_MESSAGE_TOO_LARGE') return new Uint8Array(101)
      return new Promise(resolve => {
        late = () => resolve(bytesOf('late'))
      })
    }
    const clientOptions = { ...options.clientOptions, maxStreamsPerPeer: 1 }
    await using rpc = await Rpc.create({ wire, handler, clientOptions })
    for (let round = 1; round <= 5; round += 1) {
      expect(textOf(await rpc.send(HELLO))).toBe('hello')
      const timeout = name === 'by a deadline' ? 50 : 20_000
      expect(await failureOf(rpc.send(bytesOf('fail'), { timeout }))).toMatchObject({ code, sent: true })
      const next = rpc.send(bytesOf(`round ${round}`))
      late?.()
      expect(textOf(await next)).toBe(`round ${round}`)
    }
    // On the plain wire a stream that failed is not used again.
    expect(rpc.server.getMetrics().totalConnections).toBe(wire === 'plain' ? 6 : 1)
  })
})

describe('a peer that bounds its streams', () => {
  it.each([1, 4])('to %i, as js-libp2p does by resets, answers 400 calls at 64 concurrent', async max => {
    await using rpc = await Rpc.create({ clientOptions: { maxRetries: 3, retryInterval: 10 } })
    let most = 0
    await rpc.pair.server.handle(
      '/bounded',
      stream => {
        most = Math.max(most, streamsOf('/bounded', rpc.pair.server).length)
        stream.addEventListener('remoteCloseWrite', () => void stream.close())
        onFrames(stream, body => stream.send(frameOf(body)))
      },
      { maxInboundStreams: max }
    )
    await repeat(400, 64, async index => {
      const text = `call ${index}`
      expect(textOf(await rpc.client.send(rpc.address, '/bounded', bytesOf(text)))).toBe(text)
    })
    expect(most).toBeLessThanOrEqual(max)
  })
})

describe.each(WIRES)('streams of the %s wire that the server ends while they are given back', wire => {
  it.each([1, 3])('after %i requests cost no call: 300 at 32 concurrent over 2 peers', async maxRequestsPerConn => {
    await using peers = await Peers.create(2, {
      wire,
      serverOptions: { maxRequestsPerConn },
      clientOptions: { maxRetries: 5, retryInterval: 1, retryBudget: 10_000, maxTotalConns: 6, maxStreamsPerPeer: 5 }
    })
    await repeat(300, 32, async index => {
      const text = `call ${index}`
      expect(textOf(await peers.send(index % 2, bytesOf(text)))).toBe(text)
    })
    await peers.client.close()
    await peers.nothingLeft()
  })
})

describe.each(WIRES)('a clock that jumps, forwards and back, on the %s wire,', wire => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('changes nothing: calls, timeouts, retries and idle streams', async () => {
    let failures = 2
    const handler: Handler = request => {
      if (textOf(request) === 'never') return new Promise(() => {})
      if (textOf(request) === 'twice' && failures-- > 0) throw notNow()
      return request
    }
    const clientOptions: ClientOptions = { maxRetries: 2, retryInterval: 100, idleTimeout: 600, readTimeout: 10_000 }
    await using rpc = await Rpc.create({ wire, handler, clientOptions })
    // Certificates are of their time.
    await rpc.pair.connect()
    vi.useFakeTimers({ toFake: ['Date'] })
    const day = 86_400_000
    let jumps = 0
    const jumping = setInterval(() => vi.setSystemTime(1e12 + (jumps++ % 2 === 0 ? 1_000 : -1_000) * day), 5)
    try {
      await repeat(200, 8, async index => {
        expect(textOf(await rpc.send(bytesOf(`call ${index}`)))).toBe(`call ${index}`)
      })
      const unusedSince = performance.now()
      expect(textOf(await rpc.send(bytesOf('twice')))).toBe('twice')
      const start = performance.now()
      expect(await failureOf(rpc.send(bytesOf('never'), { timeout: 300 }))).toMatchObject({ code: 'ERR_TIMEOUT' })
      expect(performance.now() - start).toBeGreaterThanOrEqual(295)
      for (const { idleTime, lastActive, createdAt } of rpc.client.getConnectionsInfo()) {
        expect(idleTime).toBeLessThan(10_000)
        expect(lastActive.getTime()).toBeGreaterThanOrEqual(createdAt.getTime())
      }
      const open = rpc.openStreams
      expect(open).toBeGreaterThan(0)
      await rpc.nothingLeft()
      expect(performance.now() - unusedSince).toBeGreaterThanOrEqual(500)
    } finally {
      clearInterval(jumping)
    }
  })
})
