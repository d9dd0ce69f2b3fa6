import { describe, expect, it } from 'vitest'
import type { Handler } from '../../../src/index.ts'
import { bytesOf, frameOf, join, MIB, randomBody, sameBytes, textOf, u32 } from '../../support/bytes.ts'
import { RawStream } from '../../support/raw.ts'
import { echo, Gate, PROTOCOL, Rpc, type RpcOptions } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'
import { WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')

async function rawStream(rpc: Rpc): Promise<RawStream> {
  return RawStream.open(await rpc.pair.connect(), PROTOCOL)
}

async function failureCodes(rpc: Rpc, count: number): Promise<string[]> {
  const failures = await until(
    'failure events',
    () => rpc.failures,
    ({ length }) => length >= count
  )
  return failures.map(({ error }) => error.code)
}

describe('idleTimeout of a server', () => {
  const options: RpcOptions = { serverOptions: { idleTimeout: 100 } }

  it('ends a stream that brings nothing, politely: a FIN, no failure', async () => {
    await using rpc = await Rpc.create(options)
    const start = performance.now()
    const raw = await rawStream(rpc)
    expect(await raw.ended()).toBe('fin')
    expect(performance.now() - start).toBeGreaterThanOrEqual(90)
    await raw.stream.close()
    await rpc.nothingLeft()
    expect(rpc.failures).toEqual([])
  })

  it('counts from the last answer, not from the start', async () => {
    await using rpc = await Rpc.create({ serverOptions: { idleTimeout: 400 } })
    const raw = await rawStream(rpc)
    const start = performance.now()
    for (let round = 1; round <= 12; round += 1) {
      raw.send(frameOf(HELLO))
      await raw.receivedAtLeast(round * 9)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    expect(performance.now() - start).toBeGreaterThan(500)
    expect(raw.finished).toBe(false)
    expect(await raw.ended()).toBe('fin')
    await raw.stream.close()
  })

  it.each(WIRES)('does not end a stream of the %s wire whose handler is at work', async wire => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ ...options, wire, handler: gate.handler })
    const call = rpc.send(HELLO)
    await gate.reached(1)
    const other = await rawStream(rpc)
    await other.ended()
    gate.open()
    expect(textOf(await call)).toBe('hello')
  })

  it.each(WIRES)('costs a client of the %s wire nothing: its next call takes another stream', async wire => {
    await using rpc = await Rpc.create({ ...options, wire })
    for (let round = 0; round < 3; round += 1) {
      expect(textOf(await rpc.send(HELLO))).toBe('hello')
      await rpc.nothingLeft()
    }
    expect(rpc.failures).toEqual([])
  })
})

describe('readTimeout of a server', () => {
  const options: RpcOptions = { serverOptions: { readTimeout: 100 } }

  it.each([
    ['a length', Uint8Array.of(0, 0)],
    ['a body', join(u32(1_000), new Uint8Array(999))],
    ['a second request', join(frameOf(HELLO), u32(5), Uint8Array.of(1))]
  ])('resets a stream that stops in the middle of %s', async (_, bytes) => {
    await using rpc = await Rpc.create(options)
    const raw = await rawStream(rpc)
    raw.send(bytes)
    expect(await raw.ended()).toBe('reset')
    expect(await failureCodes(rpc, 1)).toEqual(['ERR_TIMEOUT'])
    expect(rpc.failures[0]?.error.message).toBe('the peer took longer than readTimeout, 100 ms')
    await rpc.nothingLeft()
  })

  it('is patient with a request that comes slowly but steadily', async () => {
    await using rpc = await Rpc.create({ serverOptions: { readTimeout: 400 } })
    const raw = await rawStream(rpc)
    const start = performance.now()
    for (const byte of frameOf(HELLO)) {
      raw.send(Uint8Array.of(byte))
      await new Promise(resolve => setTimeout(resolve, 60))
    }
    expect(performance.now() - start).toBeGreaterThan(500)
    expect(sameBytes(await raw.receivedAtLeast(9), frameOf(HELLO))).toBe(true)
    await raw.stream.close()
  })

  it.each(WIRES)('does not count the time of a handler on the %s wire', async wire => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ ...options, wire, handler: gate.handler })
    const call = rpc.send(HELLO)
    await gate.reached(1)
    const other = await rawStream(rpc)
    other.send(Uint8Array.of(0))
    expect(await other.ended()).toBe('reset')
    gate.open()
    expect(textOf(await call)).toBe('hello')
  })
})

describe('writeTimeout of a server', () => {
  const large: Handler = () => new Uint8Array(8 * MIB)

  it('resets a stream whose peer does not read the answer', async () => {
    await using rpc = await Rpc.create({ handler: large, serverOptions: { writeTimeout: 200 } })
    const raw = await rawStream(rpc)
    raw.stream.maxReadBufferLength = 64 * MIB
    raw.stream.pause()
    raw.send(frameOf(HELLO))
    expect(await failureCodes(rpc, 1)).toEqual(['ERR_TIMEOUT'])
    expect(rpc.failures[0]?.error.message).toBe('the peer took longer than writeTimeout, 200 ms')
    await rpc.nothingLeft()
  })

  it('is patient with a peer that reads slowly but steadily', async () => {
    await using rpc = await Rpc.create({ handler: large, serverOptions: { writeTimeout: 500 } })
    const raw = await rawStream(rpc)
    raw.stream.maxReadBufferLength = 64 * MIB
    raw.stream.pause()
    raw.send(frameOf(HELLO))
    const start = performance.now()
    let length = 0
    while (length < 8 * MIB + 4) {
      // Resuming hands over what came, a window at most; the next window comes after the next pause.
      await new Promise(resolve => setTimeout(resolve, 120))
      raw.stream.resume()
      length = raw.received.byteLength
      if (length < 8 * MIB) raw.stream.pause()
    }
    expect(performance.now() - start, 'it took longer than writeTimeout').toBeGreaterThan(800)
    expect(rpc.failures).toEqual([])
    await raw.stream.close()
  })

  it('does not disturb others: calls are answered while one peer does not read', async () => {
    const handler: Handler = request => (request.byteLength === 0 ? new Uint8Array(8 * MIB) : request)
    await using rpc = await Rpc.create({ handler, serverOptions: { writeTimeout: 1_000 } })
    const raw = await rawStream(rpc)
    raw.stream.maxReadBufferLength = 64 * MIB
    raw.stream.pause()
    raw.send(u32(0))
    for (let round = 0; round < 20; round += 1) {
      const request = randomBody(64 * 1024)
      expect(sameBytes(await rpc.send(request), request)).toBe(true)
    }
    expect(await failureCodes(rpc, 1)).toEqual(['ERR_TIMEOUT'])
  })
})

describe('a peer that uses a stream by hand', () => {
  it('may end its side after the request: it still gets the answer', async () => {
    const gate = new Gate()
    await using rpc = await Rpc.create({ handler: gate.handler })
    const raw = await rawStream(rpc)
    raw.send(frameOf(HELLO))
    await raw.stream.close()
    await gate.reached(1)
    gate.open()
    expect(await raw.ended()).toBe('fin')
    expect(sameBytes(raw.received, frameOf(HELLO))).toBe(true)
    await rpc.nothingLeft()
    expect(rpc.failures).toEqual([])
  })

  it('may send many requests at once: the answers come in order', async () => {
    const handler: Handler = async request => {
      await new Promise(resolve => setTimeout(resolve, request[0] === 0 ? 30 : 0))
      return request
    }
    await using rpc = await Rpc.create({ handler })
    const raw = await rawStream(rpc)
    const wire = join(...Array.from({ length: 200 }, (_, index) => frameOf(Uint8Array.of(index % 50, index))))
    raw.send(wire)
    await raw.stream.close()
    expect(await raw.ended()).toBe('fin')
    expect(sameBytes(raw.received, wire)).toBe(true)
    await rpc.nothingLeft()
  })

  it('that ends its side in the middle of a request is reset: ERR_UNEXPECTED_EOF', async () => {
    await using rpc = await Rpc.create({ handler: echo })
    const raw = await rawStream(rpc)
    raw.send(join(u32(5), Uint8Array.of(1)))
    await raw.stream.close()
    expect(await failureCodes(rpc, 1)).toEqual(['ERR_UNEXPECTED_EOF'])
    await rpc.nothingLeft()
  })
})
