import { once } from 'node:events'
import { expect, it } from 'vitest'
import { createNet } from '../../src/net/index.ts'
import { ChildPeer } from '../support/child.ts'
import { SOCKET_IDLE } from '../support/child-roles.ts'
import { ourHost } from '../support/hosts.ts'
import { idleSocketBytes } from '../support/idle-sockets.ts'
import { nothingLeft } from '../support/leftovers.ts'
import { soak } from '../support/scale.ts'
import { wavesOfSockets } from '../support/socket-waves.ts'

it('10,000 sockets opened, used and closed in waves leave nothing', () => wavesOfSockets(soak(10_000)))

it('5,000 idle sockets cost at most 12 KiB each more than libp2p’s own streams', async () => {
  const { socket, stream } = await idleSocketBytes(soak(5_000))
  process.stdout.write(`an idle socket: ${socket} bytes, a stream alone: ${stream} bytes\n`)
  expect(socket - stream).toBeLessThan(12 * 1024)
})

it('a peer that stops reading for a minute holds the writer up and loses nothing', async () => {
  await using host = await ourHost()
  await using child = await ChildPeer.start({ kind: 'socket-server' })
  const socket = createNet(host).connect({ peer: child.address, protocol: SOCKET_IDLE })
  await once(socket, 'connect')
  const chunk = new Uint8Array(64 * 1024)
  while (socket.write(chunk) || (await drained(socket)));
  const { bytesWritten } = socket
  expect(bytesWritten).toBeLessThan(4 * 1024 * 1024)
  await new Promise(resolve => setTimeout(resolve, soak(60_000)))
  expect([socket.destroyed, socket.writableNeedDrain, socket.bytesWritten]).toEqual([false, true, bytesWritten])
  socket.resetAndDestroy()
  await once(socket, 'close')
  await nothingLeft(SOCKET_IDLE, [host])
})

/** Whether the socket takes more within a moment. */
async function drained(socket: NodeJS.EventEmitter): Promise<boolean> {
  const late = new Promise<boolean>(resolve => setTimeout(resolve, 500, false))
  return Promise.race([late, once(socket, 'drain').then(() => true)])
}
