import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { NetPair } from '../../support/sockets.ts'

describe('a buffer that was written', () => {
  it.for(['noise', 'tls'] as const)('may be used again once its callback was called, over %s', async security => {
    await using nets = await NetPair.create({ host: { security: [security] } })
    const server = await nets.listen()
    const { socket, accepted } = await nets.connect(server)
    const hash = createHash('sha256')
    let received = 0
    // Slowly, so that libp2p has to hold bytes back at every level.
    accepted.on('data', (chunk: Buffer) => {
      hash.update(chunk)
      received += chunk.byteLength
      accepted.pause()
      setTimeout(() => accepted.resume(), 1)
    })
    const expected = createHash('sha256')
    let sent = 0
    for (const size of [4, 5_000, 20_000, 65_536, 66_000, 100_000, 300_000, 1_000_000, 4_000_000]) {
      const buffer = Buffer.alloc(size)
      for (const fill of [1, 2, 3]) {
        expected.update(buffer.fill(fill))
        sent += size
        await new Promise(resolve => socket.write(buffer, resolve))
      }
      buffer.fill(255)
    }
    socket.end()
    await Promise.all([once(accepted, 'close'), once(socket.resume(), 'close')])
    expect(received).toBe(sent)
    expect(hash.digest('hex')).toBe(expected.digest('hex'))
    server.close()
  })
})
