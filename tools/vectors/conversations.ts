import type { MuxFrame } from '../../src/frame/mux.ts'
import { TOKEN } from './frames.ts'
import { pattern } from './json.ts'

export type Side = 'client' | 'server'
export type StreamName = 'control' | 'data'
export type Step = readonly [Side, StreamName, MuxFrame]

export interface Conversation {
  readonly name: string
  readonly steps: readonly Step[]
}

const NONE = new Uint8Array(0)
const PLAIN = { encoding: 0, large: false, metadata: undefined } as const
const LARGE = { encoding: 0, large: true, metadata: undefined, body: NONE } as const
/** Little, so that it runs out in a few frames. */
const CREDIT = 100

const text = (content: string): { size: number; body: Uint8Array } => {
  const body = new TextEncoder().encode(content)
  return { size: body.byteLength, body }
}

const hello = (from: Side, stream: StreamName): Step => [
  from,
  stream,
  {
    type: 'hello',
    stream,
    token: TOKEN,
    settings:
      stream === 'data'
        ? {}
        : { encodings: 1, maxBody: 1_048_576, ...(from === 'server' && { maxRequests: 2 }), credit: CREDIT }
  }
]
const request = (id: number, content: string, metadata?: Record<string, string>): Step => [
  'client',
  'control',
  { type: 'request', id, timeout: 0, ...PLAIN, ...text(content), metadata }
]
const answer = (id: number, content: string, metadata?: Record<string, string>): Step => [
  'server',
  'control',
  { type: 'answer', id, ...PLAIN, ...text(content), metadata }
]
const failure = (id: number, code: string, message: string, retryable: boolean, notProcessed: boolean): Step => [
  'server',
  'control',
  { type: 'error', id, code, message, retryable, notProcessed, retryAfter: 0, details: undefined }
]
const body = (from: Side, id: number, start: number, end: number, last: boolean): Step => [
  from,
  'data',
  { type: 'body', id, last, bytes: pattern(end).subarray(start) }
]
const credit = (from: Side, bytes: number): Step => [from, 'control', { type: 'credit', bytes }]

/** Whole sessions, frame by frame, in an order in which they can be seen between the two sides. */
export const CONVERSATIONS: readonly Conversation[] = [
  {
    name: 'two requests that go with the HELLO, and are answered in another order',
    steps: [
      hello('client', 'control'),
      request(1, 'slow', { tenant: 'a' }),
      request(2, 'fast'),
      hello('server', 'control'),
      answer(2, 'FAST'),
      answer(1, 'SLOW', { took: '12' })
    ]
  },
  {
    name: 'a large request, whose credit runs out and comes back, and its large answer',
    steps: [
      hello('client', 'control'),
      hello('server', 'control'),
      hello('client', 'data'),
      ['client', 'data', { type: 'request', id: 1, timeout: 5_000, size: 150, ...LARGE }],
      hello('server', 'data'),
      body('client', 1, 0, 60, false),
      body('client', 1, 60, CREDIT, false),
      credit('server', 60),
      body('client', 1, CREDIT, 150, true),
      credit('server', 90),
      ['server', 'data', { type: 'answer', id: 1, size: 80, ...LARGE }],
      body('server', 1, 0, 80, true),
      credit('client', 80)
    ]
  },
  {
    name: 'a small request with a large answer: the server asks for the data stream',
    steps: [
      hello('client', 'control'),
      request(1, 'all of it, please'),
      hello('server', 'control'),
      ['server', 'control', { type: 'want' }],
      hello('client', 'data'),
      hello('server', 'data'),
      ['server', 'data', { type: 'answer', id: 1, size: 3, ...LARGE }],
      body('server', 1, 0, 3, false),
      body('server', 1, 3, 3, true)
    ]
  },
  {
    name: 'a request that is cancelled, one that fails, one too many, and a ping between them',
    steps: [
      hello('client', 'control'),
      hello('server', 'control'),
      request(1, 'never mind'),
      request(2, 'fail'),
      request(3, 'one too many'),
      failure(3, 'ERR_OVERLOADED', 'two are enough', true, true),
      ['client', 'control', { type: 'cancel', id: 1 }],
      ['client', 'control', { type: 'ping', bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7) }],
      ['server', 'control', { type: 'pong', bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7) }],
      failure(2, 'ERR_REMOTE', 'the handler failed', false, false)
    ]
  },
  {
    name: 'a large request that is refused, whose body is thrown away, and credit given back for it',
    steps: [
      hello('client', 'control'),
      hello('server', 'control'),
      hello('client', 'data'),
      ['client', 'data', { type: 'request', id: 1, timeout: 0, size: 2_000_000, ...LARGE }],
      hello('server', 'data'),
      body('client', 1, 0, 70, false),
      failure(1, 'ERR_MESSAGE_TOO_LARGE', '2000000 bytes, and 1048576 are accepted', false, true),
      credit('server', 70),
      request(2, 'still here'),
      answer(2, 'STILL HERE')
    ]
  },
  {
    name: 'a server that goes away, and a request that crosses its GOAWAY',
    steps: [
      hello('client', 'control'),
      hello('server', 'control'),
      request(1, 'in time'),
      ['server', 'control', { type: 'goaway', reason: 0 }],
      request(2, 'too late'),
      failure(2, 'ERR_SERVER_CLOSED', 'the server takes no more requests', true, true),
      answer(1, 'IN TIME')
    ]
  }
]
