import { PointSubError, textOf } from '../core/errors.ts'
import { concat } from '../core/bytes.ts'
import { readU16, writeU16 } from './numbers.ts'

/** Names with texts, as metadata and the details of an error are: `{ tenant: 'a', 'trace-id': '4bf9…' }`. */
export type Pairs = Readonly<Record<string, string>>

/** All pairs of one frame together. */
const MAX_PAIRS_BYTES = 8_192

const NAME = /^[a-z0-9\-_.]{1,64}$/
const LONGEST_TEXT = MAX_PAIRS_BYTES
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Without the u16 in front that says how many bytes follow; undefined when there are no pairs.
 *
 * @param what names the pairs in errors
 * @throws PointSubError `ERR_INVALID_ARGUMENT`
 */
export function encodePairs(what: string, pairs: unknown): Uint8Array | undefined {
  if (pairs === undefined) return undefined
  if (typeof pairs !== 'object' || pairs === null) throw invalid(`${what} is an object of texts, not ${textOf(pairs)}`)
  const entries: [string, unknown][] = Object.entries(pairs)
  if (entries.length === 0) return undefined
  const parts = entries.map(([name, text]) => encodePair(what, name, text))
  const length = parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
  if (length > MAX_PAIRS_BYTES) throw invalid(`${what} takes ${length} bytes; there is room for ${MAX_PAIRS_BYTES}`)
  return concat(parts, length)
}

function encodePair(what: string, name: string, text: unknown): Uint8Array {
  if (!NAME.test(name)) {
    throw invalid(
      `${what}: ${JSON.stringify(name)} is no name; it has 1 to 64 characters of a-z, 0-9, "-", "_" and "."`
    )
  }
  if (typeof text !== 'string' || !text.isWellFormed()) throw invalid(`${what}: ${name} is a text, not ${textOf(text)}`)
  if (text.length > LONGEST_TEXT)
    throw invalid(`${what}: ${name} is too long; there is room for ${MAX_PAIRS_BYTES} bytes`)
  const value = encoder.encode(text)
  const pair = new Uint8Array(3 + name.length + value.byteLength)
  pair[0] = name.length
  encoder.encodeInto(name, pair.subarray(1))
  writeU16(pair, 1 + name.length, value.byteLength)
  pair.set(value, 3 + name.length)
  return pair
}

/** @throws PointSubError `ERR_INVALID_FRAME` */
export function decodePairs(bytes: Uint8Array): Pairs {
  if (bytes.byteLength > MAX_PAIRS_BYTES) throw broken(`pairs of ${bytes.byteLength} bytes`)
  const pairs = new Map<string, string>()
  for (let at = 0; at < bytes.byteLength; ) {
    const nameEnd = at + 1 + (bytes[at] ?? 0)
    const textEnd = nameEnd + 2 + readU16(bytes, nameEnd)
    if (textEnd > bytes.byteLength) throw broken('pairs that end within one')
    const name = decodeText(bytes.subarray(at + 1, nameEnd))
    if (!NAME.test(name)) throw broken('a pair without a proper name')
    if (pairs.has(name)) throw broken(`two pairs of the name ${name}`)
    pairs.set(name, decodeText(bytes.subarray(nameEnd + 2, textEnd)))
    at = textEnd
  }
  // Of own properties only, whatever their names.
  return Object.fromEntries(pairs)
}

/** @throws PointSubError `ERR_INVALID_FRAME` unless the bytes are UTF-8 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw broken('a text that is not UTF-8')
  }
}

function invalid(message: string): PointSubError {
  return new PointSubError('ERR_INVALID_ARGUMENT', message)
}

function broken(what: string): PointSubError {
  return new PointSubError('ERR_INVALID_FRAME', `the peer sent ${what}`)
}
