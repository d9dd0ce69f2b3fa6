/** Bytes of the content size, by its code in the frame header. */
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
const DICTIONARY_BYTES = [0, 1, 2, 4] as const
const BLOCK_HEADER_BYTES = 3
const RUN = 1
const RESERVED = 3

/**
 * Where the Zstandard frame ends that `bytes` begin with (RFC 8878, 3.1.1); undefined when they hold no whole frame.
 * Node's decoder takes a frame that was cut off for a whole one, so somebody has to look.
 */
export function endOfFrame(bytes: Uint8Array): number | undefined {
  if (bytes[0] !== 0x28 || bytes[1] !== 0xb5 || bytes[2] !== 0x2f || bytes[3] !== 0xfd) return undefined
  const descriptor = bytes[4]
  if (descriptor === undefined) return undefined
  let at = 5 + headerBytes(descriptor)
  for (let last = false; !last; ) {
    const high = bytes[at + 2]
    if (high === undefined) return undefined
    const header = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | (high << 16)
    const type = (header >> 1) & 3
    if (type === RESERVED) return undefined
    last = (header & 1) === 1
    at += BLOCK_HEADER_BYTES + (type === RUN ? 1 : header >> 3)
  }
  const checksumBytes = (descriptor & 4) === 0 ? 0 : 4
  const end = at + checksumBytes
  return end > bytes.byteLength ? undefined : end
}

/** Bytes of a frame header behind its descriptor. */
function headerBytes(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0
  const contentSize = CONTENT_SIZE_BYTES[descriptor >> 6] ?? 0
  const windowBytes = single ? 0 : 1
  // A single segment without a longer content size has one of a byte.
  return windowBytes + (DICTIONARY_BYTES[descriptor & 3] ?? 0) + (contentSize === 0 && single ? 1 : contentSize)
}
