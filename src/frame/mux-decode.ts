import { PointSubError } from '../core/errors.ts'
import {
  type Encoding,
  FIRST_OPTIONAL_TYPE,
  type Hello,
  MAX_ERROR_MESSAGE,
  MAX_INLINE_BODY,
  type MessageHead,
  type MuxFrame,
  type Settings,
  TYPE
} from './mux.ts'
import { readU16, readU32 } from './numbers.ts'
import { decodePairs, decodeText, type Pairs } from './pairs.ts'

const CODE = /^ERR_[A-Z0-9_]{1,60}$/

/**
 * A frame without the u32 in front; undefined for one that is to be ignored. Bodies are views of `bytes`.
 *
 * @throws PointSubError `ERR_INVALID_FRAME`
 */
export function decodeMuxFrame(bytes: Uint8Array): MuxFrame | undefined {
  switch (bytes[0]) {
    case TYPE.hello:
      return decodeHello(bytes)
    case TYPE.request:
      checkBytes(bytes, 16, Number.POSITIVE_INFINITY)
      return { type: 'request', timeout: readU32(bytes, 6), ...decodeMessage(bytes, 10) }
    case TYPE.answer:
      checkBytes(bytes, 12, Number.POSITIVE_INFINITY)
      return { type: 'answer', ...decodeMessage(bytes, 6) }
    case TYPE.error:
      return decodeFailure(bytes)
    case TYPE.cancel:
      return { type: 'cancel', id: decodeNumber(bytes) }
    case TYPE.body:
      checkBytes(bytes, 6, Number.POSITIVE_INFINITY)
      return { type: 'body', id: readU32(bytes, 1), last: readFlags(bytes, 5, 1) === 1, bytes: bytes.subarray(6) }
    case TYPE.credit:
      return { type: 'credit', bytes: decodeNumber(bytes) }
    case TYPE.goaway:
      checkBytes(bytes, 2, 2)
      return { type: 'goaway', reason: bytes[1] ?? 0 }
    case TYPE.ping:
    case TYPE.pong:
      checkBytes(bytes, 9, 9)
      return { type: bytes[0] === TYPE.ping ? 'ping' : 'pong', bytes: bytes.slice(1) }
    case TYPE.want:
      checkBytes(bytes, 1, 1)
      return { type: 'want' }
    default:
      if (bytes[0] === undefined || bytes[0] < FIRST_OPTIONAL_TYPE) throw broken(`a frame of the type ${bytes[0]}`)
      return undefined
  }
}

function decodeHello(bytes: Uint8Array): Hello {
  const stream = bytes[1] ?? 0
  checkBytes(bytes, 10, Number.POSITIVE_INFINITY)
  if (stream > 1 || (bytes.byteLength - 10) % 5 !== 0) throw broken('a HELLO that does not hold what it should')
  const values = new Map<number, number>()
  for (let at = 10; at < bytes.byteLength; at += 5) {
    const key = bytes[at] ?? 0
    if (values.has(key)) throw broken(`the setting ${key} twice`)
    values.set(key, readU32(bytes, at + 1))
  }
  const settings = settingsOf(values)
  if (((settings.encodings ?? 1) & 1) === 0) throw broken('a HELLO without deflate-raw')
  if (settings.maxRequests === 0) throw broken('a HELLO that allows no request')
  return { type: 'hello', stream: stream === 0 ? 'control' : 'data', token: bytes.slice(2, 10), settings }
}

function settingsOf(values: ReadonlyMap<number, number>): Settings {
  const [encodings, maxBody, maxRequests, credit] = [1, 2, 3, 4].map(key => values.get(key))
  return {
    ...(encodings !== undefined && { encodings }),
    ...(maxBody !== undefined && { maxBody }),
    ...(maxRequests !== undefined && { maxRequests }),
    ...(credit !== undefined && { credit })
  }
}

/** @param at where the size is */
function decodeMessage(bytes: Uint8Array, at: number): MessageHead {
  const flags = readFlags(bytes, 5, 7)
  const encoding = encodingOf(flags & 3)
  const large = (flags & 4) !== 0
  const size = readU32(bytes, at)
  const pairsEnd = at + 6 + readU16(bytes, at + 4)
  if (pairsEnd > bytes.byteLength) throw broken('a message that ends within its metadata')
  const body = bytes.subarray(pairsEnd)
  const fits = encoding === 0 ? body.byteLength === size : body.byteLength < size
  if (large ? body.byteLength > 0 : !fits || body.byteLength > MAX_INLINE_BODY)
    throw broken(`a body of ${body.byteLength} bytes that is to be ${size}`)
  return { id: readU32(bytes, 1), encoding, large, size, metadata: readPairs(bytes, at + 4, pairsEnd), body }
}

function decodeFailure(bytes: Uint8Array): MuxFrame {
  checkBytes(bytes, 15, Number.POSITIVE_INFINITY)
  const flags = readFlags(bytes, 5, 3)
  const codeEnd = 11 + (bytes[10] ?? 0)
  const textEnd = codeEnd + 2 + readU16(bytes, codeEnd)
  const pairsEnd = textEnd + 2 + readU16(bytes, textEnd)
  if (pairsEnd !== bytes.byteLength) throw broken('an ERROR that does not hold what it should')
  if (textEnd - codeEnd - 2 > MAX_ERROR_MESSAGE) throw broken('an ERROR with too long a message')
  const code = decodeText(bytes.subarray(11, codeEnd))
  if (!CODE.test(code)) throw broken('an ERROR without a proper code')
  return {
    type: 'error',
    id: readU32(bytes, 1),
    retryable: (flags & 1) !== 0,
    notProcessed: (flags & 2) !== 0,
    retryAfter: readU32(bytes, 6),
    code,
    message: decodeText(bytes.subarray(codeEnd + 2, textEnd)),
    details: readPairs(bytes, textEnd, pairsEnd)
  }
}

/** @param at where the u16 with their length is */
function readPairs(bytes: Uint8Array, at: number, end: number): Pairs | undefined {
  return end === at + 2 ? undefined : decodePairs(bytes.subarray(at + 2, end))
}

function readFlags(bytes: Uint8Array, at: number, allowed: number): number {
  const flags = bytes[at] ?? 0
  if ((flags & ~allowed) !== 0) throw broken(`flags of ${flags}`)
  return flags
}

function encodingOf(bits: number): Encoding {
  if (bits === 0 || bits === 1 || bits === 2) return bits
  throw broken('a body in an unknown encoding')
}

function decodeNumber(bytes: Uint8Array): number {
  checkBytes(bytes, 5, 5)
  return readU32(bytes, 1)
}

function checkBytes(bytes: Uint8Array, least: number, most: number): void {
  if (bytes.byteLength >= least && bytes.byteLength <= most) return
  throw broken(`a frame of the type ${bytes[0]} with ${bytes.byteLength} bytes`)
}

function broken(what: string): PointSubError {
  return new PointSubError('ERR_INVALID_FRAME', `the peer sent ${what}`)
}
