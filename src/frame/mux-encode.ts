import { concat } from '../core/bytes.ts'
import {
  type Body,
  type Encoding,
  type Failure,
  type Hello,
  MAX_ERROR_MESSAGE,
  type MuxFrame,
  type Settings,
  TYPE
} from './mux.ts'
import { writeU16, writeU32 } from './numbers.ts'
import { encodePairs } from './pairs.ts'
import { allocate } from './slab.ts'

const LENGTH = 4
const NO_PAIRS = new Uint8Array(0)
const encoder = new TextEncoder()

/** What stands before the body of a REQUEST or ANSWER. */
export interface HeadFields {
  readonly id: number
  readonly encoding: Encoding
  readonly large: boolean
  /** Milliseconds; only of a REQUEST. */
  readonly timeout?: number
  readonly size: number
  /** As encodePairs() made them. */
  readonly pairs: Uint8Array | undefined
  /** Of the body in the frame. */
  readonly bodyBytes: number
}

/** One frame, its length included. */
export function encodeMuxFrame(frame: MuxFrame): Uint8Array {
  switch (frame.type) {
    case 'hello':
      return encodeHello(frame)
    case 'request':
    case 'answer': {
      const pairs = encodePairs('metadata', frame.metadata)
      return wholeMessage(frame.type, { ...frame, pairs, bodyBytes: frame.body.byteLength }, frame.body)
    }
    case 'error':
      return encodeFailure(frame)
    case 'body':
      return whole(bodyHead(frame), frame.bytes)
    case 'cancel':
      return encodeNumber(TYPE.cancel, frame.id)
    case 'credit':
      return encodeNumber(TYPE.credit, frame.bytes)
    case 'goaway':
      return encodeBytes(TYPE.goaway, Uint8Array.of(frame.reason))
    case 'ping':
    case 'pong':
      return encodeBytes(TYPE[frame.type], frame.bytes)
    default:
      return encodeBytes(TYPE.want, NO_PAIRS)
  }
}

/** A REQUEST or ANSWER up to its body. */
export function messageHead(type: 'request' | 'answer', fields: HeadFields): Uint8Array {
  const head = allocate(headBytes(type, fields))
  writeHead(head, type, fields)
  return head
}

/** A REQUEST or ANSWER with its body: one copy of it, which for a small body costs less than two buffers. */
export function wholeMessage(type: 'request' | 'answer', fields: HeadFields, body: Uint8Array): Uint8Array {
  const bytes = headBytes(type, fields)
  const frame = allocate(bytes + body.byteLength)
  writeHead(frame, type, fields)
  frame.set(body, bytes)
  return frame
}

function headBytes(type: 'request' | 'answer', { pairs = NO_PAIRS }: HeadFields): number {
  return (type === 'request' ? 20 : 16) + pairs.byteLength
}

function writeHead(frame: Uint8Array, type: 'request' | 'answer', fields: HeadFields): void {
  const { pairs = NO_PAIRS } = fields
  const sizeAt = type === 'request' ? 14 : 10
  writeU32(frame, 0, headBytes(type, fields) - LENGTH + fields.bodyBytes)
  frame[4] = TYPE[type]
  writeU32(frame, 5, fields.id)
  frame[9] = fields.encoding | (fields.large ? 4 : 0)
  if (type === 'request') writeU32(frame, 10, fields.timeout ?? 0)
  writeU32(frame, sizeAt, fields.size)
  writePairs(frame, sizeAt + 4, pairs)
}

/** A BODY up to its bytes. */
export function bodyHead({ id, last, bytes }: Omit<Body, 'type'>): Uint8Array {
  const head = startFrame(TYPE.body, 6, bytes.byteLength)
  writeU32(head, 5, id)
  head[9] = last ? 1 : 0
  return head
}

function encodeHello({ stream, token, settings }: Hello): Uint8Array {
  const known: (keyof Settings)[] = ['encodings', 'maxBody', 'maxRequests', 'credit']
  const given = known.flatMap((name, index) => {
    const value = settings[name]
    return value === undefined ? [] : [{ key: index + 1, value }]
  })
  const frame = startFrame(TYPE.hello, 10 + 5 * given.length, 0)
  frame[5] = stream === 'control' ? 0 : 1
  frame.set(token, 6)
  for (const [index, { key, value }] of given.entries()) {
    frame[14 + 5 * index] = key
    writeU32(frame, 15 + 5 * index, value)
  }
  return frame
}

function encodeFailure({ id, retryable, notProcessed, retryAfter, code, message, details }: Failure): Uint8Array {
  const codeBytes = encoder.encode(code)
  const text = encoder.encode(shorten(message))
  const pairs = encodePairs('details', details) ?? NO_PAIRS
  const codeEnd = 15 + codeBytes.byteLength
  const textEnd = codeEnd + 2 + text.byteLength
  const frame = startFrame(TYPE.error, textEnd + 2 + pairs.byteLength - LENGTH, 0)
  writeU32(frame, 5, id)
  frame[9] = (retryable ? 1 : 0) | (notProcessed ? 2 : 0)
  writeU32(frame, 10, retryAfter)
  frame[14] = codeBytes.byteLength
  frame.set(codeBytes, 15)
  writeU16(frame, codeEnd, text.byteLength)
  frame.set(text, codeEnd + 2)
  writePairs(frame, textEnd, pairs)
  return frame
}

/** So much of a text as there is room for, whatever its characters take. */
function shorten(text: string): string {
  return text
    .toWellFormed()
    .slice(0, Math.floor(MAX_ERROR_MESSAGE / 3))
    .toWellFormed()
}

function encodeNumber(type: number, value: number): Uint8Array {
  const frame = startFrame(type, 5, 0)
  writeU32(frame, 5, value)
  return frame
}

function encodeBytes(type: number, bytes: Uint8Array): Uint8Array {
  const frame = startFrame(type, 1 + bytes.byteLength, 0)
  frame.set(bytes, 5)
  return frame
}

/** @param bytes from the type on, without what `following` counts */
function startFrame(type: number, bytes: number, following: number): Uint8Array {
  const frame = allocate(LENGTH + bytes)
  writeU32(frame, 0, bytes + following)
  frame[4] = type
  return frame
}

function writePairs(frame: Uint8Array, at: number, pairs: Uint8Array): void {
  writeU16(frame, at, pairs.byteLength)
  frame.set(pairs, at + 2)
}

function whole(head: Uint8Array, body: Uint8Array): Uint8Array {
  return body.byteLength === 0 ? head : concat([head, body], head.byteLength + body.byteLength)
}
