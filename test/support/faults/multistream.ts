import type { Socket } from 'node:net'
import { bytesOf, join } from '../bytes.ts'

/** Protocol ids of the two handshakes. */
export const PROTOCOLS = { tls: '/tls/1.0.0', noise: '/noise' } as const

export type Handshake = keyof typeof PROTOCOLS

/** A message of multistream-select. */
export function line(text: string): Uint8Array {
  const bytes = bytesOf(`${text}\n`)
  return join(Uint8Array.of(bytes.byteLength), bytes)
}

/** What each side sends to agree on a protocol, when both want the same one. */
export function agreement(protocol: string): Uint8Array {
  return join(line('/multistream/1.0.0'), line(protocol))
}

/** Agrees on a protocol, whichever side this is; nothing that comes behind it is taken off the socket. */
export async function agree(socket: Socket, protocol: string): Promise<void> {
  const bytes = agreement(protocol)
  socket.write(bytes)
  await take(socket, bytes.byteLength)
}

/** The next so many bytes, no more. */
function take(socket: Socket, length: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const bytes: unknown = socket.read(length)
      if (bytes instanceof Uint8Array) done(() => resolve(bytes))
    }
    const gone = (): void => done(() => reject(new Error(`closed before ${length} bytes came`)))
    const done = (settle: () => void): void => {
      socket.off('readable', look).off('close', gone).off('end', gone)
      settle()
    }
    socket.on('readable', look).on('close', gone).on('end', gone)
    look()
  })
}
