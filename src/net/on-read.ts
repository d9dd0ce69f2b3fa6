import type { Duplex } from 'node:stream'
import { systemError } from './node-errors.ts'
import type { OnRead } from './types.ts'

/** `node:net`'s `onread`: bytes are copied to the caller's buffer and never enter the stream. */
export class OnReadBuffer {
  readonly #options: OnRead
  #buffer: Uint8Array

  constructor(options: OnRead) {
    this.#options = options
    this.#buffer = typeof options.buffer === 'function' ? options.buffer() : options.buffer
  }

  /** Hands `chunk` over in pieces; what is left when the callback, or the socket, wants no more is returned. */
  deliver(socket: Duplex, chunk: Uint8Array, isStopped: () => boolean): Uint8Array | undefined {
    const { buffer } = this.#options
    for (let rest = chunk; rest.byteLength > 0; ) {
      if (this.#buffer.byteLength === 0) {
        socket.destroy(systemError('read', 'ENOBUFS'))
        return rest
      }
      const piece = rest.subarray(0, this.#buffer.byteLength)
      this.#buffer.set(piece)
      rest = rest.subarray(piece.byteLength)
      const more = this.#call(socket, piece.byteLength)
      if (typeof buffer === 'function') this.#buffer = nextBuffer(buffer, this.#buffer)
      if (more === false || isStopped()) return rest
    }
    return undefined
  }

  /** What the callback throws is an uncaught exception, and must not cost the pieces behind. */
  #call(socket: unknown, bytes: number): boolean | undefined {
    try {
      return this.#options.callback.call(socket, bytes, this.#buffer)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
      return undefined
    }
  }
}

/** As `node:net`, what is no buffer does not replace the last one. */
function nextBuffer(make: () => unknown, last: Uint8Array): Uint8Array {
  const made = make()
  return made instanceof Uint8Array ? made : last
}

/** As `node:net`, anything that is not a whole `onread` is ignored. */
export function onReadBuffer(options: unknown): OnReadBuffer | undefined {
  return isOnRead(options) ? new OnReadBuffer(options) : undefined
}

function isOnRead(options: unknown): options is OnRead {
  if (typeof options !== 'object' || options === null || !('buffer' in options && 'callback' in options)) return false
  const { buffer, callback } = options
  if (typeof callback !== 'function') return false
  return typeof buffer === 'function' || (buffer instanceof Uint8Array && buffer.byteLength > 0)
}
