import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { listen } from '../src/index.ts'
import { createNet, Socket } from '../src/net/index.ts'
import { KIB, MIB, randomBody, sha256 } from './bytes.ts'
import { listeningHost } from './hosts.ts'
import { netDial, overEveryNetLink } from './links.ts'
import { accepted, ending, listening, PROPER, writeUntilHeld } from './socket-events.ts'
import { allStreamsClosed, openStreams } from './streams.ts'

const SIZES = [1, 64 * KIB, 8 * MIB]
/** What Go may send to a socket that does not read: the largest window, and what lies in buffers. */
const MOST_IN_FLIGHT = 20 * MIB

const PROTOCOL = '/test/net/1.0.0'

overEveryNetLink(link => {
  test.each(SIZES)('Go gets %d bytes back from a socket of ours, and its FIN after its own', async size => {
    await using host = await listeningHost(link)
    const ended = Promise.withResolvers<Awaited<ReturnType<typeof ending>>>()
    const echo = (socket: Socket): void => {
      // At once: what Go sends, and its FIN, may come together with the stream.
      ended.resolve(ending(socket))
      socket.pipe(socket)
    }
    await using server = await listening(createNet(host).createServer({ allowHalfOpen: true }, echo), PROTOCOL)
    await using go = netDial(link, host, PROTOCOL, 'send', { size })
    const socket = await accepted(server)
    const [connection] = host.getConnections()
    expect(socket.remoteAddress).toBe(String(connection?.remotePeer))
    const { events } = await ended.promise
    expect(events).toEqual(PROPER)
    const { sentSha256, ...conn } = await go.first('conn')
    expect(conn).toMatchObject({
      peer: host.peerId.toString(),
      received: size,
      receivedSha256: sentSha256,
      end: 'eof'
    })
    await allStreamsClosed(host, PROTOCOL)
  })

  test('an accepted socket that has ended its side reads what Go only then can answer', async () => {
    await using host = await listeningHost(link)
    await using server = await listening(createNet(host).createServer(), PROTOCOL)
    await using go = netDial(link, host, PROTOCOL, 'digest')
    const socket = await accepted(server)
    const ended = ending(socket)
    const body = randomBody(MIB)
    socket.end(body)
    const { events, received } = await ended
    expect(events).toEqual(PROPER)
    expect(String(received)).toBe(`${MIB} ${sha256(body)}`)
    expect(await go.first('conn')).toMatchObject({ received: MIB, end: 'eof' })
  })

  test('allowHalfOpen: an accepted socket answers after Go has ended its side', async () => {
    await using host = await listeningHost(link)
    await using server = await listening(createNet(host).createServer({ allowHalfOpen: true }), PROTOCOL)
    await using go = netDial(link, host, PROTOCOL, 'send', { size: MIB })
    const socket = await accepted(server)
    const ended = ending(socket)
    await once(socket, 'end')
    expect(socket.readyState).toBe('writeOnly')
    const body = randomBody(MIB)
    socket.end(body)
    const { events, received } = await ended
    expect(events).toEqual(PROPER)
    expect(await go.first('conn')).toMatchObject({
      sentSha256: sha256(received),
      receivedSha256: sha256(body),
      end: 'eof'
    })
  })

  test('without allowHalfOpen an accepted socket ends by itself once Go has', async () => {
    await using host = await listeningHost(link)
    await using server = await listening(createNet(host).createServer(), PROTOCOL)
    await using go = netDial(link, host, PROTOCOL, 'send', { size: MIB })
    const { events, received } = await ending(await accepted(server))
    expect(events).toEqual(PROPER)
    expect(await go.first('conn')).toMatchObject({ sentSha256: sha256(received), received: 0, end: 'eof' })
    await allStreamsClosed(host, PROTOCOL)
  })

  test('a Go client closes both directions: the end, and no error', async () => {
    await using host = await listeningHost(link)
    await using server = await listening(createNet(host).createServer(), PROTOCOL)
    await using go = netDial(link, host, PROTOCOL, 'bye')
    const socket = await accepted(server)
    socket.write('?')
    const { events, received } = await ending(socket)
    expect(events).toEqual(PROPER)
    expect(String(received)).toBe('bye')
    expect(await go.first('conn')).toMatchObject({ received: 1, sent: 3 })
    await allStreamsClosed(host, PROTOCOL)
  })

  test('a Go client resets: ECONNRESET after the bytes before it', { fails: !link.tellsResets }, async () => {
    await using host = await listeningHost(link)
    await using server = await listening(createNet(host).createServer(), PROTOCOL)
    await using go = netDial(link, host, PROTOCOL, 'reset')
    const socket = await accepted(server)
    const ended = ending(socket)
    await once(socket, 'data')
    socket.write('?')
    const { events, received } = await ended
    expect(events).toEqual(['error ECONNRESET', 'close true'])
    expect(String(received)).toBe('half')
    expect(await go.first('conn')).toMatchObject({ sent: 4, received: 1 })
    await allStreamsClosed(host, PROTOCOL)
  })

  test.each([
    ['resetAndDestroy()', 'reset'],
    ['destroy()', 'eof']
  ] as const)('%s of an accepted socket is for Go: %s', async (how, end) => {
    await using host = await listeningHost(link)
    await using server = await listening(createNet(host).createServer(), PROTOCOL)
    await using go = netDial(link, host, PROTOCOL, 'echo')
    const socket = await accepted(server)
    const ended = ending(socket)
    socket.write('hello')
    await once(socket, 'data')
    if (how === 'destroy()') socket.destroy()
    else socket.resetAndDestroy()
    expect((await ended).events).toEqual(['close false'])
    expect(await go.first('conn')).toMatchObject({ text: 'hello', end })
    await allStreamsClosed(host, PROTOCOL)
  })

  test('a paused socket holds Go back, and gets everything in the end', { fails: !link.holdsBack }, async () => {
    const size = 48 * MIB
    await using host = await listeningHost(link)
    await using server = await listening(
      createNet(host).createServer({ pauseOnConnect: true, allowHalfOpen: true }),
      PROTOCOL
    )
    await using go = netDial(link, host, PROTOCOL, 'send', { size })
    const socket = await accepted(server)
    const ended = ending(socket)
    const held = await settled(() => openStreams(host, PROTOCOL)[0]?.readBufferLength)
    const heldBack = go.lines('conn').length === 0
    socket.once('end', () => socket.end('got it')).resume()
    const { events, received } = await ended
    expect(events).toEqual(PROPER)
    expect(await go.first('conn')).toMatchObject({ sent: size, sentSha256: sha256(received), text: 'got it' })
    expect(heldBack).toBe(true)
    expect(held).toBeLessThan(MOST_IN_FLIGHT)
    await allStreamsClosed(host, PROTOCOL)
  })

  test('a Go client does not read: our writer is held back, and goes on when Go does', async () => {
    await using host = await listeningHost(link)
    await using server = await listening(createNet(host).createServer(), PROTOCOL)
    await using go = netDial(link, host, PROTOCOL, 'hold')
    const socket = await accepted(server)
    const body = randomBody(32 * MIB)
    const taken = await writeUntilHeld(socket, body)
    expect(taken).toBeLessThan(MOST_IN_FLIGHT)
    expect(go.lines('conn')).toEqual([])
    const drained = once(socket, 'drain')
    go.tell()
    await drained
    socket.end(body.subarray(taken))
    expect(await go.first('conn')).toMatchObject({ receivedSha256: sha256(body), end: 'eof' })
    await allStreamsClosed(host, PROTOCOL)
  })

  test('the deadline of Go passes while a socket of ours is silent', async () => {
    await using host = await listeningHost(link)
    await using server = await listening(createNet(host).createServer(), PROTOCOL)
    await using go = netDial(link, host, PROTOCOL, 'echo', { 'timeout-ms': 200 })
    const { events } = await ending(await accepted(server))
    expect(events).toEqual(PROPER)
    expect(await go.first('conn')).toMatchObject({ end: 'timeout', received: 0 })
    await allStreamsClosed(host, PROTOCOL)
  })

  test('Socket.from() of a Conn that a Listener accepted', async () => {
    await using host = await listeningHost(link)
    await using listener = await listen(host, PROTOCOL)
    await using go = netDial(link, host, PROTOCOL, 'send', { size: MIB })
    const socket = Socket.from(await listener.accept(), { allowHalfOpen: true })
    await pipeline(socket, socket)
    const { sentSha256, receivedSha256, end } = await go.first('conn')
    expect([receivedSha256, end]).toEqual([sentSha256, 'eof'])
    await allStreamsClosed(host, PROTOCOL)
  })
})

/** A number once it is not 0 and has not changed for a while, or has become undefined. */
async function settled(look: () => number | undefined): Promise<number | undefined> {
  for (let before: number | undefined = 0; ; before = look()) {
    await new Promise(resolve => setTimeout(resolve, 200))
    if (look() === before && before !== 0) return before
  }
}
