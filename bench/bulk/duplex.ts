import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { CHUNK_BYTES } from './row.ts'

/** Counts what comes on a Duplex, then tells. */
export function countDuplex(socket: Duplex): void {
  let bytes = 0
  socket.on('data', (chunk: Buffer) => (bytes += chunk.byteLength))
  socket.on('end', () => {
    const count = Buffer.alloc(8)
    count.writeDoubleBE(bytes)
    socket.end(count)
  })
}

/** Pushes through a Duplex as fast as it takes chunks. */
export async function pushDuplex(socket: Duplex, seconds: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK_BYTES, 'x')
  const stopAt = performance.now() + seconds * 1000
  while (performance.now() < stopAt) {
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
  socket.end()
  const [count] = await once(socket, 'data')
  socket.destroy()
  return Buffer.from(count).readDoubleBE()
}
