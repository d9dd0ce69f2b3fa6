import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { dial } from '../src/index.ts'
import { createNet, Socket } from '../src/net/index.ts'
import { KIB, MIB, randomBody, sha256 } from './bytes.ts'
import { diallingHost } from './hosts.ts'
import { netListen, overEveryNetLink } from './links.ts'
import { ending, PROPER, writeUntilHeld } from './socket-events.ts'
import { allStreamsClosed } from './streams.ts'

const SIZES = [1, 64 * KIB, 8 * MIB]
/** What a side that nobody reads may still send: the largest window, and what lies in buffers. */
const MOST_IN_FLIGHT = 20 * MIB

const ECHO = '/net/echo/1.0.0'
const DIGEST = '/net/digest/1.0.0'
const SEND = '/net/send/1.0.0'
const HOLD = '/net/hold/1.0.0'
const BYE = '/net/bye/1.0.0'
const RESET = '/net/reset/1.0.0'

overEveryNetLink(link => {
  test.each(SIZES)('a socket of ours gets %d bytes back from Go, and its FIN after ours', async size => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const socket = createNet(host).connect({ peer: go.address, protocol: ECHO })
    const ended = ending(socket)
    const body = randomBody(size)
    socket.end(body)
    const { events, received } = await ended
    expect(events).toEqual(PROPER)
    expect(sha256(received)).toBe(sha256(body))
    expect(socket).toMatchObject({ bytesRead: size, bytesWritten: size })
    expect(socket.remoteAddress).toBe((await go.first('ready')).id)
    expect(await go.first('conn')).toMatchObject({ peer: host.peerId.toString(), received: size, end: 'eof' })
    await allStreamsClosed(host, ECHO)
  })

  test('a socket that has ended its side reads what Go only then can answer', async () => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const socket = createNet(host).connect({ peer: go.address, protocol: DIGEST })
    const ended = ending(socket)
    const body = randomBody(MIB)
    socket.end(body)
    const { events, received } = await ended
    expect(events).toEqual(PROPER)
    expect(String(received)).toBe(`${MIB} ${sha256(body)}`)
  })

  test('allowHalfOpen: a socket writes on after Go has ended its side', async () => {
    await using go = await netListen(link, { size: MIB })
    await using host = await diallingHost(link)
    const socket = createNet(host).connect({ peer: go.address, protocol: SEND, allowHalfOpen: true })
    const ended = ending(socket)
    await once(socket, 'end')
    expect(socket.readyState).toBe('writeOnly')
    const body = randomBody(MIB)
    socket.end(body)
    const { events, received } = await ended
    expect(events).toEqual(PROPER)
    expect(await go.first('conn')).toMatchObject({
      receivedSha256: sha256(body),
      sentSha256: sha256(received),
      end: 'eof'
    })
  })

  test('without allowHalfOpen a socket ends by itself once Go has', async () => {
    await using go = await netListen(link, { size: MIB })
    await using host = await diallingHost(link)
    const { events, received } = await ending(createNet(host).connect({ peer: go.address, protocol: SEND }))
    expect(events).toEqual(PROPER)
    expect(await go.first('conn')).toMatchObject({ sent: MIB, sentSha256: sha256(received), received: 0, end: 'eof' })
    await allStreamsClosed(host, SEND)
  })

  test('Go closes both directions: the end, and no error', async () => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const socket = createNet(host).connect({ peer: go.address, protocol: BYE })
    socket.write('?')
    const { events, received } = await ending(socket)
    expect(events).toEqual(PROPER)
    expect(String(received)).toBe('bye')
    expect(await go.first('conn')).toMatchObject({ received: 1, sent: 3 })
    await allStreamsClosed(host, BYE)
  })

  test('Go resets: ECONNRESET after the bytes before it', { fails: !link.tellsResets }, async () => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const socket = createNet(host).connect({ peer: go.address, protocol: RESET })
    const ended = ending(socket)
    await once(socket, 'data')
    socket.write('?')
    const { events, received } = await ended
    expect(events).toEqual(['error ECONNRESET', 'close true'])
    expect(String(received)).toBe('half')
    await allStreamsClosed(host, RESET)
  })

  test.each([
    ['resetAndDestroy()', 'reset'],
    ['destroy()', 'eof']
  ] as const)('%s of ours is for Go: %s', async (how, end) => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const socket = createNet(host).connect({ peer: go.address, protocol: ECHO })
    const ended = ending(socket)
    socket.write('hello')
    await once(socket, 'data')
    if (how === 'destroy()') socket.destroy()
    else socket.resetAndDestroy()
    expect((await ended).events).toEqual(['close false'])
    expect(await go.first('conn')).toMatchObject({ text: 'hello', end })
    await allStreamsClosed(host, ECHO)
  })

  test('Go does not read: our writer is held back, and goes on when Go does', async () => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const socket = createNet(host).connect({ peer: go.address, protocol: HOLD })
    await once(socket, 'connect')
    const body = randomBody(32 * MIB)
    const taken = await writeUntilHeld(socket, body)
    expect(taken).toBeLessThan(MOST_IN_FLIGHT)
    expect(go.lines('conn')).toEqual([])
    const drained = once(socket, 'drain')
    go.tell()
    await drained
    await pipeline(Readable.from([body.subarray(taken)]), socket)
    expect(await go.first('conn')).toMatchObject({ receivedSha256: sha256(body), end: 'eof' })
    await allStreamsClosed(host, HOLD)
  })

  test('a protocol that Go does not handle refuses the connection', async () => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const socket = createNet(host).connect({ peer: go.address, protocol: '/net/nobody/1.0.0' })
    expect((await ending(socket)).events).toEqual(['error ECONNREFUSED', 'close true'])
  })

  test('a silent Go: the timeout, then the deadline', async () => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const socket = createNet(host).connect({ peer: go.address, protocol: HOLD, timeout: 100 })
    const ended = ending(socket)
    await once(socket, 'timeout')
    expect(socket.readyState).toBe('open')
    socket.setDeadline(Date.now() + 100)
    expect((await ended).events).toEqual(['error ETIMEDOUT', 'close true'])
  })

  test('Socket.from() of a Conn that dial() gave', async () => {
    await using go = await netListen(link)
    await using host = await diallingHost(link)
    const socket = Socket.from(await dial(host, go.address, ECHO))
    const ended = ending(socket)
    const body = randomBody(MIB)
    socket.end(body)
    const { events, received } = await ended
    expect(events).toEqual(PROPER)
    expect(sha256(received)).toBe(sha256(body))
    expect(socket.remoteAddress).toBe((await go.first('ready')).id)
  })
})
