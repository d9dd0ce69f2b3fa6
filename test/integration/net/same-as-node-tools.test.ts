import { once } from 'node:events'
import type { OnReadOpts, Socket } from 'node:net'
import { addAbortSignal, Duplex, PassThrough, Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { finished, pipeline } from 'node:stream/promises'
import { describe } from 'vitest'
import { awhile, closed, happens, type Play, stateOf } from './play.ts'
import { sameAsNode } from './same.ts'

const same = sameAsNode()

/** Notes how a promise ends. */
async function outcome(play: Play, channel: string, promise: Promise<unknown>): Promise<void> {
  try {
    await promise
    play.note(channel, 'fulfilled')
  } catch (error) {
    play.note(channel, 'rejected', error)
  }
}

async function readAll(play: Play, socket: Socket): Promise<void> {
  for await (const chunk of socket) play.note('socket', 'chunk', String(chunk))
}

describe('for await', () => {
  same('reads to the end, then the socket is closed', async play => {
    const { socket, accepted } = await play.pair()
    accepted.write('a')
    accepted.end('b')
    let all = ''
    for await (const chunk of socket) all += String(chunk)
    play.note('socket', all, socket.destroyed)
    await closed(socket)
    play.note('socket', stateOf(socket))
  })

  same('destroys the socket on break', async play => {
    const { socket, accepted } = await play.pair()
    play.logEvents('accepted', accepted.resume())
    accepted.write('a')
    for await (const chunk of socket) {
      play.note('socket', String(chunk))
      break
    }
    play.note('socket', socket.destroyed)
    await closed(socket, accepted)
  })

  same('leaves it open with destroyOnReturn: false', async play => {
    const { socket, accepted } = await play.pair()
    for (const word of ['a', 'b']) {
      accepted.write(word)
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        play.note('socket', String(chunk), socket.destroyed)
        break
      }
    }
  })

  same("throws the peer's reset", async play => {
    const { socket, accepted } = await play.pair()
    const reading = outcome(play, 'socket', readAll(play, socket))
    accepted.resetAndDestroy()
    await reading
  })

  same('throws ERR_STREAM_PREMATURE_CLOSE when the socket is destroyed', async play => {
    const { socket } = await play.pair()
    const reading = outcome(play, 'socket', readAll(play, socket))
    await awhile()
    socket.destroy()
    await reading
  })
})

describe('stream/promises', () => {
  same('pipeline() into a socket is done when it has finished', async play => {
    const { socket, accepted } = await play.pair()
    play.logText('accepted', accepted)
    await pipeline(Readable.from(['a', 'b', 'c']), socket.resume())
    play.note('socket', socket.writableFinished)
    await closed(accepted)
  })

  same('pipeline() through a socket is done when all has come back', async play => {
    const { port } = await play.listen(accepted => accepted.pipe(accepted))
    const socket = play.connect(port)
    const sink = new PassThrough()
    const all = text(sink)
    await pipeline(Readable.from(['a', 'b', 'c']), socket, sink)
    play.note('socket', await all)
  })

  same("pipeline() rejects with the peer's reset", async play => {
    const { socket, accepted } = await play.pair()
    const sink = new Writable({ write: (_chunk, _encoding, callback) => callback() })
    const done = outcome(play, 'socket', pipeline(socket, sink))
    accepted.resetAndDestroy()
    await done
    play.note('sink', sink.destroyed)
  })

  same('finished() is fulfilled after both ends, also when asked later', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    const done = outcome(play, 'socket', finished(socket.resume()))
    socket.end('x')
    await done
    await outcome(play, 'socket', finished(socket))
  })

  same('finished() rejects when the socket is destroyed before', async play => {
    const { socket } = await play.pair()
    const done = outcome(play, 'socket', finished(socket))
    socket.destroy()
    await done
  })
})

describe("Node's other tools", () => {
  same('pipe() can be taken apart and put together again', async play => {
    const { socket, accepted } = await play.pair()
    const sink = new PassThrough().setEncoding('utf8').on('data', play.noting('sink', 'data'))
    socket.pipe(sink)
    accepted.write('a')
    await happens(sink, 'data')
    socket.unpipe(sink)
    accepted.write('b')
    await awhile()
    play.note('sink', 'pipe again')
    socket.pipe(sink)
    await happens(sink, 'data')
  })

  same('Duplex.toWeb() reads, writes and ends', async play => {
    const { socket, accepted } = await play.pair({ server: { allowHalfOpen: true } })
    play.logText('accepted', accepted)
    const { readable, writable } = Duplex.toWeb(socket)
    const [reader, writer] = [readable.getReader(), writable.getWriter()]
    await writer.write(Buffer.from('hi'))
    accepted.write('back')
    const { value } = await reader.read()
    play.note('socket', Buffer.from(value as Uint8Array).toString())
    const ended = happens(accepted, 'end')
    const closing = writer.close()
    await ended
    accepted.end()
    play.note('socket', (await reader.read()).done)
    await closing
  })

  same('Readable.toWeb() can be read with for await', async play => {
    const { socket, accepted } = await play.pair()
    accepted.end('web')
    const chunks: Uint8Array[] = []
    for await (const chunk of Readable.toWeb(socket)) chunks.push(chunk as Uint8Array)
    play.note('socket', Buffer.concat(chunks).toString())
  })

  same('map() and toArray() work', async play => {
    const { socket, accepted } = await play.pair()
    accepted.end('abc')
    const upper = await socket
      .setEncoding('utf8')
      .map((chunk: string) => chunk.toUpperCase())
      .toArray()
    play.note('socket', upper.join(''))
  })

  same("once() of 'connect', 'data' and 'close', and its rejection", async play => {
    const { port } = await play.listen(accepted => accepted.end('x'))
    const socket = play.connect(port)
    play.note('socket', await once(socket, 'connect'))
    const [chunk] = await once(socket, 'data')
    play.note('socket', String(chunk))
    play.note('socket', await once(socket, 'close'))
    await outcome(play, 'refused', once(play.connect(await play.deserted()), 'connect'))
  })

  same('addAbortSignal() destroys it with AbortError', async play => {
    const { socket } = await play.pair()
    const controller = new AbortController()
    play.logEvents('socket', addAbortSignal(controller.signal, socket))
    controller.abort()
    await closed(socket)
  })

  same('await using destroys a socket, without an error', async play => {
    const { socket } = await play.pair()
    play.logEvents('socket', socket)
    await outcome(play, 'socket', socket[Symbol.asyncDispose]())
    play.note('socket', socket.destroyed)
  })
})

describe('onread', () => {
  const reading = async (play: Play, onread: OnReadOpts, ...texts: string[]): Promise<Socket> => {
    const { port } = await play.listen(accepted => {
      // Whether a socket that is destroyed early resets, or only ends, is a matter of microseconds.
      accepted.on('error', () => {})
      for (const each of texts) accepted.write(each)
      accepted.end()
    })
    const socket = play.connect(port, { onread })
    play.logEvents('socket', socket, ['data', 'end', 'error', 'close'])
    return socket
  }

  same('fills one buffer again and again, and there is no data event', async play => {
    const buffer = Buffer.alloc(4)
    let all = ''
    const callback = (bytes: number, given: Uint8Array): boolean => {
      if (given !== buffer || bytes > 4) play.note('socket', 'not our buffer')
      all += buffer.toString('latin1', 0, bytes)
      return true
    }
    const socket = await reading(play, { buffer, callback }, 'hello ', 'world!')
    await closed(socket)
    play.note('socket', all, socket.bytesRead)
  })

  same('calls back as the socket', async play => {
    let first = true
    const callback = function (this: unknown): boolean {
      if (first) play.note('socket', this === socket)
      first = false
      return true
    }
    const socket = await reading(play, { buffer: Buffer.alloc(4), callback }, 'x')
    await closed(socket)
  })

  same('is not called any more once the socket is destroyed, and fails on an empty buffer', async play => {
    let calls = 0
    const callback = (): boolean => {
      calls += 1
      destroyed.destroy()
      return true
    }
    const destroyed = await reading(play, { buffer: Buffer.alloc(4), callback }, 'hello world!')
    await closed(destroyed)
    play.note('destroyed', calls, destroyed.bytesRead)
    const empty = await reading(play, { buffer: () => Buffer.alloc(0), callback: () => true }, 'hello')
    await closed(empty)
  })

  same('asks a function for each buffer', async play => {
    let all = ''
    let made = 0
    const buffer = (): Uint8Array => {
      made += 1
      return new Uint8Array(2)
    }
    const callback = (bytes: number, given: Uint8Array): boolean => {
      all += Buffer.from(given).toString('latin1', 0, bytes)
      return true
    }
    await closed(await reading(play, { buffer, callback }, 'abcdefg'))
    play.note('socket', all, made)
  })

  same('stops when the callback returns false', async play => {
    let all = ''
    const buffer = Buffer.alloc(3)
    const callback = (bytes: number): boolean => {
      all += buffer.toString('latin1', 0, bytes)
      return false
    }
    await reading(play, { buffer, callback }, 'abcdefgh')
    await awhile()
    play.note('socket', all)
  })

  same('stops at pause() in the callback, and loses nothing by it', async play => {
    let all = ''
    const buffer = Buffer.alloc(3)
    const callback = (bytes: number): boolean => {
      all += buffer.toString('latin1', 0, bytes)
      socket.pause()
      return true
    }
    const socket = await reading(play, { buffer, callback }, 'abcdefgh')
    await awhile()
    play.note('socket', all, socket.isPaused())
    const resuming = setInterval(() => socket.resume(), 5)
    await closed(socket)
    clearInterval(resuming)
    play.note('socket', all)
  })
})
