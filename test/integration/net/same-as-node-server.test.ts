import { EventEmitter } from 'node:events'
import type { Server, Socket } from 'node:net'
import { describe } from 'vitest'
import { awhile, callWith, closed, happens, type Play } from './play.ts'
import { sameAsNode } from './same.ts'

const same = sameAsNode()

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}

/** Connects, and notes what the server says. */
async function visit(play: Play, port: number): Promise<void> {
  const socket = play.connect(port)
  play.logText('client', socket)
  await closed(socket)
}

describe('connections', () => {
  same('are counted by getConnections()', async play => {
    const { server, port, socket, accepted } = await play.pair()
    play.note('server', await connectionsOf(server))
    const second = play.connect(port)
    const [acceptedSecond] = (await happens(server, 'connection')) as [Socket]
    acceptedSecond.on('error', () => {})
    play.note('server', await connectionsOf(server))
    second.destroy()
    await closed(acceptedSecond.resume())
    socket.end()
    await closed(accepted.resume(), socket.resume())
    server.getConnections(play.noting('server', 'later'))
    play.note('server', 'now')
    await awhile()
    server.close()
    await happens(server, 'close')
    play.note('server', await connectionsOf(server))
  })

  same("over maxConnections are closed, and told in 'drop'", async play => {
    const { server, port } = await play.listen(accepted => accepted.write('hi'))
    server.maxConnections = 1
    server.on('drop', given => {
      play.note('server', 'drop', Object.keys(given ?? {}).toSorted())
      play.note('server', typeof given?.remotePort, given?.localPort === port)
    })
    const first = play.connect(port)
    await happens(first, 'data')
    const second = play.connect(port)
    play.logEvents('second', second.resume(), ['connect', 'data', 'error', 'close'])
    await closed(second)
    first.end()
    await closed(first.resume())
    const third = play.connect(port)
    const [chunk] = await happens(third, 'data')
    play.note('third', String(chunk))
  })

  same('are not accepted any more once close() was called, not even those that have come', async play => {
    const { server, port } = await play.listen(accepted => {
      play.note('server', 'connection')
      server.close()
      accepted.destroy()
    })
    let closes = 0
    server.on('close', () => (closes += 1))
    const sockets = Array.from({ length: 5 }, () => play.connect(port).on('error', () => {}))
    await Promise.all([happens(server, 'close'), ...sockets.map(socket => closed(socket.resume()))])
    await awhile()
    play.note('server', 'closes', closes)
  })

  same('of a server with maxConnections 0 are all dropped', async play => {
    const { server, port } = await play.listen(() => play.note('server', 'connection'))
    server.maxConnections = 0
    server.on('drop', () => play.note('server', 'drop'))
    await closed(
      play
        .connect(port)
        .on('error', () => {})
        .resume()
    )
  })

  same('are open, of the server and flowing nowhere when they are told', async play => {
    const { server, accepted } = await play.pair({ server: { allowHalfOpen: true } })
    play.note('accepted', accepted.readyState, accepted.connecting, accepted.pending, accepted.isPaused())
    play.note('accepted', accepted.allowHalfOpen, accepted.readableFlowing, accepted.timeout, accepted.bytesRead)
    play.note('server', Reflect.get(accepted, 'server') === server, Reflect.get(server, 'allowHalfOpen'))
  })

  same('are told to every listener in order', async play => {
    const { server, port } = await play.listen(accepted => {
      play.note('server', 'first')
      accepted.end('hi')
    })
    server.on('connection', () => play.note('server', 'second'))
    await visit(play, port)
  })

  same('with pauseOnConnect read nothing before resume()', async play => {
    const { socket, accepted } = await play.pair({ server: { pauseOnConnect: true } })
    socket.write('early')
    play.note('accepted', accepted.isPaused(), accepted.readableFlowing)
    accepted.on('data', (chunk: Buffer) => play.note('accepted', 'data', String(chunk)))
    await awhile()
    play.note('accepted', 'resume', accepted.bytesRead)
    accepted.resume()
    await happens(accepted, 'data')
  })

  same('are 100 when 100 connect at once, each with a port of its own', async play => {
    const ports = new Set<number | undefined>()
    const { port } = await play.listen((accepted: Socket) => {
      ports.add(accepted.remotePort)
      accepted.end('x')
    })
    const sockets = Array.from({ length: 100 }, () => play.connect(port).resume())
    await closed(...sockets)
    play.note('server', ports.size)
  })
})

describe('captureRejections', () => {
  same('of a connection listener destroys that socket', async play => {
    EventEmitter.captureRejections = true
    const server = play.createServer()
    EventEmitter.captureRejections = false
    play.logServerEvents('server', server)
    callWith(server, 'on', 'connection', async (accepted: Socket) => {
      play.logEvents('accepted', accepted, ['error', 'close'])
      throw new Error('async kaboom')
    })
    await closed(play.connect(await play.listening(server)).resume())
  })
})
