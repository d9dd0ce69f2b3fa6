import type { Server, Socket } from 'node:net'
import { describe } from 'vitest'
import { callWith, closed, happens, type Play } from './play.ts'
import { sameAsNode } from './same.ts'

const same = sameAsNode()

/** The class and code of what is thrown; texts may name an argument in another way. */
function noteThrown(play: Play, label: string, action: () => unknown): void {
  try {
    action()
    play.note('arguments', label, 'taken')
  } catch (error) {
    const { constructor, code } = error as NodeJS.ErrnoException
    play.note('arguments', label, constructor.name, code)
  }
}

function tryToConnect(play: Play, label: string, ...args: unknown[]): void {
  noteThrown(play, label, () => {
    const socket = callWith(play.client, 'connect', ...args) as Socket
    socket.on('error', () => {}).destroy()
  })
}

describe('connect() with bad arguments throws', () => {
  same('without a port', play => {
    tryToConnect(play, 'nothing')
    tryToConnect(play, 'undefined', undefined)
    tryToConnect(play, '{}', {})
    tryToConnect(play, 'port undefined', { port: undefined })
    tryToConnect(play, 'host only', { host: 'localhost' })
  })

  for (const port of [null, true, {}, Number.NaN, -1, 65_536, 1.5, 'x', '', ' ', '-1', '65536', '1.5']) {
    same(`with port ${JSON.stringify(port)} of options`, play => {
      play.attempt('arguments', 'port', () => callWith(play.client, 'connect', { port }))
    })
  }

  same('for a port that is out of range, in any form', play => {
    for (const port of [-1, 65_536, 1.5, Number.NaN]) {
      play.attempt('arguments', 'port', () => play.client.connect(port))
      play.attempt('arguments', 'port', () => new play.client.Socket().connect(port))
    }
  })

  same('for a host, lookup, local port or local address of a wrong kind', play => {
    for (const host of [5, {}, true, []]) tryToConnect(play, 'host', { port: 80, host })
    for (const lookup of ['x', 5, {}]) tryToConnect(play, 'lookup', { port: 80, host: 'a.name', lookup })
    for (const localPort of ['x', {}]) tryToConnect(play, 'localPort', { port: 80, host: 'a.name', localPort })
    tryToConnect(play, 'localAddress', { port: 80, host: 'a.name', localAddress: 'foobar' })
  })

  same('for a signal, timeout or delay of a wrong kind', play => {
    for (const signal of ['x', 5, {}]) tryToConnect(play, 'signal', { port: 80, signal })
    for (const timeout of ['x', {}, -1, Number.POSITIVE_INFINITY]) tryToConnect(play, 'timeout', { port: 80, timeout })
    tryToConnect(play, 'keepAliveInitialDelay', { port: 80, keepAliveInitialDelay: 'x' })
    tryToConnect(play, 'autoSelectFamily', { port: 80, host: 'a.name', autoSelectFamily: 'x' })
  })

  same('for object mode, which no socket has', play => {
    for (const mode of ['objectMode', 'readableObjectMode', 'writableObjectMode']) {
      tryToConnect(play, mode, { port: 80, [mode]: true })
      play.attempt('arguments', mode, () => new play.client.Socket({ [mode]: true }))
    }
  })
})

describe('new Socket()', () => {
  same('takes nothing, null and options that say nothing', play => {
    for (const options of [undefined, null, {}, { allowHalfOpen: true }, { highWaterMark: 5 }, { onread: 5 }]) {
      const socket: Socket = Reflect.construct(play.client.Socket, [options])
      play.note('socket', socket.allowHalfOpen, socket.readableHighWaterMark, socket.writableHighWaterMark)
      play.note('socket', socket.listenerCount('end'), socket.readyState)
      socket.destroy()
    }
  })

  same('with readable or writable false is half a socket until it connects', play => {
    for (const options of [{ readable: false }, { writable: false }]) {
      const socket = new play.client.Socket(options)
      play.note('socket', socket.readable, socket.writable, socket.readyState)
      socket.destroy()
    }
  })

  same('throws for a signal that is none', play => {
    play.attempt('socket', 'signal', () => Reflect.construct(play.client.Socket, [{ signal: 5 }]))
    play.attempt('socket', 'delay', () => Reflect.construct(play.client.Socket, [{ keepAliveInitialDelay: 'x' }]))
  })
})

describe('createServer()', () => {
  same('takes a listener, options, both or nothing', play => {
    const listener = (): void => {}
    for (const args of [[], [undefined], [null], [{}], [listener], [{}, listener], [null, listener], [{}, null]]) {
      const server = callWith(play.server, 'createServer', ...args) as Server
      play.note('server', server.listenerCount('connection'), Reflect.get(server, 'allowHalfOpen'))
    }
  })

  same('throws for options of a wrong kind', play => {
    const attempts = ['x', 0, true, { keepAliveInitialDelay: 'x' }, { highWaterMark: 'x' }]
    for (const options of attempts) {
      play.attempt('server', JSON.stringify(options), () => callWith(play.server, 'createServer', options))
    }
  })
})

describe('listen() with bad arguments throws', () => {
  for (const port of [-1, 65_536, 1.5, Number.NaN]) {
    same(`with port ${port}`, play => {
      const server = play.createServer()
      play.attempt('server', 'number', () => server.listen(port))
      play.attempt('server', 'options', () => server.listen({ port }))
      play.note('server', server.listening)
    })
  }

  same('for anything that is no port', play => {
    const server = play.createServer()
    for (const value of [
      true,
      false,
      {},
      { port: true },
      { port: {} },
      { host: 'localhost' },
      { fd: -1 },
      { path: 5 }
    ]) {
      noteThrown(play, JSON.stringify(value), () => callWith(server, 'listen', value))
    }
    play.note('server', server.listening)
  })

  same('for a signal that is none', play => {
    const server = play.createServer()
    noteThrown(play, 'signal', () => callWith(server, 'listen', { port: 0, signal: 'x' }))
  })
})

describe('options nobody minds', () => {
  same('are taken by connect() and createServer()', async play => {
    const { port } = await play.listen(accepted => accepted.end('hi'), { noDelay: true, keepAlive: true })
    const socket = play.connect(port, { noDelay: true, keepAlive: true, family: 4, hints: 0, localPort: 0 })
    play.logText('socket', socket)
    await closed(socket)
  })

  same('are taken by setNoDelay() and setKeepAlive() at any time', async play => {
    const { port } = await play.listen(accepted => accepted.end())
    const socket = play.connect(port)
    const set = (): void => {
      play.note('socket', socket.setNoDelay() === socket, socket.setNoDelay(false) === socket)
      play.note('socket', socket.setKeepAlive(true, 1_000) === socket, socket.setKeepAlive() === socket)
    }
    set()
    await happens(socket, 'connect')
    set()
    await closed(socket.resume())
    set()
  })
})
