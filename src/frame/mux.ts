import type { Pairs } from './pairs.ts'

// The frames of docs/wire.md. mux-encode.ts and mux-decode.ts are between these and bytes.

/** Longest frame, without the u32 in front. */
export const MAX_FRAME = 327_680
/** Longest body within a REQUEST or ANSWER, as it is sent. */
export const MAX_INLINE_BODY = 262_144
/** Longest message of an ERROR, in bytes. */
export const MAX_ERROR_MESSAGE = 4_096

export const TYPE = {
  hello: 0,
  request: 1,
  answer: 2,
  error: 3,
  cancel: 4,
  body: 5,
  credit: 6,
  goaway: 7,
  ping: 8,
  pong: 9,
  want: 10
} as const

/** Why a server takes no more requests on a session. */
export const GOAWAY = { stop: 0, served: 1, idle: 2 } as const

/** Types from here on are ignored by who does not know them. */
export const FIRST_OPTIONAL_TYPE = 128

/** How a body is encoded: as it is, deflate-raw, zstd. */
export type Encoding = 0 | 1 | 2

export interface Hello {
  readonly type: 'hello'
  readonly stream: 'control' | 'data'
  /** 8 bytes. */
  readonly token: Uint8Array
  readonly settings: Settings
}

/** What a HELLO says of its sender; of the data stream it says nothing. */
export interface Settings {
  /** Bits: 1 deflate-raw, 2 zstd. */
  readonly encodings?: number
  /** Bytes of the largest body it accepts. */
  readonly maxBody?: number
  readonly maxRequests?: number
  /** Bytes of BODY frames it takes to begin with. */
  readonly credit?: number
}

/** What holds until the other side's HELLO is there, and for what it does not say. */
export const DEFAULT_SETTINGS: Required<Settings> = Object.freeze({
  encodings: 1,
  maxBody: 33_554_432,
  maxRequests: 128,
  credit: 0
})

/** What REQUEST and ANSWER have in common. */
export interface MessageHead {
  readonly id: number
  readonly encoding: Encoding
  /** Whether the body follows in BODY frames; otherwise it is in the frame. */
  readonly large: boolean
  /** Bytes of the body before it was encoded. */
  readonly size: number
  readonly metadata: Pairs | undefined
  /** As it is sent; empty when it is large. */
  readonly body: Uint8Array
}

export interface Request extends MessageHead {
  readonly type: 'request'
  /** Milliseconds; 0 is no bound. */
  readonly timeout: number
}

export interface Answer extends MessageHead {
  readonly type: 'answer'
}

export interface Failure {
  readonly type: 'error'
  readonly id: number
  readonly retryable: boolean
  readonly notProcessed: boolean
  /** Milliseconds; 0 when nothing is known. */
  readonly retryAfter: number
  readonly code: string
  readonly message: string
  readonly details: Pairs | undefined
}

export interface Body {
  readonly type: 'body'
  readonly id: number
  readonly last: boolean
  readonly bytes: Uint8Array
}

export type MuxFrame =
  | Hello
  | Request
  | Answer
  | Failure
  | Body
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'credit'; readonly bytes: number }
  | { readonly type: 'goaway'; readonly reason: number }
  | { readonly type: 'ping' | 'pong'; readonly bytes: Uint8Array }
  | { readonly type: 'want' }
