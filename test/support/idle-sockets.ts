import { once } from 'node:events'
import { bytesInUse } from './heap.ts'
import { HostPair } from './hosts.ts'
import { NetPair, SOCKET_PROTOCOL } from './sockets.ts'
import { until } from './until.ts'

const AT_ONCE = 100
const STREAMS = { maxInboundStreams: 100_000, maxOutboundStreams: 100_000 }

/** Bytes in use for one end of an idle socket, and of a libp2p stream without one, as the mean over `count` of both ends. */
export async function idleSocketBytes(count: number): Promise<{ socket: number; stream: number }> {
  return { stream: await streamBytes(count), socket: await socketBytes(count) }
}

async function streamBytes(count: number): Promise<number> {
  await using hosts = await HostPair.create()
  const kept: unknown[] = []
  await hosts.server.handle(SOCKET_PROTOCOL, stream => void kept.push(stream), STREAMS)
  const connection = await hosts.connect()
  // The first alone: libp2p's own streams know nothing of a cold start.
  kept.push(await connection.newStream(SOCKET_PROTOCOL, STREAMS))
  return await growth(count, kept, async () => connection.newStream(SOCKET_PROTOCOL, STREAMS))
}

async function socketBytes(count: number): Promise<number> {
  await using nets = await NetPair.create()
  const kept: unknown[] = []
  const server = await nets.listen()
  server.on('connection', socket => {
    socket.on('error', () => {})
    kept.push(socket)
  })
  await nets.hosts.connect()
  return await growth(count, kept, async () => {
    const socket = nets.client.connect({ peer: nets.peer, protocol: SOCKET_PROTOCOL })
    await once(socket, 'connect')
    return socket.on('error', () => {})
  })
}

async function growth(count: number, kept: unknown[], open: () => Promise<unknown>): Promise<number> {
  const openSome = async (): Promise<void> => {
    kept.push(...(await Promise.all(Array.from({ length: AT_ONCE }, open))))
  }
  await openSome()
  const before = await bytesInUse()
  for (let opened = 0; opened < count; opened += AT_ONCE) await openSome()
  await until(
    'both ends are open',
    () => kept.length,
    length => length >= 2 * (count + AT_ONCE)
  )
  return Math.round(((await bytesInUse()) - before) / count / 2)
}
