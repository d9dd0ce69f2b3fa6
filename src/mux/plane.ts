import { Uint8ArrayList } from 'uint8arraylist'
import type { Conn } from '../conn/conn.ts'
import { concat } from '../core/bytes.ts'
import { messageOf, PointSubError } from '../core/errors.ts'
import { protocolOf } from '../core/wire.ts'
import { MAX_FRAME, type MuxFrame } from '../frame/mux.ts'
import { decodeMuxFrame } from '../frame/mux-decode.ts'
import { encodeMuxFrame, type HeadFields, messageHead, wholeMessage } from '../frame/mux-encode.ts'
import { FrameDecoder } from '../frame/plain.ts'

/** Up to this many bytes leave as one buffer, more as a list of them. */
const COPY_LIMIT = 64 * 1024
/** Bytes given away at once, so that what waits can still be taken back. */
const BATCH_LIMIT = 256 * 1024
/** Bytes that wait to leave at which nothing more is read: the peer has to take its answers first. */
const HIGH_WATER = 1024 * 1024
/** For a client, which always reads: a server may take no more requests before its answers have been taken. */
export const UNHELD: number = Number.POSITIVE_INFINITY
/** Microtasks that a batch waits for others of the same tick, as long as they come. */
const HOPS = 4
/** Up to this many bytes a body is copied behind its head. */
export const SMALL: number = 4 * 1024
/** First buffer of a frame that comes in pieces: one that this side would send of a large message fits. */
const FIRST_BUFFER = 33 * 1024

/** Bytes on their way to a peer. */
export interface Outgoing {
  /** Whole frames, or the first part of one. */
  readonly head: Uint8Array
  /** What follows the head. */
  readonly body: Uint8Array | undefined
  /** Whether libp2p has it: from then on it may arrive. */
  given: boolean
}

export interface PlaneEvents {
  onFrame(frame: MuxFrame): void
  /** All frames that came together have been told. */
  onBatch?(): void
  /** Nothing waits any more. */
  onDrain?(): void
  /** Nothing more will come: undefined after the peer's FIN. A frame that broke a rule is told so, too. */
  onEnd(error: PointSubError | undefined): void
}

/** One stream of a session as frames in both directions; those that are sent in one tick leave together. */
export class Plane {
  readonly conn: Conn
  readonly #highWater: number
  readonly #decoder = new FrameDecoder(MAX_FRAME, FIRST_BUFFER)
  #events: PlaneEvents | undefined
  #queue: Outgoing[] = []
  #queued = 0
  /** Whether what was given last has not been taken yet. */
  #giving = false
  #scheduled = false
  /** Whether frames are being read: what is sent meanwhile leaves behind the last of them. */
  #corked = false
  #held = false
  #readEnded = false
  /** When something last came, on performance.now()'s clock. */
  lastReceived: number = performance.now()

  /**
   * @param highWater bytes that wait to leave at which nothing more is read. Only one side of a session may have that, or
   * each could wait for the other to read.
   */
  constructor(conn: Conn, highWater: number = HIGH_WATER) {
    this.conn = conn
    this.#highWater = highWater
  }

  /** Who gets the frames from now on; none come before that. */
  hand(events: PlaneEvents): void {
    const isFirst = this.#events === undefined
    this.#events = events
    if (!isFirst) return
    this.conn.consume({ onData: chunk => this.#onData(chunk), onEnd: error => this.#onEnd(error) })
    // Not at once: what has come by now, or that the stream has ended, is for somebody who is not there yet.
    queueMicrotask(() => this.conn.flow())
  }

  /** Bytes that have come, and are no whole frame yet or were not read. */
  get bytesHeld(): number {
    return this.#decoder.bytesHeld + this.conn.bytesBuffered
  }

  /** Bytes that wait to leave. */
  get bytesQueued(): number {
    return this.#queued + this.conn.bytesUnsent
  }

  /** Bytes that the peer has made room for so far. */
  get bytesTaken(): number {
    return this.conn.bytesWritten - this.conn.bytesUnsent
  }

  /** Whether nothing waits on this side of libp2p. */
  get isDrained(): boolean {
    return this.#queue.length === 0 && !this.#giving
  }

  /** Whether the rest of a frame has not come for so many milliseconds. */
  isStuck(now: number, ms: number): boolean {
    return !this.#held && this.#decoder.inFrame && now - this.lastReceived > ms
  }

  send(outgoing: Outgoing): void {
    this.#queue.push(outgoing)
    this.#queued += sizeOf(outgoing)
    if (this.#corked || this.#giving || this.#scheduled) return
    this.#scheduled = true
    const hop = (hops: number, before: number): void => {
      queueMicrotask(() => {
        if (this.#queue.length > before && hops < HOPS) hop(hops + 1, this.#queue.length)
        else this.#flush()
      })
    }
    hop(1, this.#queue.length)
  }

  sendFrame(frame: MuxFrame): void {
    this.send(wholeFrame(frame))
  }

  /** Takes back what has not left, and lets go of it. */
  withdraw(outgoing: Outgoing): void {
    if (outgoing.given || !this.#queue.includes(outgoing)) return
    this.#queue = this.#queue.filter(each => each !== outgoing)
    this.#queued -= sizeOf(outgoing)
  }

  /** Sends what waits, and ends this side; resolves when libp2p has taken it. */
  async end(linger: number): Promise<void> {
    this.#give(Number.POSITIVE_INFINITY)
    await this.conn.close({ linger })
  }

  /** Gives everything up. A server tries to send what waits, for it may say why; a client's requests have not been sent then. */
  reset(reason: PointSubError): void {
    this.#readEnded = true
    if (this.#highWater !== UNHELD) this.#give(BATCH_LIMIT)
    this.#queue = []
    this.#queued = 0
    this.#decoder.clear()
    this.conn.reset(reason)
  }

  #onData(chunk: Uint8Array): boolean {
    this.lastReceived = performance.now()
    this.#decoder.push(chunk)
    this.#read()
    return !this.#readEnded && !this.#held
  }

  #read(): void {
    this.#corked = true
    try {
      this.#held = !this.#tell()
    } finally {
      this.#corked = false
    }
    this.#events?.onBatch?.()
    if (!this.#giving) this.#flush()
  }

  /** Tells the frames that have come; whether that is all of them, for one chunk may ask for very much. */
  #tell(): boolean {
    try {
      for (let bytes = this.#decoder.nextView(); bytes !== undefined; bytes = this.#decoder.nextView()) {
        const frame = decodeMuxFrame(bytes)
        if (frame !== undefined) this.#events?.onFrame(frame)
        if (this.#readEnded) return true
        if (this.#queued > this.#highWater) return false
      }
    } catch (cause) {
      this.#onEnd(violation(cause))
    }
    return true
  }

  #onEnd(error: PointSubError | undefined): void {
    if (this.#readEnded) return
    this.#readEnded = true
    const cut = error === undefined && this.#decoder.inFrame
    const reason = cut ? new PointSubError('ERR_UNEXPECTED_EOF', 'the stream ended in the middle of a frame') : error
    this.#events?.onEnd(reason?.ofProtocol(protocolOf(this.conn.protocol, 'mux')))
  }

  #flush(): void {
    this.#scheduled = false
    this.#give(BATCH_LIMIT)
    if (this.#held && this.#queued <= this.#highWater / 2 && !this.#readEnded) {
      this.#read()
      if (!this.#held) this.conn.flow()
    }
    if (this.isDrained) this.#events?.onDrain?.()
  }

  /** Gives libp2p the next so many bytes, or one item that has more. */
  #give(limit: number): void {
    // What cannot leave any more has not been sent, and whoever made it may say so.
    if (this.conn.writeEnded) return
    const parts: Uint8Array[] = []
    let bytes = 0
    let taken = 0
    for (const item of this.#queue) {
      if (bytes > 0 && bytes + sizeOf(item) > limit) break
      taken += 1
      this.#queued -= sizeOf(item)
      item.given = true
      bytes += sizeOf(item)
      parts.push(item.head)
      if (item.body !== undefined) parts.push(item.body)
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken)
    if (bytes === 0) return
    this.#giving = true
    this.conn.send(together(parts, bytes), () => {
      this.#giving = false
      this.#flush()
    })
  }
}

/** A message on its way, in one piece when it is small. */
export function messageFrame(type: 'request' | 'answer', fields: HeadFields, body: Uint8Array): Outgoing {
  const isSmall = body.byteLength <= SMALL
  const head = isSmall ? wholeMessage(type, fields, body) : messageHead(type, fields)
  return { head, body: isSmall ? undefined : body, given: false }
}

/** A frame on its way, encoded. */
export function wholeFrame(frame: MuxFrame): Outgoing {
  return { head: encodeMuxFrame(frame), body: undefined, given: false }
}

function sizeOf({ head, body }: Outgoing): number {
  return head.byteLength + (body?.byteLength ?? 0)
}

function together(parts: readonly Uint8Array[], bytes: number): Uint8Array | Uint8ArrayList {
  if (bytes <= COPY_LIMIT || parts.length === 1) return concat(parts, bytes)
  const list = new Uint8ArrayList()
  list.appendAll([...parts])
  return list
}

/** What a frame that cannot be read means for its session. */
function violation(cause: unknown): PointSubError {
  if (cause instanceof PointSubError && cause.code !== 'ERR_MESSAGE_TOO_LARGE') return cause
  const why = cause instanceof PointSubError ? `a frame of more than ${MAX_FRAME} bytes` : messageOf(cause)
  return new PointSubError('ERR_INVALID_FRAME', `the peer sent ${why}`, { cause })
}
