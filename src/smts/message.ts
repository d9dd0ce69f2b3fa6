import { PointSubError, textOf } from '../core/errors.ts'
import { readU16, readU32, writeU16, writeU32 } from '../frame/numbers.ts'
import { crc32 } from './crc32.ts'

/** Bytes of the header before the routing key and the body. */
export const MESSAGE_HEADER_BYTES = 29
/** Bytes of a body that Go takes by default, `DefaultMaxBodySize`. */
export const MAX_BODY_SIZE: number = 10 * 1024 * 1024

/** Values of `priority` that Go has names for. */
export const PRIORITIES: { readonly low: 0; readonly normal: 1; readonly high: 2; readonly critical: 3 } = {
  low: 0,
  normal: 1,
  high: 2,
  critical: 3
}

/** Values of `type` that Go has names for. */
export const MESSAGE_TYPES: {
  readonly data: 0
  readonly control: 1
  readonly heartbeat: 2
  readonly ack: 3
  readonly error: 4
} = { data: 0, control: 1, heartbeat: 2, ack: 3, error: 4 }

/** Bits of `flags`. Go has names for two more, which its header has no room for. */
export const MESSAGE_FLAGS: {
  readonly compressed: 1
  readonly encrypted: 2
  readonly fragmented: 4
  readonly signed: 8
} = { compressed: 1, encrypted: 2, fragmented: 4, signed: 8 }

/** One message of Go v1.2.4's message processor. */
export interface Message {
  /** From 1 to 15; Go refuses 0 when it validates. */
  readonly version: number
  /** From 0 to 15, {@link PRIORITIES} or your own. */
  readonly priority: number
  /** From 0 to 15, {@link MESSAGE_TYPES} or your own. */
  readonly type: number
  /** Bits of {@link MESSAGE_FLAGS}. They say what the body is; nothing is done to it here. */
  readonly flags: number
  /** A u32. */
  readonly id: number
  /** Nanoseconds since the epoch. */
  readonly timestamp: bigint
  /** Seconds for which the message is good, at most 65,535; 0 is for ever. */
  readonly ttl: number
  /** At most 255 bytes of UTF-8. */
  readonly routingKey: string
  readonly body: Uint8Array
}

/** A message to encode: version and priority are 1 by default, the timestamp is now, all else is 0 or empty. */
export type MessageInit = Partial<Message>

/** What the first 29 bytes say. */
export interface MessageHeader extends Omit<Message, 'routingKey' | 'body'> {
  /** Bytes of the routing key, which comes behind the header. */
  readonly routingKeyLength: number
  /** Bytes of the body, which comes behind the routing key. */
  readonly bodyLength: number
  /** CRC-32 of the body, 0 for an empty one. */
  readonly bodyChecksum: number
}

/**
 * A message as Go's `EncodeMessage` makes it.
 *
 * @throws PointSubError `ERR_INVALID_ARGUMENT` for a value that does not fit, `ERR_MESSAGE_TOO_LARGE` for a body above
 * `maxBodySize` bytes
 */
export function encodeMessage(message: MessageInit, maxBodySize: number = MAX_BODY_SIZE): Uint8Array {
  const { body = new Uint8Array(0), timestamp = now() } = message
  if (!(body instanceof Uint8Array)) throw wrong('body', 'a Uint8Array', body)
  checkBody(body.byteLength, maxBodySize, { sent: false })
  const key = new TextEncoder().encode(message.routingKey)
  const bytes = new Uint8Array(MESSAGE_HEADER_BYTES + key.byteLength + body.byteLength)
  bytes[0] = (fit('version', message.version ?? 1, 15) << 4) | fit('priority', message.priority ?? 1, 15)
  bytes[1] = (fit('type', message.type ?? 0, 15) << 4) | fit('flags', message.flags ?? 0, 15)
  writeU32(bytes, 2, fit('id', message.id ?? 0, 0xff_ff_ff_ff))
  writeU32(bytes, 6, body.byteLength)
  if (typeof timestamp !== 'bigint' || BigInt.asIntN(64, timestamp) !== timestamp) {
    throw wrong('timestamp', 'a bigint of 64 bits', timestamp)
  }
  new DataView(bytes.buffer).setBigInt64(10, timestamp)
  writeU16(bytes, 18, fit('ttl', message.ttl ?? 0, 0xff_ff))
  bytes[20] = fit('bytes of routingKey', key.byteLength, 255)
  writeU32(bytes, 21, crc32(body))
  writeU32(bytes, 25, crc32(bytes.subarray(0, 25)))
  bytes.set(key, MESSAGE_HEADER_BYTES)
  bytes.set(body, MESSAGE_HEADER_BYTES + key.byteLength)
  return bytes
}

/**
 * The header that `bytes` begin with. `routingKeyLength + bodyLength` bytes belong to the message behind it.
 *
 * @throws PointSubError `ERR_INVALID_FRAME` for less than 29 bytes or a checksum that does not hold,
 * `ERR_MESSAGE_TOO_LARGE` for a body above `maxBodySize` bytes
 */
export function decodeMessageHeader(bytes: Uint8Array, maxBodySize: number = MAX_BODY_SIZE): MessageHeader {
  if (bytes.byteLength < MESSAGE_HEADER_BYTES) {
    throw broken(`a message of ${bytes.byteLength} bytes, less than its header has`)
  }
  if (crc32(bytes.subarray(0, 25)) !== readU32(bytes, 25)) throw broken('a message header whose checksum does not hold')
  const [first = 0, second = 0] = bytes
  const bodyLength = readU32(bytes, 6)
  checkBody(bodyLength, maxBodySize, {})
  return {
    version: first >> 4,
    priority: first & 15,
    type: second >> 4,
    flags: second & 15,
    id: readU32(bytes, 2),
    timestamp: new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(10),
    ttl: readU16(bytes, 18),
    routingKeyLength: bytes[20] ?? 0,
    bodyLength,
    bodyChecksum: readU32(bytes, 21)
  }
}

/**
 * One whole message. Its body is a view of `bytes`.
 *
 * @throws PointSubError `ERR_INVALID_FRAME` for anything that is not exactly one message, `ERR_MESSAGE_TOO_LARGE` for a
 * body above `maxBodySize` bytes
 */
export function decodeMessage(bytes: Uint8Array, maxBodySize: number = MAX_BODY_SIZE): Message {
  const { routingKeyLength, bodyLength, bodyChecksum, ...header } = decodeMessageHeader(bytes, maxBodySize)
  const bodyStart = MESSAGE_HEADER_BYTES + routingKeyLength
  if (bytes.byteLength !== bodyStart + bodyLength) {
    throw broken(`a message of ${bytes.byteLength} bytes that announced ${bodyStart + bodyLength}`)
  }
  const body = bytes.subarray(bodyStart)
  if (crc32(body) !== bodyChecksum) throw broken('a message body whose checksum does not hold')
  return { ...header, routingKey: decodeKey(bytes.subarray(MESSAGE_HEADER_BYTES, bodyStart)), body }
}

/** Whether a message is older than its `ttl`, as Go's `ValidateMessage` says. @param at ms since the epoch */
export function isExpired({ ttl, timestamp }: Pick<Message, 'ttl' | 'timestamp'>, at: number = Date.now()): boolean {
  return ttl > 0 && BigInt(Math.floor(at)) * 1_000_000n - timestamp > BigInt(ttl) * 1_000_000_000n
}

function now(): bigint {
  return BigInt(Date.now()) * 1_000_000n
}

function decodeKey(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw broken('a routing key that is not UTF-8')
  }
}

function fit(name: string, value: unknown, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value
  throw wrong(name, `a whole number from 0 to ${max}`, value)
}

function checkBody(length: number, max: number, details: { sent?: boolean }): void {
  if (length <= max) return
  throw new PointSubError('ERR_MESSAGE_TOO_LARGE', `a body of ${length} bytes; maxBodySize is ${max}`, details)
}

function wrong(name: string, allowed: string, value: unknown): PointSubError {
  const message = `a message's ${name} must be ${allowed}, not ${textOf(value).slice(0, 100)}`
  return new PointSubError('ERR_INVALID_ARGUMENT', message, { sent: false })
}

function broken(what: string): PointSubError {
  return new PointSubError('ERR_INVALID_FRAME', `the peer sent ${what}`)
}
