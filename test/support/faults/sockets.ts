import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { until } from '../until.ts'

const open = new Set<Socket>()
const attackers = new WeakSet<Socket>()
/** Remote ports of every socket a server was given. */
const accepted = new Set<number>()

function watch(message: unknown): void {
  const { socket } = message as { socket: Socket }
  open.add(socket)
  socket.once('close', () => open.delete(socket))
}

// What `process.getActiveResourcesInfo()` tells leaves out sockets that do not hold the process, as a host's do not.
subscribe('net.client.socket', watch)
subscribe('net.server.socket', message => {
  watch(message)
  const { remotePort } = (message as { socket: Socket }).socket
  if (remotePort !== undefined) accepted.add(remotePort)
})

/** Notes that a socket belongs to the test, not to a host. */
export function attackerSocket(socket: Socket): Socket {
  attackers.add(socket)
  socket.on('error', () => {})
  return socket
}

/** Waits until the other side, in this process, has been given its end of a socket. */
export async function accept({ localPort = 0 }: Socket): Promise<void> {
  await until(
    'the connection is accepted',
    () => accepted.delete(localPort),
    found => found
  )
}

/** Sockets of hosts that are open now, as `local port -> remote port`. */
export function hostSockets(): string[] {
  return [...open]
    .filter(socket => !attackers.has(socket))
    .map(({ localPort, remotePort }) => `${localPort} -> ${remotePort}`)
}
