import { Uint8ArrayList } from 'uint8arraylist'
import type { Conn } from '../conn/conn.ts'
import type { Cancellation } from '../core/cancellation.ts'
import { PointSubError, textOf } from '../core/errors.ts'
import { startTimer } from '../core/timers.ts'
import { encodeHeader, FLAGS } from './frame.ts'
import { gzip } from './gzip.ts'

/**
 * Bytes of one piece of a stream, Go's for long ones. With exactly so many the header is the long one, whose checksum has
 * 32 bits, and Go reads it right; every smaller piece has the short one.
 */
const PIECE_BYTES = 64 * 1024
const NOTHING: Uint8Array = new Uint8Array(0)

/** Chunks of a stream to send. */
export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

type ChunkResult = IteratorResult<Uint8Array, unknown>

interface Source {
  next(): ChunkResult | Promise<ChunkResult>
  return?(): unknown
}

export interface OutgoingOptions {
  readonly maxMessageSize: number
  /** Bound on the wait for a peer that does not read, in ms. */
  readonly writeTimeout: number
  readonly enableCompression: boolean
  /** Longest silence within a stream, in ms; 0 is any. */
  readonly streamKeepAlive: number
}

/** Messages and streams as frames on one Conn. */
export class Outgoing {
  readonly #conn: Conn
  readonly #options: OutgoingOptions

  constructor(conn: Conn, options: OutgoingOptions) {
    this.#conn = conn
    this.#options = options
  }

  /** @throws PointSubError `ERR_MESSAGE_TOO_LARGE`, `ERR_INVALID_ARGUMENT`, and as {@link Conn.write} */
  async message(data: Uint8Array, flags: number, signal: AbortSignal | undefined): Promise<void> {
    const { maxMessageSize, enableCompression } = this.#options
    checkBytes(data)
    if (data.byteLength > maxMessageSize) {
      const message = `a message of ${data.byteLength} bytes cannot be sent; maxMessageSize is ${maxMessageSize}`
      throw new PointSubError('ERR_MESSAGE_TOO_LARGE', message, { sent: false })
    }
    const zipped = enableCompression ? await gzip(data) : undefined
    if (zipped === undefined) await this.#write(data, flags, signal)
    else await this.#write(zipped, flags | FLAGS.compressed, signal)
  }

  /** Whatever goes wrong after the first frame resets the Conn: to the peer its stream must not look complete. */
  async stream(chunks: Chunks, cancellation: Cancellation, signal: AbortSignal | undefined): Promise<void> {
    const source = open(chunks)
    let begun = false
    const write = async (data: Uint8Array, more: number): Promise<void> => {
      const flags = begun ? more : more | FLAGS.first
      begun = true
      await this.message(data, flags, signal)
    }
    try {
      for (;;) {
        const result = await this.#nextOf(source, cancellation, () => write(NOTHING, 0))
        if (result.done === true) break
        checkBytes(result.value)
        for (let at = 0; at < result.value.byteLength; at += PIECE_BYTES) {
          await write(result.value.subarray(at, at + PIECE_BYTES), 0)
        }
      }
      await write(NOTHING, FLAGS.last)
    } catch (error) {
      void end(source)
      if (begun) this.#conn.reset(error)
      throw error
    }
  }

  /** The next chunk. Go waits 5 s for the next frame of a stream, so while there is none it gets empty ones. */
  async #nextOf(source: Source, cancellation: Cancellation, beat: () => Promise<void>): Promise<ChunkResult> {
    const next = source.next()
    if (!(next instanceof Promise)) return next
    const { streamKeepAlive } = this.#options
    if (streamKeepAlive === 0) return cancellation.race(next)
    for (;;) {
      const silence = Promise.withResolvers<undefined>()
      const timer = startTimer(streamKeepAlive, () => silence.resolve(undefined))
      try {
        const result = await cancellation.race(Promise.race([next, silence.promise]))
        if (result !== undefined) return result
      } finally {
        clearTimeout(timer)
      }
      await beat()
    }
  }

  async #write(data: Uint8Array, flags: number, signal: AbortSignal | undefined): Promise<void> {
    const header = encodeHeader(data, flags)
    const frame = data.byteLength === 0 ? header : new Uint8ArrayList(header, data)
    await this.#conn.write(frame, { signal, timeout: this.#options.writeTimeout })
  }
}

function open(chunks: Chunks): Source {
  if (Symbol.asyncIterator in chunks) return chunks[Symbol.asyncIterator]()
  return chunks[Symbol.iterator]()
}

/** Tells a source that nobody wants more of it; it may take its time, and what it says does not matter any more. */
async function end(source: Source): Promise<void> {
  try {
    await source.return?.()
  } catch {
    // The error that ended the stream is the one to report.
  }
}

function checkBytes(data: unknown): void {
  if (data instanceof Uint8Array) return
  const message = `what is sent is a Uint8Array, not ${textOf(data).slice(0, 100)}`
  throw new PointSubError('ERR_INVALID_ARGUMENT', message, { sent: false })
}
