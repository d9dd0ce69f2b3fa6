import type { Socket } from 'node:net'
import { describe } from 'vitest'
import { until } from '../../support/until.ts'
import { awhile, closed, happens } from './play.ts'
import { sameAsNode } from './same.ts'

const same = sameAsNode()

const MIB = 1 << 20
const BIG = Buffer.alloc(4 * MIB, 7)

/** Waits until so much has been read by a socket. */
function hasRead(socket: Socket, bytes: number): Promise<number> {
  return until(
    `${bytes} bytes are read`,
    () => socket.bytesRead,
    read => read >= bytes
  )
}

function written(socket: Socket, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(data, error => (error ? reject(error) : resolve()))
  })
}

describe('bytesRead and bytesWritten', () => {
  same('count bytes, not characters, and stay after the end', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    socket.resume().write('añ€')
    play.note('socket', socket.bytesWritten)
    socket.write(Buffer.alloc(5))
    await hasRead(accepted, 11)
    play.note('both', socket.bytesWritten, accepted.bytesRead, accepted.bytesWritten)
    accepted.write('12')
    await hasRead(socket, 2)
    socket.destroy()
    play.note('both', socket.bytesRead, socket.bytesWritten)
    await closed(socket, accepted)
    play.note('both', accepted.bytesRead, accepted.bytesWritten)
  })

  same('count what waits for the connection', async play => {
    const { port } = await play.listen(accepted => accepted.resume())
    const socket = play.connect(port)
    socket.write('añ')
    socket.write('ff00', 'hex')
    play.note('socket', socket.bytesWritten, socket.bytesRead, socket.bufferSize)
    await happens(socket, 'connect')
    socket.end()
    await closed(socket.resume())
    play.note('socket', socket.bytesWritten)
  })

  same('count what is corked', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    socket.cork()
    socket.write('añ')
    socket.write(Buffer.alloc(7))
    play.note('socket', socket.bytesWritten, socket.writableLength, socket.writableCorked)
    socket.uncork()
    await hasRead(accepted, 10)
    play.note('socket', socket.bytesWritten, socket.writableLength)
  })
})

describe('writes', () => {
  same('arrive and call back in order', async play => {
    const { socket, accepted } = await play.pair()
    play.logText('accepted', accepted)
    for (let i = 0; i < 5; i += 1) socket.write(String(i), play.noting('socket', `written ${i}`))
    socket.end(play.noting('socket', 'ended'))
    await closed(socket.resume())
  })

  same('of nothing call back as well', async play => {
    const { socket, accepted } = await play.pair()
    play.logText('accepted', accepted)
    socket.write('', play.noting('socket', 'empty text'))
    socket.write('a', play.noting('socket', 'a'))
    socket.write(Buffer.alloc(0), play.noting('socket', 'empty bytes'))
    socket.end()
    await closed(socket.resume())
    play.note('socket', socket.bytesWritten)
  })

  same('take encodings, and a default one', async play => {
    const { socket, accepted } = await play.pair()
    const chunks: Buffer[] = []
    accepted.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.setDefaultEncoding('hex')
    socket.write('00ff')
    socket.write('é', 'latin1')
    socket.end('€', 'utf8')
    await closed(socket.resume())
    play.note('accepted', Buffer.concat(chunks).toString('hex'))
    play.note('socket', socket.bytesWritten)
  })

  same('while corked wait for uncork()', async play => {
    const { socket, accepted } = await play.pair()
    accepted.setEncoding('utf8').on('data', play.noting('accepted', 'data'))
    socket.cork()
    socket.write('a', play.noting('socket', 'written a'))
    socket.write('b', play.noting('socket', 'written b'))
    await awhile()
    play.note('accepted', 'uncork')
    socket.uncork()
    await hasRead(accepted, 2)
  })

  same('of text and bytes while corked arrive together at end()', async play => {
    const { socket, accepted } = await play.pair()
    play.logText('accepted', accepted)
    socket.cork()
    socket.write('a')
    socket.write(Buffer.from('b'))
    socket.write('63', 'hex')
    socket.end('d', play.noting('socket', 'ended'))
    await closed(socket.resume())
  })

  same('20,000 in one tick arrive whole, each called back', async play => {
    const { socket, accepted } = await play.pair()
    accepted.resume()
    let called = 0
    for (let i = 0; i < 20_000; i += 1) socket.write('0123456789', () => (called += 1))
    socket.end()
    await closed(socket.resume(), accepted)
    play.note('both', accepted.bytesRead, called)
  })

  same('let the writer use its buffer again once called back, at any size', async play => {
    const { socket, accepted } = await play.pair()
    const counts = new Map<number, number>()
    accepted.on('data', (chunk: Buffer) => {
      for (const byte of chunk) counts.set(byte, (counts.get(byte) ?? 0) + 1)
    })
    for (const size of [4, 5_000, 64_000, 200_000]) {
      const buffer = Buffer.alloc(size, 1)
      await written(socket, buffer)
      await written(socket, buffer.fill(2))
      buffer.fill(3)
    }
    socket.end()
    await closed(socket.resume())
    play.note('accepted', counts)
  })

  same('together, as by uncork(), let it as well', async play => {
    const { socket, accepted } = await play.pair()
    const counts = new Map<number, number>()
    accepted.on('data', (chunk: Buffer) => {
      for (const byte of chunk) counts.set(byte, (counts.get(byte) ?? 0) + 1)
    })
    const buffers = [1_000, 70_000, 200_000].map(size => Buffer.alloc(size, 1))
    socket.cork()
    const all = Promise.all(buffers.map(buffer => written(socket, buffer)))
    socket.uncork()
    await all
    for (const buffer of buffers) buffer.fill(3)
    socket.end()
    await closed(socket.resume())
    play.note('accepted', counts)
  })
})

describe('backpressure', () => {
  same("of a reader that does not read holds the writer up: write() is false, no 'drain'", async play => {
    const { socket, accepted } = await play.pair({ server: { pauseOnConnect: true } })
    let called = 0
    let more = true
    for (let i = 0; i < 40; i += 1) more = socket.write(BIG.subarray(0, MIB), () => (called += 1))
    socket.on('drain', play.noting('socket', 'drain'))
    await awhile(150)
    play.note('socket', more, socket.writableNeedDrain, called < 40, socket.writableLength > 20 * MIB)
    play.note('accepted', accepted.bytesRead)
  })

  same("is let go by 'drain' when it reads", async play => {
    const { socket, accepted } = await play.pair({ server: { pauseOnConnect: true } })
    let sent = 0
    const fill = (): void => {
      while (sent < 16) {
        sent += 1
        if (!socket.write(BIG.subarray(0, MIB))) return
      }
      socket.off('drain', fill).end()
    }
    socket.on('drain', fill)
    fill()
    accepted.resume()
    await closed(socket.resume(), accepted)
    play.note('both', accepted.bytesRead, socket.bytesWritten, socket.writableNeedDrain, socket.writableLength)
  })

  same('4 MiB come back whole from an echo', async play => {
    const { port } = await play.listen(accepted => accepted.pipe(accepted))
    const socket = play.connect(port)
    let intact = true
    socket.on('data', (chunk: Buffer) => (intact &&= chunk.equals(BIG.subarray(0, chunk.byteLength))))
    socket.end(BIG)
    await closed(socket)
    play.note('socket', intact, socket.bytesRead, socket.bytesWritten)
  })
})

describe('reading', () => {
  same('stops at pause() and goes on at resume()', async play => {
    const { socket, accepted } = await play.pair()
    socket.on('data', (chunk: Buffer) => play.note('socket', 'data', chunk.byteLength))
    socket.pause()
    play.note('socket', socket.isPaused(), socket.readableFlowing)
    accepted.write('x'.repeat(1_000))
    await awhile()
    play.note('socket', 'resume')
    socket.resume()
    await hasRead(socket, 1_000)
    play.note('socket', socket.isPaused(), socket.readableFlowing)
  })

  same('stops at a pause() in a data listener', async play => {
    const { socket, accepted } = await play.pair()
    socket.setEncoding('utf8').on('data', (text: string) => {
      socket.pause()
      play.note('socket', 'data', text)
    })
    accepted.write('a')
    await happens(socket, 'data')
    accepted.write('b')
    await awhile()
    play.note('socket', 'resume')
    socket.resume()
    await happens(socket, 'data')
  })

  same('keeps what comes before anybody listens', async play => {
    const { socket, accepted } = await play.pair()
    accepted.write('early ')
    await awhile()
    accepted.end('late')
    play.logText('socket', socket)
    await closed(socket)
  })

  same("by 'readable' and read(n) gives just as much", async play => {
    const { socket, accepted } = await play.pair()
    accepted.end('abcdefghij')
    await happens(socket, 'readable')
    await until(
      'all is there',
      () => socket.readableLength,
      length => length === 10
    )
    const read = (size?: number): string => String(socket.read(size) as Buffer)
    play.note('socket', read(3), read(4), socket.readableLength, read())
    await closed(socket)
  })

  same('by setEncoding() keeps characters whole that come in pieces', async play => {
    const { socket, accepted } = await play.pair()
    socket.setEncoding('utf8').on('data', play.noting('socket', 'data'))
    const bytes = Buffer.from('añ€b')
    for (const end of [2, 4, bytes.length]) {
      accepted.write(bytes.subarray(socket.bytesRead, end))
      await hasRead(socket, end)
    }
    play.note('socket', socket.bytesRead, socket.readableEncoding)
  })

  same('gives back what was unshift()ed', async play => {
    const { socket, accepted } = await play.pair()
    socket.once('data', (chunk: Buffer) => {
      socket.pause().unshift(chunk.subarray(1))
      play.note('socket', 'first', String(chunk))
      socket.on('data', (rest: Buffer) => play.note('socket', 'then', String(rest))).resume()
    })
    accepted.write('abc')
    await happens(accepted.end(), 'finish')
    await closed(socket)
  })

  same('hands over Buffers that are the reader’s own', async play => {
    const { socket, accepted } = await play.pair()
    const seen: string[] = []
    socket.on('data', (chunk: Buffer) => {
      seen.push(`${Buffer.isBuffer(chunk)} ${String(chunk)}`)
      chunk.fill(0)
    })
    for (const word of ['one', 'two', 'three']) {
      accepted.write(word)
      await happens(socket, 'data')
    }
    play.note('socket', seen)
  })
})
