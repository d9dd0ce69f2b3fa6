const SLAB_BYTES = 16 * 1024

/** A buffer for many small frames, for each ArrayBuffer costs an allocation outside the heap. */
let slab: Uint8Array = new Uint8Array(0)

/** So many bytes, whose content is not defined: the caller writes all of them. */
export function allocate(bytes: number): Uint8Array {
  if (bytes > SLAB_BYTES / 16) return new Uint8Array(bytes)
  if (slab.byteLength < bytes) slab = new Uint8Array(SLAB_BYTES)
  const frame = slab.subarray(0, bytes)
  slab = slab.subarray(bytes)
  return frame
}
