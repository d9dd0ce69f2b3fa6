import type { Socket } from 'node:net'
import { inspect } from 'node:util'
import { describe } from 'vitest'
import { awhile, callWith, closed, happens, type Play } from './play.ts'
import { sameAsNode } from './same.ts'

const same = sameAsNode()

const SHORT = 30
/** Long enough that a busy machine does not lose half of it. */
const LONG = 240

/** Notes whether 'timeout' comes that long after the last activity, and not after the first. */
async function noteWhetherPostponed(play: Play, socket: Socket, activity: () => Promise<void>): Promise<void> {
  socket.setTimeout(LONG)
  const idle = happens(socket, 'timeout')
  await awhile(LONG / 2)
  await activity()
  const active = performance.now()
  await idle
  play.note('socket', 'postponed', performance.now() - active > LONG * 0.75)
}

describe('setTimeout()', () => {
  same("tells 'timeout' once when nothing moves, and nothing more", async play => {
    const { socket } = await play.pair()
    play.logEvents('socket', socket)
    socket.setTimeout(SHORT, play.noting('socket', 'callback'))
    await happens(socket, 'timeout')
    await awhile(2 * SHORT)
    play.note('socket', socket.timeout, socket.destroyed, socket.listenerCount('timeout'))
  })

  same("tells 'timeout' again after new activity, but calls back only once", async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    socket.on('timeout', play.noting('socket', 'timeout'))
    socket.setTimeout(SHORT, play.noting('socket', 'callback'))
    await happens(socket, 'timeout')
    socket.write('x')
    await happens(socket, 'timeout')
  })

  same('is postponed by what is written', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    await noteWhetherPostponed(play, socket, async () => {
      socket.write('x')
    })
  })

  same('is postponed by what is read', async play => {
    const { socket, accepted } = await play.pair()
    await noteWhetherPostponed(play, socket, async () => {
      accepted.write('x')
      await happens(socket, 'data')
    })
  })

  same('before connect() counts while connected', async play => {
    const { port } = await play.listen(accepted => accepted.resume())
    const socket = play.adopt(new play.client.Socket())
    play.logEvents('socket', socket)
    // Longer than connecting takes on a busy machine: it counts from here on.
    socket.setTimeout(1_000, play.noting('socket', 'callback'))
    socket.connect(port, play.address)
    await happens(socket, 'timeout')
  })

  same('of a socket of the server can end it', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket.resume())
    accepted.setTimeout(SHORT, () => accepted.end())
    await closed(socket)
  })

  same('that destroys with an error is an end for the peer', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('socket', socket, ['error', 'close'])
    play.logEvents('accepted', accepted.resume())
    socket.setTimeout(SHORT, () => socket.destroy(new Error('too slow')))
    await closed(socket, accepted)
  })

  same('counts on when this side has ended', async play => {
    const { socket } = await play.pair({ server: { allowHalfOpen: true } })
    socket.setTimeout(SHORT)
    socket.end()
    play.logEvents('socket', socket)
    await happens(socket, 'timeout')
  })

  same('of 0 takes it back', async play => {
    const { socket } = await play.pair()
    socket.on('timeout', play.noting('socket', 'timeout'))
    socket.setTimeout(SHORT)
    play.note('socket', socket.timeout, socket.setTimeout(0) === socket, socket.timeout)
    await awhile(2 * SHORT)
  })

  same('of 0 with a callback removes that callback', play => {
    const socket = new play.client.Socket()
    const callback = (): void => {}
    const count = (): void => play.note('socket', socket.listenerCount('timeout'), socket.timeout)
    for (const milliseconds of [100, 200, 0]) {
      socket.setTimeout(milliseconds, callback)
      count()
    }
    socket.setTimeout(300, callback)
    socket.setTimeout(0)
    count()
    socket.destroy()
  })

  same('after destroy() does nothing', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    socket.on('timeout', play.noting('socket', 'timeout'))
    socket.setTimeout(SHORT)
    socket.destroy()
    socket.setTimeout(SHORT / 2)
    await closed(socket)
    await awhile(2 * SHORT)
    play.note('socket', socket.timeout)
  })

  same('checks its arguments', play => {
    const socket = new play.client.Socket()
    const set = (...args: unknown[]): unknown => callWith(socket, 'setTimeout', ...args)
    for (const value of ['1', null, undefined, -1, Number.NaN, Number.POSITIVE_INFINITY, {}, true, 0.5, 0, 10]) {
      play.attempt('milliseconds', inspect(value), () => {
        set(value)
        return socket.timeout
      })
    }
    for (const callback of ['x', 5, {}, null, undefined]) {
      play.attempt('callback', inspect(callback), () => set(10, callback) === socket)
    }
    play.attempt('callback', 'with 0', () => set(0, 5))
    play.note('socket', socket.timeout, socket.listenerCount('timeout'))
    socket.destroy()
  })

  same('holds for the next connection as well', async play => {
    const { port } = await play.listen(accepted => accepted.resume())
    const socket = play.adopt(new play.client.Socket())
    socket.on('timeout', () => {
      play.note('socket', 'timeout', socket.timeout)
      socket.destroy()
    })
    socket.setTimeout(SHORT)
    socket.connect(port, play.address)
    await happens(socket, 'close')
    play.note('socket', socket.timeout)
  })
})

describe("connect's option timeout", () => {
  same('is set as by setTimeout()', async play => {
    const { port } = await play.listen(accepted => accepted.resume())
    const socket = play.connect(port, { timeout: SHORT })
    play.note('socket', socket.timeout)
    play.logEvents('socket', socket)
    await happens(socket, 'timeout')
    play.note('socket', socket.destroyed)
  })
})
