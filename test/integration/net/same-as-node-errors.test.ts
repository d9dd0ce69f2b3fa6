import type { Socket } from 'node:net'
import { describe } from 'vitest'
import { awhile, callWith, closed, happens, type Play, stateOf } from './play.ts'
import { sameAsNode } from './same.ts'

const same = sameAsNode()

/** What the system says of a peer that is gone depends on which of two packets was first. */
function noteThatPeerIsGone(play: Play, channel: string, socket: Socket): void {
  socket.on('error', ({ code = '', syscall = '' }: NodeJS.ErrnoException) => {
    play.note(channel, 'error', ['ECONNRESET', 'EPIPE'].includes(code), ['read', 'write'].includes(syscall))
  })
  socket.on('close', hadError => play.note(channel, 'close', hadError))
}

describe('write()', () => {
  same('after end() is ERR_STREAM_WRITE_AFTER_END, told to its callback and by the socket', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    socket.end('x')
    play.logEvents('socket', socket, ['error', 'close'])
    play.note('socket', socket.write('late', play.noting('callback', 'called')))
    await closed(socket)
  })

  same('after destroy() is ERR_STREAM_DESTROYED, told to its callback only', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    play.logEvents('socket', socket, ['error', 'close'])
    socket.destroy()
    play.note('callback', socket.write('at once', play.noting('callback', 'at once')))
    socket.end('more', play.noting('callback', 'ended'))
    await closed(socket)
    socket.write('later', play.noting('callback', 'later'))
    socket.end(play.noting('callback', 'ended later'))
    await awhile()
  })

  same("in the tick of the peer's end still works", async play => {
    const { socket, accepted } = await play.pair()
    play.logText('accepted', accepted)
    socket.on('end', () => {
      play.note('socket', 'end', stateOf(socket))
      socket.write('in end', play.noting('socket', 'written'))
      socket.end()
    })
    accepted.end()
    await happens(socket.resume(), 'end')
    await awhile()
  })

  same("after the peer's end is EPIPE", async play => {
    const { socket, accepted } = await play.pair()
    accepted.on('error', () => {}).end()
    play.logEvents('socket', socket.resume(), ['error', 'close'])
    await happens(socket, 'end')
    play.note('socket', socket.write('late', play.noting('socket', 'called')))
    await closed(socket)
  })

  same("after the peer's end works with allowHalfOpen", async play => {
    const { socket, accepted } = await play.pair({ client: { allowHalfOpen: true } })
    play.logText('accepted', accepted)
    play.logEvents('socket', socket.resume())
    accepted.end()
    await happens(socket, 'end')
    await awhile()
    socket.end('late', play.noting('socket', 'ended'))
    await closed(socket, accepted)
  })

  same('without a connection is ERR_SOCKET_CLOSED', async play => {
    const socket = new play.client.Socket()
    play.logEvents('socket', socket)
    play.note('socket', socket.write('x', play.noting('callback', 'called')))
    await closed(play.adopt(socket))
    play.note('socket', stateOf(socket))
  })

  same('while connecting, of a socket that is destroyed then, is ERR_SOCKET_CLOSED_BEFORE_CONNECTION', async play => {
    const { port } = await play.listen(accepted => accepted.resume())
    const socket = play.connect(port)
    play.logEvents('socket', socket, ['error', 'close'])
    socket.write('x', play.noting('callback', 'called'))
    socket.destroy()
    await closed(socket)
  })

  same('of anything but bytes or text throws', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    const bad = [null, undefined, 5, true, {}, [], Symbol('x')]
    for (const each of bad) play.attempt('socket', typeof each, () => callWith(socket, 'write', each))
    play.attempt('socket', 'bad encoding', () => callWith(socket, 'write', 'x', 'nope'))
    for (const good of [new Uint8Array(2), new Uint16Array(2), new DataView(new ArrayBuffer(3))]) {
      socket.write(good as Uint8Array)
    }
    socket.end()
    await closed(socket.resume())
    play.note('bytes', socket.bytesWritten, accepted.bytesRead)
  })
})

describe('resetAndDestroy()', () => {
  same('of the client closes it without error and is ECONNRESET for the server', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket)
    play.logEvents('accepted', accepted.resume())
    play.note('socket', socket.resetAndDestroy() === socket, stateOf(socket))
    await closed(socket, accepted)
    play.note('accepted', stateOf(accepted), accepted.errored)
  })

  same('of the server is ECONNRESET for the client', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket.resume())
    play.logEvents('accepted', accepted)
    accepted.resetAndDestroy()
    await closed(socket, accepted)
    play.note('socket', stateOf(socket), socket.errored)
  })

  same('without a connection is ERR_SOCKET_CLOSED', async play => {
    const socket = play.adopt(new play.client.Socket())
    play.logEvents('socket', socket)
    socket.resetAndDestroy()
    await closed(socket)
  })

  same('twice is as once, and after the close nothing', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket)
    play.logEvents('accepted', accepted.resume())
    socket.resetAndDestroy()
    socket.resetAndDestroy()
    await closed(socket, accepted)
    socket.resetAndDestroy()
    await awhile()
  })

  same('of the peer fails the writes that wait, each once', async play => {
    const { socket, accepted } = await play.pair({ server: { pauseOnConnect: true } })
    accepted.on('error', () => {})
    noteThatPeerIsGone(play, 'socket', socket)
    let called = 0
    let failed = 0
    for (let i = 0; i < 20; i += 1) {
      socket.write(Buffer.alloc(1 << 20), error => {
        called += 1
        if (error) failed += 1
      })
    }
    await awhile()
    accepted.resetAndDestroy()
    await closed(socket)
    await awhile()
    play.note('socket', called, failed > 0)
  })
})

describe('a peer that is destroyed', () => {
  same('while we have not read its data is told after them', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket)
    play.logText('socket', socket.pause())
    accepted.write('all of it')
    accepted.destroy()
    await awhile()
    play.note('socket', 'resumes')
    socket.resume()
    await closed(socket)
  })

  same('before it has read ours resets', async play => {
    const { socket, accepted } = await play.pair({ server: { pauseOnConnect: true } })
    play.logEvents('socket', socket.resume())
    accepted.on('error', () => {})
    socket.write('unread')
    await happens(accepted.resume().pause(), 'readable')
    accepted.destroy()
    await closed(socket)
  })

  same('breaks the pipe of a writer that goes on', async play => {
    const { socket, accepted } = await play.pair({ client: { allowHalfOpen: true } })
    noteThatPeerIsGone(play, 'socket', socket.resume())
    socket.on('end', play.noting('socket', 'end'))
    accepted.destroy()
    await happens(socket, 'end')
    const writing = setInterval(() => socket.write('x'), 5)
    await closed(socket)
    clearInterval(writing)
  })

  same('in the connection listener is an end for the client', async play => {
    const { port } = await play.listen(accepted => accepted.destroy())
    const socket = play.connect(port)
    play.logEvents('socket', socket.resume(), ['connect', 'ready', 'end', 'error', 'close'])
    await closed(socket)
  })

  same('in the connection listener with an error tells it there, and an end to the client', async play => {
    const { port } = await play.listen(accepted => {
      play.logEvents('accepted', accepted)
      accepted.destroy(new Error('go away'))
    })
    const socket = play.connect(port)
    play.logEvents('socket', socket.resume(), ['connect', 'end', 'error', 'close'])
    await closed(socket)
  })
})
