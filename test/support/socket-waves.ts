import { once } from 'node:events'
import { expect } from 'vitest'
import type { Socket } from '../../src/net/index.ts'
import { bytesInUse, inMiB } from './heap.ts'
import { NetPair, SOCKET_PROTOCOL } from './sockets.ts'

const WAVE = 100

/** Opens, uses and closes sockets a hundred at a time, each in another way, and expects nothing to be left. */
export async function wavesOfSockets(count: number): Promise<void> {
  await using nets = await NetPair.create()
  const server = await nets.listen()
  server.on('connection', socket => {
    socket.on('error', () => {})
    socket.setTimeout(60_000)
    socket.pipe(socket)
  })
  await nets.hosts.connect()
  const wave = async (): Promise<void> => {
    await Promise.all(Array.from({ length: WAVE }, (_, index) => useOne(nets, WAYS[index % WAYS.length])))
  }
  // What libp2p and the engine keep after the first ones is not counted.
  for (let waves = 0; waves < 5; waves += 1) await wave()
  await nets.nothingLeft()
  const before = nets.leftovers()
  const heap = await bytesInUse()
  for (let done = 0; done < count; done += WAVE) await wave()
  await nets.nothingLeft(before)
  expect(inMiB((await bytesInUse()) - heap)).toBeLessThan(4)
  expect(server.listenerCount('close')).toBe(0)
  await new Promise(resolve => server.close(resolve))
}

type Way = (socket: Socket) => unknown

/** The ways in which a socket that has echoed is closed. */
const WAYS: readonly Way[] = [
  socket => socket.end(),
  socket => socket.destroy(),
  socket => socket.destroySoon(),
  socket => socket.resetAndDestroy(),
  socket => socket.end('more'),
  socket => socket.destroy(new Error('of the user'))
]

async function useOne(nets: NetPair, way: Way = WAYS[0] as Way): Promise<void> {
  const socket = nets.client.connect({ peer: nets.peer, protocol: SOCKET_PROTOCOL })
  socket.on('error', () => {})
  socket.setTimeout(60_000)
  socket.write('hello')
  expect(String((await once(socket, 'data'))[0])).toBe('hello')
  // Not once(): that rejects when an error comes first.
  const closed = new Promise(resolve => socket.once('close', resolve))
  socket.resume()
  way(socket)
  await closed
}
