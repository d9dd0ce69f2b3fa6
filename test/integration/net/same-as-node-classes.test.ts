import { EventEmitter } from 'node:events'
import type { Server, Socket, SocketConstructorOpts } from 'node:net'
import { Duplex, Readable, Writable } from 'node:stream'
import { inspect } from 'node:util'
import { describe } from 'vitest'
import { callWith, closed, happens, stateOf } from './play.ts'
import { sameAsNode } from './same.ts'

const same = sameAsNode()

describe('a socket', () => {
  same('that is new says of itself what a new one of Node does', play => {
    const socket = new play.client.Socket()
    const members =
      'remoteAddress remoteFamily remotePort localAddress localPort localFamily bytesRead bytesWritten bufferSize ' +
      'connecting _connecting pending readyState timeout destroyed server allowHalfOpen errored closed ' +
      'autoSelectFamilyAttemptedAddresses readableFlowing writableNeedDrain writableCorked readableEncoding ' +
      'readableObjectMode writableObjectMode readableDidRead readableAborted writableAborted'
    for (const member of members.split(' ')) play.note('socket', member, Reflect.get(socket, member))
    play.note('socket', socket.address(), socket.eventNames(), stateOf(socket))
  })

  same('can be made without new', async play => {
    const { port } = await play.listen(accepted => accepted.pipe(accepted))
    const socket: Socket = Reflect.apply(play.client.Socket as unknown as () => Socket, undefined, [
      { allowHalfOpen: true }
    ])
    play.note('socket', socket instanceof play.client.Socket, socket.allowHalfOpen)
    play.logText('socket', play.adopt(socket))
    socket.connect(port, play.address, () => socket.end('hello'))
    await closed(socket)
  })

  same('can be extended by a class that overrides its methods', async play => {
    class Mine extends play.client.Socket {
      readonly mine = 1

      constructor(options: SocketConstructorOpts) {
        super({ ...options, allowHalfOpen: true })
      }

      override setTimeout(milliseconds: number, callback?: () => void): this {
        play.note('socket', 'setTimeout', milliseconds)
        return super.setTimeout(milliseconds, callback)
      }
    }
    const { port } = await play.listen(accepted => accepted.pipe(accepted))
    const socket = play.adopt(new Mine({}))
    play.note(
      'socket',
      socket instanceof play.client.Socket,
      socket.constructor.name,
      socket.allowHalfOpen,
      socket.mine
    )
    play.logText('socket', socket.setTimeout(5_000))
    socket.connect(port, play.address, () => socket.end('hello'))
    await closed(socket)
  })

  same('can have its write() replaced, which end() does not go through', async play => {
    const { socket, accepted } = await play.pair()
    play.logText('accepted', accepted)
    const write = socket.write.bind(socket)
    socket.write = (chunk: unknown): boolean => write(String(chunk).toUpperCase())
    socket.write('abc')
    socket.end('def')
    await closed(socket.resume())
  })

  same('is what instanceof says of it, on both sides', async play => {
    const { server, socket, accepted } = await play.pair()
    for (const each of [socket, accepted]) {
      const classes = [play.client.Socket, Duplex, Readable, Writable, EventEmitter]
      play.note('socket', ...classes.map(Class => each instanceof Class), each.constructor.name)
    }
    play.note('server', server instanceof play.server.Server, server instanceof EventEmitter, server.constructor.name)
  })

  same('returns itself from what can be chained', async play => {
    const { socket } = await play.pair()
    const chained: Record<string, () => unknown> = {
      setTimeout: () => socket.setTimeout(0),
      setNoDelay: () => socket.setNoDelay(),
      setKeepAlive: () => socket.setKeepAlive(true, 10),
      ref: () => socket.ref(),
      unref: () => socket.unref(),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      setEncoding: () => socket.setEncoding('utf8'),
      end: () => socket.end(),
      destroy: () => socket.destroy()
    }
    for (const [name, call] of Object.entries(chained)) play.note('socket', name, call() === socket)
    await closed(socket)
  })

  same('has the methods and accessors of a socket, none of them its own', play => {
    const socket = new play.client.Socket()
    const members =
      'address bufferSize bytesRead bytesWritten connect destroySoon end localAddress localFamily localPort pause ' +
      'pending read readyState ref remoteAddress remoteFamily remotePort resetAndDestroy resume setKeepAlive ' +
      'setNoDelay setTimeout unref _connecting _onTimeout _unrefTimer _final _destroy _read cork uncork'
    for (const member of members.split(' '))
      play.note('socket', member, member in socket, Object.hasOwn(socket, member))
  })

  same('has the high water marks it is given', async play => {
    const { socket, accepted } = await play.pair({
      client: { highWaterMark: 50 } as object,
      server: { highWaterMark: 100 }
    })
    for (const each of [socket, accepted]) {
      play.note('socket', each.readableHighWaterMark, each.writableHighWaterMark)
    }
  })

  same('can be looked at with inspect()', async play => {
    const { server, socket } = await play.pair()
    for (const each of [server, socket, new play.client.Socket()]) {
      play.note('inspect', /Socket|Server/.test(inspect(each)))
    }
    play.note('inspect', inspect(play.client.Socket.prototype).length > 0)
  })

  same('captures rejections of its listeners if it is told to', async play => {
    const { port } = await play.listen(accepted => accepted.resume().write('x'))
    const socket = play.adopt(new play.client.Socket({ captureRejections: true } as object))
    play.logEvents('socket', socket, ['error', 'close'])
    callWith(socket, 'on', 'data', async () => {
      throw new Error('async in data')
    })
    socket.connect(port, play.address)
    await closed(socket)
  })
})

describe('destroySoon()', () => {
  same('closes after everything that was written has left', async play => {
    const { socket, accepted } = await play.pair()
    play.logText('accepted', accepted)
    play.logEvents('accepted', accepted)
    socket.write('all ')
    socket.write('of it')
    play.note('socket', socket.destroySoon(), stateOf(socket))
    await closed(socket, accepted)
  })

  same('after end() and after the close is fine', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    play.logEvents('socket', socket, ['finish', 'error', 'close'])
    socket.end('x')
    socket.destroySoon()
    await closed(socket)
    socket.destroySoon()
    play.note('socket', stateOf(socket))
  })

  same('of a socket that was never connected closes it', async play => {
    const socket = play.adopt(new play.client.Socket())
    play.logEvents('socket', socket)
    socket.destroySoon()
    await closed(socket)
    play.note('socket', stateOf(socket))
  })
})

describe('a socket that connects again', () => {
  same('after a close is as new', async play => {
    const { port } = await play.listen(accepted => accepted.on('error', () => {}).end('hello'))
    const socket = play.adopt(new play.client.Socket())
    play.logEvents('socket', socket, ['connect', 'ready', 'end', 'error', 'close'])
    socket.on('data', (chunk: Buffer) => play.note('socket', 'data', String(chunk)))
    for (let i = 0; i < 3; i += 1) {
      socket.connect(port, play.address)
      play.note('socket', stateOf(socket), socket.bytesRead, socket.bytesWritten)
      await happens(socket, 'close')
      play.note('socket', stateOf(socket), socket.bytesRead)
    }
  })

  same('after an error has forgotten it', async play => {
    const { server, port } = await play.listen(accepted => accepted.end('hello'))
    server.close()
    await happens(server, 'close')
    const socket = play.adopt(new play.client.Socket())
    play.logText('socket', socket)
    socket.on('error', ({ code }: NodeJS.ErrnoException) => play.note('socket', code))
    socket.connect(port, play.address)
    await happens(socket, 'close')
    play.note('socket', stateOf(socket), socket.errored !== null)
    await play.listening(server, port)
    socket.connect(port, play.address)
    await happens(socket, 'close')
    play.note('socket', stateOf(socket), socket.errored)
  })

  same('can write again', async play => {
    const { port } = await play.listen(accepted => {
      play.logText('accepted', accepted)
      accepted.end('x')
    })
    const socket = play.adopt(new play.client.Socket()).resume()
    for (const word of ['one', 'two']) {
      socket.connect(port, play.address, () => socket.write(word))
      await happens(socket, 'close')
    }
  })
})

describe('a server', () => {
  same('can be made without new, and extended', async play => {
    const made: Server = Reflect.apply(play.server.Server as unknown as () => Server, undefined, [])
    class Mine extends play.server.Server {
      readonly mine = 1
    }
    const server = play.track(new Mine(accepted => accepted.end('hi')))
    play.note('server', made instanceof play.server.Server, server instanceof play.server.Server)
    const socket = play.connect(await play.listening(server))
    play.logText('socket', socket)
    await closed(socket)
  })

  same('has the members of a server', play => {
    const server = play.createServer()
    const members = 'address close getConnections listen listening ref unref allowHalfOpen pauseOnConnect'
    for (const member of members.split(' ')) play.note('server', member, member in server)
    play.note('server', server.maxConnections, server.listening, server.ref() === server, server.unref() === server)
  })
})

describe('the module', () => {
  same('has the members of node:net', play => {
    const members =
      'BlockList Server Socket SocketAddress Stream connect createConnection createServer getDefaultAutoSelectFamily ' +
      'getDefaultAutoSelectFamilyAttemptTimeout isIP isIPv4 isIPv6 setDefaultAutoSelectFamily ' +
      'setDefaultAutoSelectFamilyAttemptTimeout'
    for (const member of members.split(' ')) play.note('net', member, typeof Reflect.get(play.client, member))
    const { Socket, Server, connect, createConnection } = play.client
    play.note('net', connect === createConnection, Reflect.get(play.client, 'Stream') === Socket)
    play.note('net', Socket.name, Server.name, play.client.isIP('::1'), play.client.getDefaultAutoSelectFamily())
  })
})
