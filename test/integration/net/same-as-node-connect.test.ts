import { getEventListeners } from 'node:events'
import type { LookupFunction, Socket } from 'node:net'
import { describe } from 'vitest'
import { UNKNOWN_NAME } from './nets.ts'
import { awhile, callWith, closed, happens, type Play, stateOf } from './play.ts'
import { sameAsNode } from './same.ts'

const same = sameAsNode()

/** A name service that knows where the servers are. */
function lookupOf(play: Play, channel: string): LookupFunction {
  return (name, options, callback) => {
    play.note(channel, 'looks up', name)
    setImmediate(() => {
      if (options.all === true) callback(null, [{ address: play.address, family: 4 }])
      else callback(null, play.address, 4)
    })
  }
}

describe('connecting', () => {
  same('goes through opening and open to closed', async play => {
    const { port } = await play.listen(socket => socket.end())
    const socket = play.connect(port)
    play.note('socket', 'returned', stateOf(socket))
    for (const event of ['connect', 'ready', 'end', 'close']) {
      socket.on(event, () => play.note('socket', event, stateOf(socket)))
    }
    socket.resume()
    await closed(socket)
    play.note('socket', 'after close', stateOf(socket))
  })

  same("tells 'connect', then the microtasks, then 'ready'", async play => {
    const { port } = await play.listen(socket => socket.end())
    const socket = play.connect(port, {}, () => play.note('socket', 'callback'))
    socket.on('connect', () => {
      play.note('socket', 'connect')
      process.nextTick(() => play.note('socket', 'next tick'))
      queueMicrotask(() => play.note('socket', 'microtask'))
    })
    socket.on('ready', () => play.note('socket', 'ready'))
    socket.resume()
    await closed(socket)
  })

  same('calls its callback once, as the socket, without arguments, and forgets it', async play => {
    const { port } = await play.listen(accepted => accepted.end())
    const socket = play.adopt(new play.client.Socket())
    socket.connect(port, play.address, function (this: unknown, ...args: unknown[]) {
      play.note('socket', 'callback', this === socket, args.length)
    })
    socket.resume()
    await closed(socket)
    play.note('socket', socket.listenerCount('connect'))
  })

  same("tells no data before 'ready', also when the server speaks first", async play => {
    const { port } = await play.listen(socket => socket.end('hello'))
    const socket = play.connect(port)
    for (const event of ['connect', 'ready', 'data', 'end', 'close']) {
      socket.on(event, () => play.note('socket', event))
    }
    await closed(socket)
  })

  same('takes ports as numbers, decimal and hexadecimal strings, hosts and options in every form', async play => {
    const { port } = await play.listen(socket => socket.end())
    const forms: unknown[][] = [
      [port],
      [String(port)],
      [`0x${port.toString(16)}`],
      [port, 'localhost'],
      [port, play.address],
      [{ port }],
      [{ port: String(port), host: 'localhost' }],
      [{ port, host: undefined }],
      [{ port, host: '' }],
      [{ port, host: play.address, allowHalfOpen: false, noDelay: true, keepAlive: true, keepAliveInitialDelay: 5 }]
    ]
    for (const form of forms) {
      const socket = play.adopt(callWith(play.client, 'connect', ...form) as Socket)
      socket.resume()
      await happens(socket, 'connect')
      play.note('socket', socket.remotePort === port)
      await closed(socket)
    }
  })

  same('has the addresses of both ends while connected', async play => {
    const { port, server, socket, accepted } = await play.pair()
    play.note('both', socket.localPort === accepted.remotePort, socket.remotePort === accepted.localPort)
    play.note('both', socket.remotePort === port, socket.remoteAddress, socket.remoteFamily)
    play.note('both', accepted.localAddress, accepted.localFamily, Reflect.get(accepted, 'server') === server)
    for (const each of [socket, accepted]) {
      const { address, family, port: own } = each.address() as { address: string; family: string; port: number }
      play.note('address()', address === each.localAddress, family === each.localFamily, own === each.localPort)
    }
  })

  same('has no address of its own and still the port of the peer after destroy()', async play => {
    const { socket, port } = await play.pair()
    play.note('socket', socket.remotePort === port)
    socket.destroy()
    play.note('socket', socket.localAddress, socket.localPort, socket.address())
    await closed(socket)
    play.note('socket', socket.remotePort === port)
  })

  same('sends what was written and ended before it was connected', async play => {
    const { server, port } = await play.listen()
    server.on('connection', accepted => play.logText('accepted', accepted))
    const socket = play.adopt(new play.client.Socket())
    socket.connect(port, play.address)
    play.note('socket', socket.write('one ', play.noting('socket', 'written')), socket.bytesWritten)
    socket.end('two', play.noting('socket', 'ended'))
    play.note('socket', stateOf(socket), socket.bytesWritten)
    socket.resume()
    await closed(socket)
    play.note('socket', stateOf(socket), socket.bytesWritten)
  })

  same('while connecting fails with EALREADY', async play => {
    const { port } = await play.listen(socket => socket.resume())
    const socket = play.connect(port)
    socket.on('error', ({ code, syscall }: NodeJS.ErrnoException) => play.note('socket', code, syscall))
    play.logEvents('socket', socket, ['connect', 'close'])
    socket.connect(port, play.address)
    await closed(socket)
  })
})

describe('names', () => {
  same("are looked up by the 'lookup' option, and told in 'lookup'", async play => {
    const { port } = await play.listen(accepted => accepted.end())
    const socket = play.connect(port, { host: 'a.name', lookup: lookupOf(play, 'socket') })
    socket.on('lookup', (error, address, _family, host) => play.note('socket', 'lookup', error, address, host))
    play.logEvents('socket', socket, ['connect', 'close'])
    socket.resume()
    await closed(socket)
  })

  same('whose lookup fails fail with that very error', async play => {
    const mine = Object.assign(new Error('no service'), { code: 'EMINE', mine: true })
    const socket = play.connect(5, {
      host: 'a.name',
      lookup: (_name, _options, callback) => setImmediate(callback, mine, '')
    })
    socket.on('lookup', error => play.note('socket', 'lookup', error === mine))
    socket.on('error', error => play.note('socket', 'error', error === mine, error))
    socket.on('close', hadError => play.note('socket', 'close', hadError))
    await closed(socket)
  })

  same('that nobody has fail with ENOTFOUND', async play => {
    const socket = play.connect(80, { host: UNKNOWN_NAME })
    play.logEvents('socket', socket)
    socket.on('error', (error: NodeJS.ErrnoException & { hostname?: string }) =>
      play.note('socket', error.hostname, Object.keys(error).slice(0, 3).toSorted())
    )
    await closed(socket)
  })
})

describe('a port nobody listens at', () => {
  same('refuses with ECONNREFUSED', async play => {
    const socket = play.connect(await play.deserted())
    play.logEvents('socket', socket)
    socket.on('error', (error: NodeJS.ErrnoException & { address?: string; port?: number }) =>
      play.note('socket', error.address, error.port)
    )
    await closed(socket)
    play.note('socket', stateOf(socket), socket.errored)
  })

  same('fails every write and end that waits, and makes later ones fail', async play => {
    const socket = play.connect(await play.deserted())
    const codeOf = (name: string) => (error?: NodeJS.ErrnoException | null) => play.note('socket', name, error?.code)
    play.logEvents('socket', socket, ['finish', 'close'])
    socket.on('error', codeOf('error'))
    socket.write('one', codeOf('one'))
    socket.write('two', codeOf('two'))
    socket.end(codeOf('end'))
    await closed(socket)
    socket.write('three', codeOf('three'))
    await awhile()
  })
})

describe('destroy() while connecting', () => {
  same('closes without an error, and fails what waits', async play => {
    const { port } = await play.listen(accepted => accepted.resume())
    const socket = play.connect(port)
    play.logEvents('socket', socket)
    socket.write('x', play.noting('write', 'written'))
    socket.end(play.noting('end', 'ended'))
    socket.destroy()
    play.note('socket', stateOf(socket))
    await closed(socket)
    await awhile()
  })

  same('with an error tells that error', async play => {
    const { port } = await play.listen(accepted => accepted.resume())
    const socket = play.connect(port)
    play.logEvents('socket', socket)
    socket.destroy(new Error('mine'))
    await closed(socket)
    play.note('socket', socket.errored)
  })

  same('never becomes an error of the server, at any moment', async play => {
    const { server, port } = await play.listen(accepted => accepted.resume())
    server.on('connection', accepted => accepted.on('error', play.noting('accepted', 'error')))
    const sockets = Array.from({ length: 20 }, (_, i) => {
      const socket = play.connect(port)
      const destroy = (): void => void socket.destroy()
      const moments = [
        destroy,
        () => process.nextTick(destroy),
        () => setImmediate(destroy),
        () => setTimeout(destroy, i)
      ]
      moments[i % moments.length]?.()
      return socket
    })
    await closed(...sockets)
    await awhile()
    play.note('server', server.listening)
  })

  same('by resetAndDestroy() waits for the connection', async play => {
    const { server, port } = await play.listen()
    server.on('connection', accepted => play.logEvents('accepted', accepted.resume()))
    const socket = play.connect(port)
    play.logEvents('socket', socket)
    socket.resetAndDestroy()
    play.note('socket', stateOf(socket))
    const [accepted] = await happens(server, 'connection')
    await closed(socket, accepted as typeof socket)
  })
})

describe('a signal', () => {
  same('that is aborted before destroys the socket with AbortError', async play => {
    const { port } = await play.listen(accepted => accepted.resume())
    const socket = play.connect(port, { signal: AbortSignal.abort() })
    play.logEvents('socket', socket)
    await closed(socket)
  })

  same('aborted while connecting destroys the socket, its reason is the cause', async play => {
    const { port } = await play.listen(accepted => accepted.resume())
    const controller = new AbortController()
    const socket = play.connect(port, { signal: controller.signal })
    play.logEvents('socket', socket)
    socket.on('error', error => play.note('socket', error.cause))
    controller.abort(new Error('why'))
    await closed(socket)
  })

  same('aborted when connected destroys the socket, which is an end for the peer', async play => {
    const controller = new AbortController()
    const { socket, accepted } = await play.pair({ client: { signal: controller.signal } })
    play.logEvents('socket', socket)
    play.logEvents('accepted', accepted.resume())
    controller.abort()
    await closed(socket, accepted)
  })

  same('is listened to while the socket is open', async play => {
    const { signal } = new AbortController()
    await play.pair({ client: { signal } })
    play.note('signal', getEventListeners(signal, 'abort').length > 0)
  })
})
