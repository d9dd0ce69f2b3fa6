import { PointSubError, textOf } from '../core/errors.ts'
import { writeU16, writeU32 } from '../frame/numbers.ts'
import { crc32 } from './crc32.ts'

/** What a frame is, as bits that may be combined; Go's `FlagFragmented`, `FlagLastFrame` and so on. */
export const FLAGS: {
  /** The first frame of a stream. */
  readonly first: 0x01
  /** The last frame of a stream, often without data. */
  readonly last: 0x02
  /** The data is gzip. */
  readonly compressed: 0x04
  /** The data says what went wrong. */
  readonly error: 0x08
  /** The data is for the programs at both ends, not for their users. */
  readonly control: 0x10
  /** There is no data: a heartbeat. */
  readonly empty: 0x20
} = { first: 0x01, last: 0x02, compressed: 0x04, error: 0x08, control: 0x10, empty: 0x20 }

/** All of {@link FLAGS}. */
export const KNOWN_FLAGS = 0x3f
/** The header is the short one: set by whoever makes the header, never by a caller. */
export const COMPACT = 0x40

/** Bytes of the two headers, and the first size that the short one has no room for. */
export const COMPACT_HEADER_BYTES = 4
export const FULL_HEADER_BYTES = 12
const COMPACT_END = 65_536

/** One frame of Go PointSub v1.2. */
export interface Frame {
  /** Bits of {@link FLAGS}, and others when the peer has set some. */
  readonly flags: number
  /** As it was in the frame: still compressed, if the flags say so. */
  readonly data: Uint8Array
}

/**
 * Whether Go's reader understands a frame of so many bytes of data. It reads four bytes and looks at bit 6 of the last
 * one to see which header this is; in a long header that byte is the lowest of the size. So from 65,536 bytes on a size
 * with that bit set (`size % 128 >= 64`) is taken for a short header: an error at best, one wrong byte as the message at
 * worst.
 *
 * @param size bytes of data, compressed if the frame is
 */
export function isReadableByGo(size: number): boolean {
  return size < COMPACT_END || (size & COMPACT) === 0
}

/**
 * The header of a frame: 4 bytes for less than 65,536 bytes of data, 12 for more.
 *
 * @param flags bits of {@link FLAGS}
 * @throws PointSubError `ERR_INVALID_ARGUMENT` for other flags, and for a size that Go would misread
 * ({@link isReadableByGo})
 */
export function encodeHeader(data: Uint8Array, flags: number): Uint8Array {
  checkFrame(data, flags)
  const { byteLength } = data
  const checksum = crc32(data)
  const isCompact = byteLength < COMPACT_END
  const header = new Uint8Array(isCompact ? COMPACT_HEADER_BYTES : FULL_HEADER_BYTES)
  if (isCompact) {
    writeU16(header, 0, byteLength)
    header[2] = checksum
    header[3] = flags | COMPACT
  } else {
    writeU32(header, 0, byteLength)
    writeU32(header, 4, checksum)
    writeU32(header, 8, flags)
  }
  return header
}

/**
 * One frame as Go's `WriteFrame` writes it.
 *
 * @param flags bits of {@link FLAGS}; the data must be gzip already if they say so
 * @throws PointSubError `ERR_INVALID_ARGUMENT` for other flags, and for a size that Go would misread
 * ({@link isReadableByGo})
 */
export function encodeFrame(data: Uint8Array, flags = 0): Uint8Array {
  const header = encodeHeader(data, flags)
  const frame = new Uint8Array(header.byteLength + data.byteLength)
  frame.set(header)
  frame.set(data, header.byteLength)
  return frame
}

function checkFrame(data: unknown, flags: number): void {
  if (!(data instanceof Uint8Array)) {
    throw refused(`a frame takes a Uint8Array, not ${textOf(data).slice(0, 100)}`)
  }
  if (!Number.isInteger(flags) || flags < 0 || flags > KNOWN_FLAGS) {
    throw refused(`flags are a number made of FLAGS, from 0 to ${KNOWN_FLAGS}, not ${textOf(flags)}`)
  }
  if (!isReadableByGo(data.byteLength)) {
    throw refused(
      `Go misreads a frame of ${data.byteLength} bytes, as every size from ${COMPACT_END} on with size % 128 >= 64: ` +
        'send it as a stream or compressed, or pad it'
    )
  }
}

function refused(message: string): PointSubError {
  return new PointSubError('ERR_INVALID_ARGUMENT', message, { sent: false })
}
