import { once } from 'node:events'
import type { Server, Socket } from '../src/net/index.ts'
import { KIB } from './bytes.ts'

/** How long a reader may take for what waits, in ms, before it counts as one that does not read. */
const PATIENCE = 300

/** What a socket received, and the events of its end in their order, as `'end'`, `'error ECONNRESET'`, `'close true'`. */
export interface Ending {
  events: string[]
  received: Buffer
}

/** Reads a socket to its end; resolves one turn after `'close'`, for what must not come any more. */
export function ending(socket: Socket): Promise<Ending> {
  const events: string[] = []
  const chunks: Buffer[] = []
  const { promise, resolve } = Promise.withResolvers<Ending>()
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('end', () => events.push('end'))
  socket.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code}`))
  socket.on('close', (hadError: boolean) => {
    events.push(`close ${hadError}`)
    setImmediate(() => resolve({ events, received: Buffer.concat(chunks) }))
  })
  return promise
}

/** The events of a socket that ended properly. */
export const PROPER: string[] = ['end', 'close false']

export async function listening(server: Server, protocol: string): Promise<Server> {
  await once(server.listen(protocol), 'listening')
  return server
}

/** The next socket a server accepts. */
export function accepted(server: Server): Promise<Socket> {
  return new Promise(resolve => server.once('connection', resolve))
}

/** Writes as backpressure asks for, until nothing leaves any more; how many bytes of `body` the socket has taken. */
export async function writeUntilHeld(socket: Socket, body: Uint8Array): Promise<number> {
  for (let taken = 0; taken < body.byteLength; ) {
    const chunk = body.subarray(taken, taken + 64 * KIB)
    taken += chunk.byteLength
    if (!socket.write(chunk) && !(await drains(socket))) return taken
  }
  throw new Error('nothing held the writer back')
}

/** Whether `'drain'` comes soon. */
function drains(socket: Socket): Promise<boolean> {
  return once(socket, 'drain', { signal: AbortSignal.timeout(PATIENCE) }).then(
    () => true,
    () => false
  )
}
