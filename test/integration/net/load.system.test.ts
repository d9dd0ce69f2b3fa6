import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { wavesOfSockets } from '../../support/socket-waves.ts'
import { NetPair } from '../../support/sockets.ts'
import { within } from '../../support/until.ts'

describe('200 sockets at once on a connection that is not there yet', () => {
  for (const stock of [false, true]) {
    it(`all connect and echo, to ${stock ? 'a js-libp2p node with its own limits' : 'a host of createHost()'}`, async () => {
      await using nets = await NetPair.create({ stockServer: stock })
      const server = await nets.listen()
      server.on('connection', socket => socket.pipe(socket))
      const echoes = Array.from({ length: 200 }, async (_, index) => {
        const socket = nets.client.connect({ peer: nets.peer, protocol: '/test/socket/1.0.0' })
        const closed = once(socket, 'close')
        socket.end(String(index))
        const [data] = await once(socket, 'data')
        await closed
        return String(data)
      })
      const answers = await within(15_000, 'all echo', Promise.all(echoes))
      expect(answers).toEqual(Array.from({ length: 200 }, (_, index) => String(index)))
      server.close()
      await nets.nothingLeft()
    })
  }
})

it('2,000 sockets in waves leave no stream, timer or listener, and no memory', async () => {
  await wavesOfSockets(2_000)
})
