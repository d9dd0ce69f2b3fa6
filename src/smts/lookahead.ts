import { readU16, readU32 } from '../frame/numbers.ts'
import { crc32 } from './crc32.ts'
import { COMPACT, COMPACT_HEADER_BYTES, FLAGS, FULL_HEADER_BYTES, KNOWN_FLAGS } from './frame.ts'

/** Frames behind one in doubt that are looked at: each is right by chance for less than one in 5,000. */
const FRAMES = 3
/** Flags that go together; any of the others stands alone. */
const STREAM_FLAGS = FLAGS.first | FLAGS.last | FLAGS.compressed

/** Whether a long header begins at the start of `bytes`, as Go writes them; undefined when that takes more bytes. */
export function looksFull(bytes: Uint8Array): boolean | undefined {
  const { byteLength } = bytes
  if (byteLength >= 2 && readU16(bytes, 0) === 0) return false
  if (byteLength >= 8 && readU32(bytes, 4) === 0) return false
  for (let at = 8; at < Math.min(byteLength, FULL_HEADER_BYTES); at += 1) {
    const allowed = at === FULL_HEADER_BYTES - 1 ? KNOWN_FLAGS : 0
    if (((bytes[at] ?? 0) & ~allowed) !== 0) return false
  }
  return byteLength >= FULL_HEADER_BYTES ? true : undefined
}

/**
 * Whether `bytes` are frames as Go writes them, or the beginning of some; undefined when that takes more bytes, which
 * will come if they are. No bytes at all are none that speak against it.
 */
export function looksLikeFrames(bytes: Uint8Array): boolean | undefined {
  let rest = bytes
  for (let frame = 0; frame < FRAMES && rest.byteLength > 0; frame += 1) {
    if (rest.byteLength < COMPACT_HEADER_BYTES) return undefined
    const length = lengthOfCompact(rest)
    if (length === undefined || length > rest.byteLength) return length === undefined ? looksFull(rest) : undefined
    if (!holds(rest.subarray(0, length))) return looksFull(rest)
    rest = rest.subarray(length)
  }
  return true
}

/** Bytes of the short frame that begins here; undefined when none does. */
function lengthOfCompact(bytes: Uint8Array): number | undefined {
  const flags = bytes[3] ?? 0
  const rest = flags & ~COMPACT
  const isUsual = rest <= STREAM_FLAGS || rest === FLAGS.error || rest === FLAGS.control || rest === FLAGS.empty
  return (flags & COMPACT) === 0 || !isUsual ? undefined : COMPACT_HEADER_BYTES + readU16(bytes, 0)
}

/** Whether the checksum of a whole short frame is right; Go always sends one. */
export function holds(frame: Uint8Array): boolean {
  return (crc32(frame.subarray(COMPACT_HEADER_BYTES)) & 0xff) === frame[2]
}
