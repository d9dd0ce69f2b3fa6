import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import type { ClientOptions, Handler } from '../../../src/index.ts'
import { bytesOf, frameOf, MIB, textOf } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { nothingLeft } from '../../support/leftovers.ts'
import { handleRaw, onFrames } from '../../support/raw.ts'
import { PROTOCOL, Rpc } from '../../support/rpc.ts'
import { SilentServer } from '../../support/silent-server.ts'
import { within } from '../../support/until.ts'
import { inFlight, WIRES } from '../../support/wires.ts'

const HELLO = bytesOf('hello')
const RAW = '/raw/1.0.0'
const never: Handler = () => new Promise(() => {})

/** A client whose peer serves {@link RAW} with `onStream`. */
async function raw(clientOptions: ClientOptions, onStream: (stream: Stream) => void): Promise<Rpc> {
  const rpc = await Rpc.create({ clientOptions })
  await handleRaw(rpc.pair.server, RAW, stream => {
    stream.addEventListener('remoteCloseWrite', () => void stream.close())
    onStream(stream)
  })
  return rpc
}

/** Sends some bytes one by one, so many ms apart, for as long as the stream is open. */
function dribble(stream: Stream, bytes: Uint8Array, milliseconds: number): void {
  let at = 0
  const timer = setInterval(() => {
    if (at >= bytes.byteLength || stream.writeStatus !== 'writable') clearInterval(timer)
    else stream.send(bytes.subarray(at, at + 1))
    at += 1
  }, milliseconds)
  stream.addEventListener('close', () => clearInterval(timer))
}

async function silentPeer(silent: SilentServer): Promise<string> {
  return `${silent.address}/p2p/${peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()}`
}

/** How long something takes, in ms. */
async function timed<T>(task: Promise<T>): Promise<[T, number]> {
  const start = performance.now()
  return [await task, performance.now() - start]
}

describe('connectTimeout', () => {
  it('bounds each try to reach a peer that accepts and says nothing: ERR_TIMEOUT, nothing sent', async () => {
    await using silent = await SilentServer.listen()
    await using rpc = await Rpc.create({ clientOptions: { connectTimeout: 200, maxRetries: 2, retryInterval: 1 } })
    const peer = await silentPeer(silent)
    const [error, took] = await timed(failureOf(rpc.client.send(peer, PROTOCOL, HELLO, { idempotent: false })))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', message: 'connecting took longer than 200 ms', sent: false })
    expect(rpc.client.getMetrics().retries).toBe(2)
    expect(took).toBeGreaterThanOrEqual(590)
    await rpc.nothingLeft()
  })

  it.each(WIRES)('does not bound the wait for a place on the %s wire, nor the answer', async wire => {
    const handler: Handler = request =>
      request.byteLength === 0 ? request : new Promise(resolve => setTimeout(() => resolve(request), 300))
    await using rpc = await Rpc.create({
      ...inFlight(wire, 1),
      handler,
      clientOptions: { ...inFlight(wire, 1).clientOptions, connectTimeout: 250 }
    })
    await rpc.pair.connect()
    await rpc.greet()
    const calls = [rpc.send(HELLO), rpc.send(HELLO), rpc.send(HELLO)]
    expect((await Promise.all(calls)).map(textOf)).toEqual(['hello', 'hello', 'hello'])
  })
})

describe('writeTimeout', () => {
  it('ends a request to a peer that does not read: ERR_TIMEOUT, sent', async () => {
    await using rpc = await raw({ writeTimeout: 200, readTimeout: 20_000 }, stream => stream.pause())
    const call = failureOf(rpc.client.send(rpc.address, RAW, new Uint8Array(16 * MIB)))
    expect(await within(5_000, 'the call ends', call)).toMatchObject({
      code: 'ERR_TIMEOUT',
      message: 'the peer took longer to take the request than writeTimeout, 200 ms',
      sent: true,
      peer: rpc.peer
    })
    await nothingLeft(RAW, rpc.pair.both)
  })

  it('leaves a peer alone that reads slowly but steadily', async () => {
    await using rpc = await raw({ writeTimeout: 400, readTimeout: 20_000 }, stream => {
      onFrames(stream, () => stream.send(frameOf(HELLO)))
      let reading = false
      const timer = setInterval(() => {
        reading = !reading
        if (stream.readStatus === 'readable' || stream.readStatus === 'paused') {
          if (reading) stream.resume()
          else stream.pause()
        }
      }, 40)
      stream.addEventListener('close', () => clearInterval(timer))
    })
    expect(textOf(await rpc.client.send(rpc.address, RAW, new Uint8Array(16 * MIB)))).toBe('hello')
  })

  it.each(WIRES)('does not bound the wait for the answer on the %s wire', async wire => {
    const handler: Handler = request => new Promise(resolve => setTimeout(() => resolve(request), 500))
    await using rpc = await Rpc.create({ wire, handler, clientOptions: { writeTimeout: 100 } })
    expect(textOf(await rpc.send(HELLO))).toBe('hello')
  })
})

describe('readTimeout', () => {
  it.each(WIRES)('ends a request to a peer that does not answer on the %s wire: ERR_TIMEOUT, sent', async wire => {
    await using rpc = await Rpc.create({
      wire,
      handler: never,
      clientOptions: { readTimeout: 200, writeTimeout: 20_000 }
    })
    const [error, took] = await timed(failureOf(rpc.send(HELLO)))
    expect(error).toMatchObject({
      code: 'ERR_TIMEOUT',
      message: 'the peer took longer to answer than readTimeout, 200 ms',
      sent: true,
      peer: rpc.peer,
      protocol: PROTOCOL
    })
    expect(took).toBeGreaterThanOrEqual(195)
    await rpc.client.close()
    await rpc.nothingLeft()
  })

  it('ends one whose answer stops in the middle', async () => {
    await using rpc = await raw({ readTimeout: 200 }, stream =>
      onFrames(stream, () => stream.send(frameOf(HELLO).subarray(0, 7)))
    )
    const call = failureOf(rpc.client.send(rpc.address, RAW, HELLO))
    expect(await within(5_000, 'the call ends', call)).toMatchObject({ code: 'ERR_TIMEOUT', sent: true })
    await nothingLeft(RAW, rpc.pair.both)
  })

  it('leaves a peer alone that dribbles its answer', async () => {
    await using rpc = await raw({ readTimeout: 400 }, stream =>
      onFrames(stream, body => dribble(stream, frameOf(body), 100))
    )
    const [answer, took] = await timed(rpc.client.send(rpc.address, RAW, HELLO))
    expect(textOf(answer)).toBe('hello')
    expect(took).toBeGreaterThan(800)
  })

  it.each(WIRES)('is tried again on the %s wire if the request is idempotent, else not', async wire => {
    let calls = 0
    const handler: Handler = request => {
      calls += 1
      return calls % 2 === 1 ? new Promise(() => {}) : request
    }
    const clientOptions: ClientOptions = { readTimeout: 150, maxRetries: 1, retryInterval: 1 }
    await using rpc = await Rpc.create({ wire, handler, clientOptions })
    expect(textOf(await rpc.send(HELLO))).toBe('hello')
    const call = rpc.client.send(rpc.address, PROTOCOL, HELLO, { idempotent: false })
    expect(await failureOf(call)).toMatchObject({ code: 'ERR_TIMEOUT', sent: true })
    expect(calls).toBe(3)
  })

  it.each(WIRES)('does not close a stream of the %s wire that only rests', async wire => {
    await using rpc = await Rpc.create({ wire, clientOptions: { readTimeout: 100, writeTimeout: 100 } })
    await rpc.send(HELLO)
    await new Promise(resolve => setTimeout(resolve, 400))
    await rpc.send(HELLO)
    expect(rpc.server.getMetrics().totalConnections).toBe(1)
  })
})

describe('timeout bounds it all', () => {
  it('a peer that dribbles for ever', async () => {
    await using rpc = await raw({ readTimeout: 20_000, timeout: 400 }, stream =>
      onFrames(stream, () => dribble(stream, frameOf(new Uint8Array(10_000)), 10))
    )
    const call = failureOf(rpc.client.send(rpc.address, RAW, HELLO))
    const [error, took] = await timed(within(5_000, 'the call ends', call))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', message: 'the call took longer than 400 ms', sent: true })
    expect(took).toBeGreaterThanOrEqual(395)
    await nothingLeft(RAW, rpc.pair.both)
  })

  it('a peer that does not read, one that cannot be reached, and all retries', async () => {
    await using silent = await SilentServer.listen()
    await using rpc = await raw({ maxRetries: 1_000, retryInterval: 1, timeout: 500 }, stream => stream.pause())
    const calls = [
      rpc.client.send(rpc.address, RAW, new Uint8Array(16 * MIB)),
      rpc.client.send(await silentPeer(silent), PROTOCOL, HELLO),
      rpc.client.send(rpc.address, RAW, HELLO)
    ]
    const [errors, took] = await timed(within(5_000, 'the calls end', Promise.all(calls.map(failureOf))))
    expect(errors.map(({ code, sent }) => [code, sent])).toEqual([
      ['ERR_TIMEOUT', true],
      ['ERR_TIMEOUT', false],
      ['ERR_TIMEOUT', true]
    ])
    expect(took).toBeGreaterThanOrEqual(495)
    await nothingLeft(RAW, rpc.pair.both)
  })

  it.each(WIRES)('and a call that fails again and again on the %s wire ends before it, not after', async wire => {
    let calls = 0
    const handler: Handler = () => {
      calls += 1
      throw new Error('no')
    }
    const clientOptions: ClientOptions = { maxRetries: 1_000, retryInterval: 100, timeout: 550 }
    await using rpc = await Rpc.create({ wire, handler, clientOptions })
    await rpc.pair.connect()
    const [error, took] = await timed(failureOf(rpc.send(HELLO)))
    expect(error.sent).toBe(true)
    expect(took).toBeLessThan(1_500)
    expect(calls).toBeLessThanOrEqual(6)
  })
})
