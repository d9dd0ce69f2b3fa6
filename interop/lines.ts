import type { Wire } from '../src/core/wire.ts'

export type Transport = 'tcp' | 'quic'
export type Security = 'noise' | 'tls'
/** Whose bytes the handshakes sign. */
export type Dialect = 'libp2p' | 'dep2p'

/** Everything a wire peer prints, one object a line. README.md says when and why. */
export type Line =
  | {
      event: 'info'
      name: string
      transports: Transport[]
      security: Security[]
      modes: string[]
      /** `libp2p` where it is not said. */
      dialect?: Dialect
      /** Whether it has `net-listen` and `net-dial`. */
      net?: boolean
      /** Whether it has `serve --wire` and `mux-send`. */
      mux?: boolean
      /** Whether it has `swarm`. */
      swarm?: boolean
      /** Whether it has `smts-listen` and `smts-dial`. */
      smts?: boolean
      /** Whether it keeps the basic contract alone, as a program around a real PointSub does. */
      basic?: boolean
    }
  | { event: 'ready'; id: string; addrs: string[] }
  | { event: 'stream'; protocol: string; requests: number; reason: EndReason }
  | {
      event: 'connected'
      id: string
      security: string
      muxer: string
      transport: string
    }
  | {
      event: 'answer'
      i: number
      len: number
      sha256: string
      echo: boolean
      ms: number
      body?: string
      /** On the mux wire. */
      metadata?: Record<string, string>
    }
  | ({ event: 'error'; i: number; error: string } & Partial<RemoteFailure>)
  | ({ event: 'done'; ok: number; failed: number } & Partial<Traffic> & { wire?: Wire; sessions?: number })
  | { event: 'pong'; ms: number }
  | { event: 'call'; body: string; begun: boolean; bounded?: boolean; end?: string }
  | ({ event: 'session'; protocol: string; requests: number; reason: string; pings: number } & Traffic)
  | { event: 'drained' }
  | {
      event: 'raw'
      sent: number
      sentSha256: string
      received: number
      receivedSha256: string
      text?: string
    }
  | {
      event: 'conn'
      protocol: string
      peer: string
      /** How reading ended: `eof`, `reset`, `timeout`, another error, or empty when it did not. */
      end: string
      sent: number
      sentSha256: string
      received: number
      receivedSha256: string
      text?: string
      writeError?: string
    }
  | { event: 'smts'; protocol: string; messages: number; bytes: number; end: string }
  | { event: 'vectors'; source: string; pattern: string; frames: FrameVector[] }
  | { event: 'fatal'; error: string }

/** What an ERROR of the mux wire says. */
interface RemoteFailure {
  code: string
  message: string
  retryable: boolean
  unprocessed: boolean
  retryAfter: number
  details: Record<string, string>
}

/** Bytes of frames. */
interface Traffic {
  received: number
  sent: number
}

type EndReason = 'eof' | 'idle' | 'max-requests' | 'too-large' | 'handler' | 'one' | 'full' | 'reset'
export type Event = Line['event']
export type LineOf<E extends Event> = Extract<Line, { event: E }>

/** One message as go-msgio frames it; `sha256` is that of the whole frame. */
interface FrameVector {
  size: number
  total: number
  sha256: string
  hex?: string
}

const EVENTS: Record<Event, true> = {
  info: true,
  ready: true,
  stream: true,
  connected: true,
  answer: true,
  error: true,
  done: true,
  pong: true,
  call: true,
  session: true,
  drained: true,
  raw: true,
  conn: true,
  smts: true,
  vectors: true,
  fatal: true
}

function isLine(value: unknown): value is Line {
  return (
    typeof value === 'object' &&
    value !== null &&
    'event' in value &&
    typeof value.event === 'string' &&
    Object.hasOwn(EVENTS, value.event)
  )
}

export function parseLine(text: string): Line {
  const value: unknown = JSON.parse(text)
  if (!isLine(value)) throw new Error(`a wire peer printed a line that is none of its events: ${text}`)
  return value
}

export function isEvent<E extends Event>(line: Line, event: E): line is LineOf<E> {
  return line.event === event
}
