import type { TLSSocket } from 'node:tls'

/** Resolves when the handshake is done; rejects when it fails, the connection ends before, or `signal` says so. */
export function handshakeDone(socket: TLSSocket, signal: AbortSignal | undefined): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const onClose = (): void => settle(new Error('TLS: the connection ended during the handshake'))
    const onAbort = (): void => settle(signal?.reason)
    const settle = (error?: unknown): void => {
      socket.off('secure', onSecure)
      socket.off('error', settle)
      socket.off('close', onClose)
      signal?.removeEventListener('abort', onAbort)
      if (error === undefined) resolve()
      else reject(error instanceof Error ? error : new Error('TLS: the handshake was aborted', { cause: error }))
    }
    const onSecure = (): void => settle()
    socket.on('secure', onSecure)
    socket.on('error', settle)
    socket.on('close', onClose)
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted === true) onAbort()
  })
}
