import type { MuxFrame } from '../../src/frame/mux.ts'
import { pattern } from './json.ts'

export const TOKEN: Uint8Array = Uint8Array.of(0xde, 0xad, 0xbe, 0xef, 0, 1, 2, 3)
const NONE = new Uint8Array(0)
const GREATEST = 0xff_ff_ff_ff
const PLAIN = { encoding: 0, large: false, metadata: undefined } as const
const QUIET = { retryable: false, notProcessed: false, retryAfter: 0, details: undefined } as const

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Frames of every type, each with what it shows. */
export const FRAMES: readonly (readonly [string, MuxFrame])[] = [
  ['a HELLO without settings', { type: 'hello', stream: 'control', token: TOKEN, settings: {} }],
  [
    'a HELLO of a client, as this package sends it',
    {
      type: 'hello',
      stream: 'control',
      token: TOKEN,
      settings: { encodings: 3, maxBody: 33_554_432, credit: 1_048_576 }
    }
  ],
  [
    'a HELLO with every setting at its largest',
    {
      type: 'hello',
      stream: 'control',
      token: new Uint8Array(8).fill(255),
      settings: { encodings: GREATEST, maxBody: GREATEST, maxRequests: GREATEST, credit: GREATEST }
    }
  ],
  ['a HELLO of the data stream', { type: 'hello', stream: 'data', token: TOKEN, settings: {} }],
  ['an empty REQUEST', { type: 'request', id: 1, timeout: 0, size: 0, body: NONE, ...PLAIN }],
  [
    'a REQUEST with a body and a timeout',
    { type: 'request', id: 2, timeout: 30_000, size: 5, body: bytes('hello'), ...PLAIN }
  ],
  [
    'a REQUEST with metadata',
    {
      type: 'request',
      id: 3,
      timeout: 1,
      size: 1,
      body: bytes('x'),
      ...PLAIN,
      metadata: { tenant: 'a', 'trace-id': '4bf9' }
    }
  ],
  [
    'a REQUEST with the names and texts that metadata may have',
    {
      type: 'request',
      id: 4,
      timeout: 0,
      size: 0,
      body: NONE,
      ...PLAIN,
      metadata: { ['n'.repeat(64)]: 'Zoë 🦆', '-_.0': '' }
    }
  ],
  [
    'a REQUEST with as much metadata as there may be',
    { type: 'request', id: 5, timeout: 0, size: 0, body: NONE, ...PLAIN, metadata: { long: 't'.repeat(8_192 - 7) } }
  ],
  [
    'a REQUEST whose body is encoded; that it does not decode does not show here',
    { type: 'request', id: 6, timeout: 0, size: 301, body: pattern(300), ...PLAIN, encoding: 1 }
  ],
  ['a large REQUEST', { type: 'request', id: 7, timeout: 9, size: 1_048_576, body: NONE, ...PLAIN, large: true }],
  [
    'a large REQUEST in zstd with metadata, the greatest id, timeout and size',
    {
      type: 'request',
      id: GREATEST,
      timeout: GREATEST,
      size: GREATEST,
      body: NONE,
      encoding: 2,
      large: true,
      metadata: { a: 'b' }
    }
  ],
  ['an empty ANSWER', { type: 'answer', id: 1, size: 0, body: NONE, ...PLAIN }],
  [
    'an ANSWER with metadata',
    { type: 'answer', id: 3, size: 3, body: bytes('yes'), ...PLAIN, metadata: { 'x.y': '1' } }
  ],
  [
    'a large ANSWER in deflate-raw',
    { type: 'answer', id: 7, size: 600_000, body: NONE, ...PLAIN, encoding: 1, large: true }
  ],
  ['the shortest ERROR', { type: 'error', id: 1, code: 'ERR_X', message: '', ...QUIET }],
  [
    'an ERROR with all that it can say',
    {
      type: 'error',
      id: 2,
      retryable: true,
      notProcessed: true,
      retryAfter: 1_500,
      code: 'ERR_OUT_OF_TEA',
      message: 'kein Tee für dich',
      details: { shop: 'closed', 'kind.of': 'Grüner' }
    }
  ],
  [
    'an ERROR with the longest code',
    { type: 'error', id: 3, code: `ERR_${'A_9'.repeat(20)}`, message: 'no', ...QUIET, notProcessed: true }
  ],
  [
    'an ERROR that may be tried again at once',
    { type: 'error', id: 4, code: 'ERR_REMOTE', message: '', ...QUIET, retryable: true }
  ],
  ['a CANCEL', { type: 'cancel', id: 1 }],
  ['a CANCEL of the greatest id', { type: 'cancel', id: GREATEST }],
  ['a BODY', { type: 'body', id: 7, last: false, bytes: pattern(20) }],
  ['the last BODY', { type: 'body', id: 7, last: true, bytes: pattern(3) }],
  ['a last BODY with nothing in it', { type: 'body', id: 7, last: true, bytes: NONE }],
  ['an empty BODY with others to come', { type: 'body', id: 7, last: false, bytes: NONE }],
  ['a CREDIT', { type: 'credit', bytes: 32_768 }],
  ['the greatest CREDIT', { type: 'credit', bytes: GREATEST }],
  ['a GOAWAY of a server that stops', { type: 'goaway', reason: 0 }],
  ['a GOAWAY of a session that has served its share', { type: 'goaway', reason: 1 }],
  ['a GOAWAY of an idle session', { type: 'goaway', reason: 2 }],
  ['a GOAWAY with a reason of a later day', { type: 'goaway', reason: 255 }],
  ['a PING', { type: 'ping', bytes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }],
  ['its PONG', { type: 'pong', bytes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }],
  ['a WANT', { type: 'want' }]
]

/** Frames that are read, but that this package writes otherwise or not at all: their bytes, and what they mean. */
export const READ_ONLY: readonly (readonly [string, string, MuxFrame | undefined])[] = [
  ['a frame of a type that is free for additions', '0000000380abcd', undefined],
  ['an empty one', '00000001ff', undefined],
  [
    'a HELLO with its settings in another order, and one that is not known',
    '0000001e0000deadbeef0001020304000004000200100000c8000000010100000001',
    { type: 'hello', stream: 'control', token: TOKEN, settings: { encodings: 1, maxBody: 1_048_576, credit: 1_024 } }
  ],
  [
    'a HELLO of the data stream with a setting, which is ignored',
    '0000000f0001deadbeef000102030400000400',
    { type: 'hello', stream: 'data', token: TOKEN, settings: { credit: 1_024 } }
  ]
]
