/** Bytes looked at, in runs: single bytes at even distances could all be the same column of a table of numbers. */
const RUN_BYTES = 32
const RUNS = 16
/**
 * How much likelier than in random bytes two bytes of the sample have to be equal. Random ones are within 1.3 of 1, data
 * that is already compressed or encrypted too; base64 is at 4, text and JSON at 12 and more.
 */
const LIKELIER = 1.5

/**
 * Whether bytes look as if they would not compress: from up to 512 of them, in a microsecond or two. What repeats itself
 * only over longer distances, and is random otherwise, looks so too.
 */
export function looksRandom(bytes: Uint8Array): boolean {
  const { byteLength } = bytes
  const whole = byteLength <= RUNS * RUN_BYTES
  const runs = whole ? 1 : RUNS
  const length = whole ? byteLength : RUN_BYTES
  const distance = whole ? 0 : (byteLength - RUN_BYTES) / (RUNS - 1)
  const counts = new Uint16Array(256)
  let pairs = 0
  for (let run = 0; run < runs; run += 1) {
    const from = Math.floor(run * distance)
    for (let at = from; at < from + length; at += 1) {
      const value = bytes[at] ?? 0
      const count = counts[value] ?? 0
      pairs += count
      counts[value] = count + 1
    }
  }
  const sampled = runs * length
  return pairs * 256 < (LIKELIER * sampled * (sampled - 1)) / 2
}

/** Four pieces of `bytes` behind each other: enough to see what a large body would become. */
export function excerpt(bytes: Uint8Array, length: number): Uint8Array {
  const pieces = 4
  const pieceBytes = Math.floor(length / pieces)
  const whole = new Uint8Array(pieces * pieceBytes)
  const distance = (bytes.byteLength - pieceBytes) / (pieces - 1)
  for (let piece = 0; piece < pieces; piece += 1) {
    const from = Math.floor(piece * distance)
    whole.set(bytes.subarray(from, from + pieceBytes), piece * pieceBytes)
  }
  return whole
}
