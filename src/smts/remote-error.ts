import { PointSubError } from '../core/errors.ts'
import { readU32, writeU32 } from '../frame/numbers.ts'

const CODE_BYTES = 4
/** Bytes of text that are sent and shown. */
const LONGEST_TEXT = 4_096

/** The data of an error frame as Go's advanced frame processor of v1.2.0 to v1.2.2 has it: a number, then a text. */
export function encodeRemoteError(text: string, code: number): Uint8Array {
  const bytes = new TextEncoder().encode(text).subarray(0, LONGEST_TEXT)
  const data = new Uint8Array(CODE_BYTES + bytes.byteLength)
  writeU32(data, 0, code)
  data.set(bytes, CODE_BYTES)
  return data
}

/** What an error frame says. Later versions of Go put the text there alone, and no text begins with a zero byte. */
export function decodeRemoteError(data: Uint8Array): PointSubError {
  const hasCode = data.byteLength >= CODE_BYTES && data[0] === 0
  const start = hasCode ? CODE_BYTES : 0
  const text = new TextDecoder().decode(data.subarray(start, start + LONGEST_TEXT))
  return new PointSubError('ERR_REMOTE', `the peer sent an error: ${text}`, {
    remote: true,
    details: hasCode ? { code: String(readU32(data, 0)) } : undefined
  })
}
