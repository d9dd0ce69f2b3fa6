import * as zlib from 'node:zlib'
import {
  type Algorithm,
  type Codec,
  checkClaim,
  corrupt,
  LARGE,
  leftOver,
  notOffered,
  notSupported,
  tooFew,
  tooMany
} from './codec.ts'
import { endOfFrame } from './zstd-frame.ts'

const HAS_ZSTD = 'zstdCompressSync' in zlib
/** zlib's smallest. */
const SMALLEST_CHUNK = 64
/** One piece of work for a thread, so that large bodies take turns with others there. */
const LARGEST_CHUNK = 1024 * 1024
/** 8 MiB, what every Zstandard decoder is asked to support (RFC 8878, 3.1.1.1.2). */
const WINDOW_LOG = 23

type Options = zlib.ZlibOptions & zlib.ZstdOptions
type Done = (error: Error | null, result: unknown) => void

interface Way {
  options(level: number): Options
  compressNow(bytes: Uint8Array, options: Options): Uint8Array
  compress(bytes: Uint8Array, options: Options, done: Done): void
  decompressNow(bytes: Uint8Array, options: Options): unknown
  decompress(bytes: Uint8Array, options: Options, done: Done): void
}

const DEFLATE: Way = {
  options: level => ({ level }),
  compressNow: zlib.deflateRawSync,
  compress: zlib.deflateRaw,
  decompressNow: zlib.inflateRawSync,
  decompress: zlib.inflateRaw
}

/** Functions of `zlib` are looked up when called: an older Node has none of these. */
const ZSTD: Way = {
  options: level => ({ params: { [zlib.constants.ZSTD_c_compressionLevel]: level } }),
  compressNow: (bytes, options) => zlib.zstdCompressSync(bytes, options),
  compress: (bytes, options, done) => zlib.zstdCompress(bytes, options, done),
  decompressNow: (bytes, options) =>
    zlib.zstdDecompressSync(bytes, { ...options, params: { [zlib.constants.ZSTD_d_windowLogMax]: WINDOW_LOG } }),
  decompress: (bytes, options, done) =>
    zlib.zstdDecompress(bytes, { ...options, params: { [zlib.constants.ZSTD_d_windowLogMax]: WINDOW_LOG } }, done)
}

function compress(algorithm: Algorithm, bytes: Uint8Array, level: number): Uint8Array | Promise<Uint8Array> {
  const way = wayOf(algorithm)
  if (way === undefined) throw notSupported(algorithm)
  // With room for the worst case both write straight into it.
  const chunkSize = Math.min(LARGEST_CHUNK, bytes.byteLength + (bytes.byteLength >> 8) + 128)
  const options = { ...way.options(level), chunkSize }
  if (bytes.byteLength < LARGE) return own(way.compressNow(bytes, options))
  return new Promise((resolve, reject) => {
    way.compress(bytes, options, (error, result) => {
      if (result instanceof Uint8Array) resolve(own(result))
      else reject(error ?? new TypeError('zlib returned no bytes'))
    })
  })
}

function decompress(algorithm: Algorithm, bytes: Uint8Array, size: number): Uint8Array | Promise<Uint8Array> {
  return size < LARGE ? decompressNow(algorithm, bytes, size) : decompressLater(algorithm, bytes, size)
}

function decompressNow(algorithm: Algorithm, bytes: Uint8Array, size: number): Uint8Array {
  const way = readable(algorithm, bytes, size)
  let result: unknown
  try {
    result = way.decompressNow(bytes, optionsFor(size))
  } catch (error) {
    throw refusal(algorithm, error, size)
  }
  return checked(result, algorithm, bytes, size)
}

async function decompressLater(algorithm: Algorithm, bytes: Uint8Array, size: number): Promise<Uint8Array> {
  const way = readable(algorithm, bytes, size)
  let result: unknown
  try {
    result = await new Promise((resolve, reject) => {
      way.decompress(bytes, optionsFor(size), (error, done) => (error === null ? resolve(done) : reject(error)))
    })
  } catch (error) {
    throw refusal(algorithm, error, size)
  }
  return checked(result, algorithm, bytes, size)
}

function wayOf(algorithm: Algorithm): Way | undefined {
  if (algorithm === 'deflate-raw') return DEFLATE
  return HAS_ZSTD ? ZSTD : undefined
}

function readable(algorithm: Algorithm, bytes: Uint8Array, size: number): Way {
  const way = wayOf(algorithm)
  if (way === undefined) throw notOffered(algorithm)
  checkClaim(algorithm, bytes, size)
  if (algorithm === 'zstd') {
    const end = endOfFrame(bytes)
    if (end === undefined) throw corrupt(algorithm)
    if (end < bytes.byteLength) throw leftOver()
  }
  return way
}

/** One buffer takes it all, with a byte to spare: zlib allocates the next one when the last byte is taken. */
function optionsFor(size: number): Options {
  return { info: true, maxOutputLength: Math.max(1, size), chunkSize: Math.max(SMALLEST_CHUNK, size + 1) }
}

function refusal(algorithm: Algorithm, error: unknown, size: number): Error {
  const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
  return isTooLarge ? tooMany(size) : corrupt(algorithm, error)
}

function checked(result: unknown, algorithm: Algorithm, bytes: Uint8Array, size: number): Uint8Array {
  if (!isResult(result)) throw corrupt(algorithm)
  const { buffer, engine } = result
  if (buffer.byteLength > size) throw tooMany(size)
  if (engine.bytesWritten !== bytes.byteLength) throw leftOver()
  if (buffer.byteLength < size) throw tooFew(buffer.byteLength, size)
  return own(buffer)
}

/** What zlib returns with the option `info`; its types do not say so. */
interface Result {
  readonly buffer: Uint8Array
  readonly engine: { readonly bytesWritten: number }
}

function isResult(result: unknown): result is Result {
  return typeof result === 'object' && result !== null && 'buffer' in result && 'engine' in result
}

/** Not a Buffer, and small ones not a piece of Node's pool or of a buffer far too large. */
function own(bytes: Uint8Array): Uint8Array {
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.byteLength * 2 < view.buffer.byteLength ? view.slice() : view
}

/** On node:zlib: below 256 KiB at once, above that on the threads of libuv. */
export const codec: Codec = { algorithms: HAS_ZSTD ? ['deflate-raw', 'zstd'] : ['deflate-raw'], compress, decompress }
