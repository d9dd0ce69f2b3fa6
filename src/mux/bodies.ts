import { codec } from '#codec'
import type { Algorithm } from '../compression/codec.ts'
import { type Compressed, Compressor } from '../compression/compressor.ts'
import { PointSubError } from '../core/errors.ts'
import type { ClientSettings } from '../core/options.ts'
import type { Encoding, MessageHead } from '../frame/mux.ts'

const ALGORITHMS: Readonly<Record<1 | 2, Algorithm>> = { 1: 'deflate-raw', 2: 'zstd' }

/** What this side can read, as a HELLO says it. */
export const READABLE: number = codec.algorithms.includes('zstd') ? 3 : 1

/** A compressor with the options of a client or server. */
export function createCompressor(
  options: Pick<ClientSettings, 'enableCompression' | 'compressionThreshold' | 'compressionRatio' | 'compressionLevel'>
): Compressor {
  return new Compressor({
    enabled: options.enableCompression,
    threshold: options.compressionThreshold,
    maxRatio: options.compressionRatio,
    level: options.compressionLevel
  })
}

/** What the other side says it can read. */
export function algorithmsOf(encodings: number): Algorithm[] {
  return (encodings & 2) === 0 ? ['deflate-raw'] : ['deflate-raw', 'zstd']
}

export function encodingOf(compressed: Compressed | undefined): Encoding {
  if (compressed === undefined) return 0
  return compressed.algorithm === 'zstd' ? 2 : 1
}

/** The body before it was encoded, or why it cannot be read; never takes more memory than its size. */
export function tryDecode(
  { encoding, size }: Pick<MessageHead, 'encoding' | 'size'>,
  body: Uint8Array
): Uint8Array | PointSubError | Promise<Uint8Array | PointSubError> {
  if (encoding === 0) return body
  try {
    const decoded = codec.decompress(ALGORITHMS[encoding], body, size)
    return decoded instanceof Promise ? decoded.catch(unreadable) : decoded
  } catch (cause) {
    return unreadable(cause)
  }
}

function unreadable(cause: unknown): PointSubError {
  if (cause instanceof PointSubError) return cause
  return new PointSubError('ERR_INVALID_FRAME', 'the peer sent a body that cannot be read', { cause })
}
