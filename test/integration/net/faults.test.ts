import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createNet, type Socket } from '../../../src/net/index.ts'
import { ChildPeer } from '../../support/child.ts'
import { SOCKET_IDLE, SOCKET_SINK, SOCKET_SOURCE } from '../../support/child-roles.ts'
import { ourHost } from '../../support/hosts.ts'
import { leftovers, nothingLeft } from '../../support/leftovers.ts'
import { endingOf, NetPair } from '../../support/sockets.ts'
import { forgetArmedTimers } from '../../support/timers.ts'
import { turn, until, within } from '../../support/until.ts'

const CHUNK = new Uint8Array(64 * 1024)

/** Writes until the socket is gone; every callback is counted with its error's code. */
function writeOn(socket: Socket): { written: number; called: Map<string, number> } {
  const seen = { written: 0, called: new Map<string, number>() }
  const write = (): void => {
    while (!socket.destroyed) {
      seen.written += 1
      const more = socket.write(CHUNK, (error?: NodeJS.ErrnoException | null) => {
        const code = error?.code ?? 'ok'
        seen.called.set(code, (seen.called.get(code) ?? 0) + 1)
      })
      if (!more) break
    }
  }
  socket.on('drain', write)
  write()
  return seen
}

/** Waits until libp2p holds bytes back because the peer's window is full. */
async function windowFull(socket: Socket): Promise<void> {
  const unsent = (): number =>
    socket.connection?.streams.find(({ protocol }) => protocol === socket.protocol)?.writeBufferLength ?? 0
  await until('the window is full', unsent, bytes => bytes > 0)
}

const sum = (counts: Map<string, number>): number => [...counts.values()].reduce((total, count) => total + count, 0)

describe('a remote process that is killed', () => {
  it('in the middle of our writes ends the socket with ECONNRESET; every callback comes once', async () => {
    forgetArmedTimers()
    await using host = await ourHost()
    await using child = await ChildPeer.start({ kind: 'socket-server' })
    const socket = createNet(host).connect({ peer: child.address, protocol: SOCKET_SINK })
    const ending = endingOf(socket)
    const seen = writeOn(socket)
    await until(
      'a megabyte has left',
      () => seen.called.get('ok') ?? 0,
      count => count > 16
    )
    await child.kill()
    expect(await within(10_000, 'the socket closes', ending.closed)).toEqual(['error:ECONNRESET', 'close:true'])
    await turn()
    expect(sum(seen.called)).toBe(seen.written)
    expect(socket.errored).toMatchObject({ syscall: expect.stringMatching(/^(read|write)$/), protocol: SOCKET_SINK })
    await nothingLeft(SOCKET_SINK, [host])
  })

  it('in the middle of our reads ends the socket with ECONNRESET, not with an end', async () => {
    forgetArmedTimers()
    await using host = await ourHost()
    await using child = await ChildPeer.start({ kind: 'socket-server' })
    const socket = createNet(host).connect({ peer: child.address, protocol: SOCKET_SOURCE })
    const ending = endingOf(socket)
    socket.resume()
    await until(
      'a megabyte has come',
      () => socket.bytesRead,
      bytes => bytes > 1024 * 1024
    )
    await child.kill()
    expect(await within(10_000, 'the socket closes', ending.closed)).toEqual(['error:ECONNRESET', 'close:true'])
    await nothingLeft(SOCKET_SOURCE, [host])
  })

  it('leaves nothing of a socket that waits to be drained, nor of its end()', async () => {
    forgetArmedTimers()
    await using host = await ourHost()
    await using child = await ChildPeer.start({ kind: 'socket-server' })
    const socket = createNet(host).connect({ peer: child.address, protocol: SOCKET_IDLE })
    await once(socket, 'connect')
    const ending = endingOf(socket)
    const seen = writeOn(socket)
    await windowFull(socket)
    let ended: unknown
    socket.end((error?: Error) => {
      ended = error ?? 'finished'
    })
    await child.kill()
    expect(await within(10_000, 'the socket closes', ending.closed)).toEqual(['error:ECONNRESET', 'close:true'])
    expect(ended).toBeInstanceOf(Error)
    expect(sum(seen.called)).toBe(seen.written)
    await nothingLeft(SOCKET_IDLE, [host])
  })
})

describe('a connection that is cut', () => {
  it('under 100 open sockets ends each of them on both sides', async () => {
    await using nets = await NetPair.create()
    const server = await nets.listen()
    const accepted: { closed: Promise<string[]> }[] = []
    server.on('connection', socket => {
      socket.resume()
      accepted.push(endingOf(socket))
    })
    const before = nets.leftovers()
    const sockets = Array.from({ length: 100 }, () =>
      nets.client.connect({ peer: nets.peer, protocol: '/test/socket/1.0.0' })
    )
    await Promise.all(sockets.map(socket => once(socket, 'connect')))
    await until(
      'all are accepted',
      () => accepted.length,
      count => count === 100
    )
    const endings = sockets.map(socket => endingOf(socket.resume()))
    for (const connection of nets.hosts.client.getConnections()) connection.abort(new Error('cut'))
    const all = await within(10_000, 'all close', Promise.all([...endings, ...accepted].map(({ closed }) => closed)))
    expect(new Set(all.map(events => events.join()))).toEqual(new Set(['error:ECONNRESET,close:true']))
    await within(1_000, 'the server closes', new Promise(resolve => server.close(resolve)))
    await nets.nothingLeft(before)
  })
})

describe('a remote socket that is reset', () => {
  it('ends ours with ECONNRESET, what had come before is lost as with TCP', async () => {
    await using nets = await NetPair.create()
    const server = await nets.listen()
    const { socket, accepted } = await nets.connect(server)
    const [ours, theirs] = [endingOf(socket.resume()), endingOf(accepted.resume())]
    accepted.resetAndDestroy()
    expect(await ours.closed).toEqual(['error:ECONNRESET', 'close:true'])
    expect(await theirs.closed).toEqual(['close:false'])
    server.close()
    await nets.nothingLeft()
  })

  it('fails a write that waits, and an end() behind it, once each', async () => {
    await using nets = await NetPair.create()
    const server = await nets.listen({ pauseOnConnect: true })
    const { socket, accepted } = await nets.connect(server)
    accepted.on('error', () => {})
    const ending = endingOf(socket)
    const calls: string[] = []
    const note =
      (name: string) =>
      (error?: NodeJS.ErrnoException | null): void =>
        void calls.push(`${name}:${error?.code}`)
    socket.write(new Uint8Array(4 * 1024 * 1024), note('first'))
    socket.write(CHUNK, note('second'))
    socket.end(note('end'))
    await windowFull(socket)
    accepted.resetAndDestroy()
    expect(await ending.closed).toEqual(['error:ECONNRESET', 'close:true'])
    expect(calls.toSorted()).toEqual(['end:ECONNRESET', 'first:ECONNRESET', 'second:ECONNRESET'])
    server.close()
    await nets.nothingLeft()
  })
})

describe('a remote socket that does not read', () => {
  it('holds our writes up, in bounded memory, and gets every byte when it reads again', async () => {
    await using nets = await NetPair.create()
    const server = await nets.listen({ pauseOnConnect: true })
    const { socket, accepted } = await nets.connect(server)
    let timeouts = 0
    socket.setTimeout(300, () => (timeouts += 1))
    const total = 32 * 1024 * 1024
    let written = 0
    const write = (): void => {
      while (written < total) {
        written += CHUNK.byteLength
        if (!socket.write(CHUNK)) return
      }
      socket.off('drain', write).end()
    }
    socket.on('drain', write)
    write()
    await once(socket, 'timeout')
    expect(timeouts).toBe(1)
    const stuck = written
    expect(stuck).toBeLessThan(4 * 1024 * 1024)
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(written).toBe(stuck)
    expect(accepted.bytesRead).toBe(0)

    let read = 0
    accepted.on('data', (chunk: Buffer) => (read += chunk.byteLength)).resume()
    await within(20_000, 'the rest', Promise.all([once(accepted, 'end'), once(socket, 'close')]))
    expect(read).toBe(total)
    server.close()
    await nets.nothingLeft()
  })

  it('lets go of a socket that was destroyed meanwhile', async () => {
    await using nets = await NetPair.create()
    const server = await nets.listen({ pauseOnConnect: true })
    const { socket, accepted } = await nets.connect(server)
    socket.write(new Uint8Array(4 * 1024 * 1024))
    await until('the window is full', () => socket.writableNeedDrain, Boolean)
    const ending = endingOf(socket)
    socket.destroy()
    expect(await ending.closed).toEqual(['close:false'])
    const theirs = endingOf(accepted)
    accepted.destroy()
    await theirs.closed
    server.close()
    await nets.nothingLeft()
    expect(leftovers('/test/socket/1.0.0', nets.hosts.both).timers).toEqual([])
  })
})
