import { codec } from '#codec'
import { PointSubError } from '../core/errors.ts'
import { crc32 } from './crc32.ts'
import { isReadableByGo } from './frame.ts'

/** What Go's advanced frame processor compresses by default, and how. */
const LEVEL = 6
const THRESHOLD = 1024
const WORTH_IT = 0.9

const HEADER_BYTES = 10
const TRAILER_BYTES = 8
/** Bits of a gzip header's flags (RFC 1952, 2.3.1): what comes behind its first ten bytes. */
const HEADER_CHECKSUM = 2
const EXTRA = 4
const NAME = 8
const COMMENT = 16
const RESERVED = 0xe0
const DEFLATE = 8

/**
 * `data` as one gzip member, or undefined when it is better sent as it is: Go's rule is more than 1,024 bytes that
 * become less than 90 %. Data of a size that Go would misread is compressed whether that pays or not, and the member
 * gets a comment of up to 64 bytes where its own size would be misread.
 */
export async function gzip(data: Uint8Array): Promise<Uint8Array | undefined> {
  const isReadable = isReadableByGo(data.byteLength)
  if (isReadable && data.byteLength <= THRESHOLD) return undefined
  const deflated = await codec.compress('deflate-raw', data, LEVEL)
  if (isReadable && deflated.byteLength + HEADER_BYTES + TRAILER_BYTES >= data.byteLength * WORTH_IT) return undefined
  return member(deflated, data)
}

function member(deflated: Uint8Array, data: Uint8Array): Uint8Array {
  const size = HEADER_BYTES + deflated.byteLength + TRAILER_BYTES
  const padding = isReadableByGo(size) ? 0 : 128 - (size % 128)
  const bytes = new Uint8Array(size + padding)
  const comment = padding === 0 ? 0 : COMMENT
  bytes.set([0x1f, 0x8b, DEFLATE, comment, 0, 0, 0, 0, 0, 0xff])
  // A comment ends with a zero byte, which is there already.
  if (padding > 0) bytes.fill(0x20, HEADER_BYTES, HEADER_BYTES + padding - 1)
  bytes.set(deflated, HEADER_BYTES + padding)
  const trailer = new DataView(bytes.buffer, bytes.byteLength - TRAILER_BYTES)
  trailer.setUint32(0, crc32(data), true)
  trailer.setUint32(4, data.byteLength, true)
  return bytes
}

/**
 * What one gzip member holds. The size it announces is checked before memory is taken, and no more than that is ever
 * produced.
 *
 * @throws PointSubError `ERR_MESSAGE_TOO_LARGE`, or `ERR_INVALID_FRAME` for anything that is not one whole gzip member
 */
export async function gunzip(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const start = endOfHeader(bytes)
  const end = bytes.byteLength - TRAILER_BYTES
  if (start === undefined || start > end) throw corrupt()
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + end)
  const size = trailer.getUint32(4, true)
  if (size > maxBytes) {
    throw new PointSubError(
      'ERR_MESSAGE_TOO_LARGE',
      `the peer sent ${bytes.byteLength} bytes that hold ${size}; at most ${maxBytes} are taken`
    )
  }
  const data = await codec.decompress('deflate-raw', bytes.subarray(start, end), size)
  if (crc32(data) !== trailer.getUint32(0, true)) throw corrupt()
  return data
}

/** Where the compressed data begins; undefined when this is no gzip header. */
function endOfHeader(bytes: Uint8Array): number | undefined {
  const flags = bytes[3]
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== DEFLATE) return undefined
  if (flags === undefined || (flags & RESERVED) !== 0) return undefined
  let at = HEADER_BYTES
  if ((flags & EXTRA) !== 0) at += 2 + ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8))
  for (const text of [NAME, COMMENT]) {
    if ((flags & text) === 0) continue
    const zero = bytes.indexOf(0, at)
    if (zero === -1) return undefined
    at = zero + 1
  }
  return (flags & HEADER_CHECKSUM) === 0 ? at : at + 2
}

function corrupt(): PointSubError {
  return new PointSubError('ERR_INVALID_FRAME', 'the peer sent compressed data that is no gzip, or not whole')
}
