import type { TLSSocket } from 'node:tls'

/** Resolves when the handshake is done; rejects when it fails, the connection ends before, or `signal` says so. */
export function handshakeDone(socket: TLSSocket, signal: AbortSignal | undefined): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const onClose = (): void => settle(new Error('TLS: the connection ended during the handshake'))
    const onAbort = (): void => settle(signal?.reason)
    let next: ReturnType<typeof setImmediate> | undefined
    const settle = (error?: unknown): void => {
      clearImmediate(next)
      socket.off('secure', onSecure)
      socket.off('error', settle)
      socket.off('close', onClose)
      signal?.removeEventListener('abort', onAbort)
      if (error === undefined) resolve()
      else reject(error instanceof Error ? error : new Error('TLS: the handshake was aborted', { cause: error }))
    }
    // OpenSSL is still on the stack, and everything that awaits this would run there: whoever then aborts the connection
    // frees what OpenSSL goes on to use, and the process crashes.
    const onSecure = (): void => {
      next = setImmediate(settle)
    }
    socket.on('secure', onSecure)
    socket.on('error', settle)
    socket.on('close', onClose)
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted === true) onAbort()
  })
}
