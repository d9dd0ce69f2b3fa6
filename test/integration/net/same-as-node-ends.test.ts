import { describe } from 'vitest'
import { awhile, callWith, closed, happens, stateOf } from './play.ts'
import { sameAsNode } from './same.ts'

const same = sameAsNode()

describe('end()', () => {
  same("of one side ends both, without error: the peer's end follows by itself", async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket.resume())
    play.logEvents('accepted', accepted)
    play.logText('accepted', accepted)
    socket.end('hello')
    await closed(socket, accepted)
    play.note('socket', stateOf(socket))
    play.note('accepted', stateOf(accepted))
  })

  same('of both sides at once closes both without error', async play => {
    const { socket, accepted } = await play.pair()
    play.logText('socket', socket)
    play.logText('accepted', accepted)
    play.logEvents('socket closes', socket, ['error', 'close'])
    play.logEvents('accepted closes', accepted, ['error', 'close'])
    socket.end('x')
    accepted.end('y')
    await closed(socket, accepted)
  })

  same("after the peer's end closes without error", async play => {
    const { socket, accepted } = await play.pair({ client: { allowHalfOpen: true } })
    play.logEvents('socket', socket.resume())
    accepted.end()
    await happens(socket, 'end')
    play.note('socket', stateOf(socket))
    socket.end()
    await closed(socket, accepted)
  })

  same('takes data, encodings and callbacks in every form', async play => {
    const { server, port } = await play.listen()
    server.on('connection', accepted => play.logText('accepted', accepted))
    const forms: unknown[][] = [[], ['x'], ['7879', 'hex'], [Buffer.from('b')], [undefined], [null]]
    for (const form of forms) {
      const socket = play.connect(port)
      await happens(socket, 'connect')
      const ended = play.noting('socket', 'ended')
      play.note('socket', callWith(socket, 'end', ...form, ended) === socket)
      await closed(socket.resume())
    }
  })

  same("calls back as the socket, before 'close'", async play => {
    const { socket } = await play.pair()
    play.logEvents('socket', socket.resume(), ['close'])
    socket.end(function (this: unknown, ...args: unknown[]) {
      play.note('socket', 'ended', this === socket, args)
    })
    await closed(socket)
  })

  same('twice calls back twice; after the close it fails', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    socket.resume().on('error', play.noting('socket', 'error'))
    socket.end(play.noting('socket', 'first'))
    socket.end(play.noting('socket', 'second'))
    await closed(socket)
    socket.end(play.noting('socket', 'third'))
    await awhile()
  })

  same('with data after end() is an error', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    play.logEvents('socket', socket, ['error', 'close'])
    socket.end('a', play.noting('first', 'called'))
    socket.end('b', play.noting('second', 'called'))
    await closed(socket)
  })

  same("tells 'prefinish', write's callback, 'finish', end's callback in order", async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    play.logEvents('socket', socket.resume(), ['prefinish', 'finish'])
    socket.write('a', play.noting('socket', 'written'))
    socket.end('b', play.noting('socket', 'ended'))
    await closed(socket)
  })

  same('without a connection finishes', async play => {
    const socket = new play.client.Socket()
    play.logEvents('socket', socket)
    socket.end(play.noting('socket', 'ended'))
    await happens(socket, 'finish')
    play.note('socket', stateOf(socket))
  })
})

describe('allowHalfOpen', () => {
  same("of the server lets it answer after the client's end", async play => {
    const { socket, accepted } = await play.pair({ server: { allowHalfOpen: true } })
    play.logEvents('socket', socket)
    play.logEvents('accepted', accepted)
    play.logText('socket', socket)
    play.logText('accepted', accepted)
    socket.end('question')
    await happens(accepted, 'end')
    await awhile()
    play.note('socket', stateOf(socket))
    play.note('accepted', stateOf(accepted))
    play.note('accepted', accepted.write('answer', play.noting('accepted', 'written')))
    accepted.end()
    await closed(socket, accepted)
  })

  same("of the client lets it go on after the server's end", async play => {
    const { socket, accepted } = await play.pair({ client: { allowHalfOpen: true } })
    play.logEvents('socket', socket)
    play.logEvents('accepted', accepted)
    play.logText('socket', socket)
    accepted.end('that is all')
    await happens(socket, 'end')
    await awhile()
    play.note('socket', stateOf(socket))
    play.note('accepted', stateOf(accepted))
    play.logText('accepted', accepted)
    socket.end('late')
    await closed(socket, accepted)
  })

  same('on both sides closes when both have ended', async play => {
    const halfOpen = { allowHalfOpen: true }
    const { socket, accepted } = await play.pair({ client: halfOpen, server: halfOpen })
    play.logText('socket', socket)
    play.logText('accepted', accepted)
    socket.end('x')
    await happens(accepted, 'end')
    play.note('accepted', stateOf(accepted))
    accepted.end('y')
    await closed(socket, accepted)
    play.note('socket', stateOf(socket))
  })

  same('can be switched on later', async play => {
    const { socket, accepted } = await play.pair()
    socket.allowHalfOpen = true
    accepted.end()
    await happens(socket.resume(), 'end')
    await awhile()
    play.note('socket', stateOf(socket))
    socket.end()
    await closed(socket)
  })
})

describe('an end nobody reads', () => {
  same('is not told and does not close until it is read', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket)
    accepted.end('data')
    await happens(accepted, 'finish')
    await awhile()
    play.note('socket', stateOf(socket), socket.readableLength)
    socket.resume()
    await closed(socket)
  })

  same('of a socket without data is told although nobody reads', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket)
    accepted.end()
    await awhile()
    play.note('socket', stateOf(socket))
    socket.destroy()
    await closed(socket)
  })
})

describe('destroy()', () => {
  same('closes at once and is an end for the peer', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket)
    play.logEvents('accepted', accepted.resume())
    play.note('socket', socket.destroy() === socket, stateOf(socket))
    await closed(socket, accepted)
    play.note('socket', stateOf(socket))
  })

  same('with an error tells the first error only; the peer sees an end', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket)
    play.logEvents('accepted', accepted.resume())
    socket.destroy(new Error('boom'))
    socket.destroy(new Error('second'))
    play.note('socket', socket.errored, stateOf(socket))
    await closed(socket, accepted)
  })

  same("tells 'close' once, whatever else is called", async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket)
    play.logEvents('accepted', accepted.resume())
    socket.destroy()
    socket.destroy()
    socket.destroySoon()
    await closed(socket, accepted)
    await awhile()
  })

  same('in the callback of a write loses none of it', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('accepted', accepted)
    play.logText('accepted', accepted)
    socket.write('last words', () => socket.destroy())
    await closed(socket, accepted)
  })

  same('leaves the last words of a write before it', async play => {
    const { socket, accepted } = await play.pair()
    play.logText('accepted', accepted)
    play.logEvents('accepted', accepted)
    socket.write('last words')
    socket.destroy()
    await closed(socket, accepted)
  })

  for (const event of ['connect', 'ready', 'data', 'end', 'finish']) {
    same(`in a listener of '${event}' stops everything after it but 'close'`, async play => {
      const { port } = await play.listen(accepted => accepted.on('error', () => {}).end('x'))
      const socket = play.connect(port)
      play.logEvents('socket', socket)
      socket.on('data', () => play.note('socket', 'data'))
      socket.once(event, () => socket.destroy())
      await closed(socket)
      await awhile()
    })
  }
})
