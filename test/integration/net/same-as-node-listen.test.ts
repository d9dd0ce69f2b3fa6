import { getEventListeners } from 'node:events'
import { describe } from 'vitest'
import { awhile, callWith, closed, happens, type Play } from './play.ts'
import { sameAsNode } from './same.ts'

const same = sameAsNode()

/** Connects, and notes what the server says. */
async function visit(play: Play, port: number): Promise<void> {
  const socket = play.connect(port)
  play.logText('client', socket)
  await closed(socket)
}

describe('listen()', () => {
  same("has an address at once, and tells 'listening' and its callback later", async play => {
    const server = play.createServer()
    play.logServerEvents('server', server)
    play.note('server', server.listening, server.address())
    const listened = server.listen(0, play.noting('server', 'callback'))
    play.note('server', listened === server, server.listening, play.portOf(server) > 0)
    await happens(server, 'listening')
    server.close()
    await happens(server, 'close')
  })

  same('takes any port, host, backlog and callback in every form', async play => {
    const forms: unknown[][] = [
      [],
      [0],
      ['0'],
      [null],
      [undefined],
      [0, '127.0.0.1'],
      [0, '127.0.0.1', 5],
      [0, 5],
      [0, null],
      [0, undefined, undefined],
      [{ port: 0 }],
      [{ port: undefined }],
      [{ port: 0, host: '127.0.0.1', backlog: 5, exclusive: true }]
    ]
    for (const form of forms) {
      const server = play.createServer()
      const listening = happens(server, 'listening')
      callWith(server, 'listen', ...form, play.noting('server', 'callback'))
      await listening
      play.note('server', server.listening, play.portOf(server) > 0)
      server.close()
    }
  })

  same('is reached by its address()', async play => {
    const { server, port } = await play.listen(accepted => accepted.end('hello'))
    const { address } = server.address() as { address: string }
    play.note('server', address)
    await visit(play, port)
  })

  same('twice throws ERR_SERVER_ALREADY_LISTEN', async play => {
    const server = play.createServer()
    server.listen(0)
    play.attempt('server', 'at once', () => server.listen(0))
    await happens(server, 'listening')
    play.attempt('server', 'later', () => server.listen(0))
  })

  same('at a port that is taken tells EADDRINUSE, and the server can be used afterwards', async play => {
    const { port } = await play.listen()
    const server = play.createServer({}, accepted => accepted.end('second'))
    server.on('error', ({ code, syscall, errno }: NodeJS.ErrnoException) => play.note('server', code, syscall, errno))
    server.on('listening', () => play.note('server', 'listening'))
    server.listen(port, '127.0.0.1')
    await happens(server, 'error')
    play.note('server', server.listening, server.address())
    await visit(play, await play.listening(server))
  })

  same('at a port that was let go works, by another server and by the same', async play => {
    const first = await play.listen(accepted => accepted.end('first'))
    first.server.close()
    await happens(first.server, 'close')
    const second = play.createServer({}, accepted => accepted.end('second'))
    play.note('port', (await play.listening(second, first.port)) === first.port)
    await visit(play, first.port)
    second.close()
    await happens(second, 'close')
    await play.listening(first.server, first.port)
    await visit(play, first.port)
  })

  same('again and again leaves no listeners behind', async play => {
    const server = play.createServer({}, accepted => accepted.end('hi'))
    for (let i = 0; i < 3; i += 1) {
      await visit(play, await play.listening(server))
      server.close()
      await happens(server, 'close')
    }
    play.note('server', server.listenerCount('close'), server.listenerCount('error'))
  })

  same('closes the server when its signal is aborted', async play => {
    const controller = new AbortController()
    const server = play.createServer()
    play.logServerEvents('server', server)
    server.listen({ port: 0, host: '127.0.0.1', signal: controller.signal })
    await happens(server, 'listening')
    play.note('server', getEventListeners(controller.signal, 'abort').length)
    controller.abort()
    await happens(server, 'close')
    play.note('server', server.listening, getEventListeners(controller.signal, 'abort').length)
  })

  same('with a signal that is aborted already closes', async play => {
    const server = play.createServer()
    server.on('close', () => play.note('server', 'close', server.listening))
    server.listen({ port: 0, host: '127.0.0.1', signal: AbortSignal.abort() })
    await happens(server, 'close')
  })

  same('lets go of its signal at close()', async play => {
    const { signal } = new AbortController()
    const server = play.createServer()
    server.listen({ port: 0, host: '127.0.0.1', signal })
    await happens(server, 'listening')
    server.close()
    await happens(server, 'close')
    play.note('signal', getEventListeners(signal, 'abort').length)
  })
})

describe('close()', () => {
  same('waits for the open sockets', async play => {
    const { server, socket, accepted } = await play.pair()
    play.logServerEvents('server', server)
    server.close(play.noting('server', 'callback'))
    play.note('server', server.listening, server.address())
    await awhile()
    play.note('server', 'ends the last')
    accepted.end()
    socket.resume()
    await happens(server, 'close')
  })

  same('refuses new sockets while the old ones go on', async play => {
    const { server, port, socket, accepted } = await play.pair()
    server.close()
    const late = play.connect(port)
    late.on('error', ({ code }: NodeJS.ErrnoException) => play.note('late', code))
    await closed(late)
    accepted.write('still there')
    const [chunk] = await happens(socket, 'data')
    play.note('socket', String(chunk))
  })

  same('closes after the socket that was destroyed last', async play => {
    const { server, socket, accepted } = await play.pair()
    server.on('close', play.noting('order', 'server'))
    accepted.on('close', () => play.note('order', 'accepted'))
    socket.resume()
    server.close()
    accepted.destroy()
    await happens(server, 'close')
    await closed(accepted)
  })

  same('in the connection listener serves that one socket', async play => {
    const { server, port } = await play.listen(accepted => {
      server.close(play.noting('server', 'closed'))
      accepted.end('bye')
    })
    const closing = happens(server, 'close')
    await visit(play, port)
    await closing
  })

  same('of a server that does not listen is ERR_SERVER_NOT_RUNNING', async play => {
    const server = play.createServer()
    play.note('server', server.close(play.noting('server', 'never listened')) === server)
    await happens(server, 'close')
    await play.listening(server)
    server.close(play.noting('server', 'first'))
    server.close(play.noting('server', 'second'))
    await happens(server, 'close')
    await awhile()
    server.close(play.noting('server', 'third'))
    await awhile()
  })

  same('right after listen() closes and frees the port', async play => {
    const server = play.createServer()
    server.listen(0)
    const port = play.portOf(server)
    server.close(play.noting('server', 'closed'))
    await happens(server, 'close')
    const next = play.createServer()
    play.note('next', (await play.listening(next, port)) === port)
  })

  same('by await using closes; a server that does not listen needs nothing', async play => {
    const { server } = await play.listen()
    await server[Symbol.asyncDispose]()
    play.note('server', server.listening)
    await server[Symbol.asyncDispose]()
    await play.createServer()[Symbol.asyncDispose]()
    play.note('server', 'disposed thrice')
  })
})
