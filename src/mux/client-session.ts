import type { Compressed, Compressor } from '../compression/compressor.ts'
import type { Conn } from '../conn/conn.ts'
import { toPointSubError } from '../conn/stream-errors.ts'
import type { Cancellation } from '../core/cancellation.ts'
import { type ErrorCode, PointSubError } from '../core/errors.ts'
import type { ClientSettings } from '../core/options.ts'
import { GOAWAY, type MuxFrame } from '../frame/mux.ts'
import { algorithmsOf, createCompressor, READABLE, tryDecode } from './bodies.ts'
import { Channel, type Message, newToken, type Receipt } from './channel.ts'
import { ClientCall, type MuxRequest } from './client-call.ts'
import { DataOpener } from './data-opener.ts'
import { Plane, UNHELD } from './plane.ts'
import { refusedBy, tooLarge } from './refusals.ts'
import { errorOf } from './remote-error.ts'

/** How long a peer may take to end a session that is not needed any more, in ms. */
const LINGER = 1_000

/** Requests of one session: ids must not come round again. */
const MOST_REQUESTS = 2 ** 31

export interface ClientSessionInit {
  readonly options: ClientSettings
  /** Without the suffix of the wire, as errors name it. */
  readonly protocol: string
  /** Opens the data stream. */
  openData(): Promise<Conn>
  /** Called once when the session takes no more requests. */
  onClosed(): void
}

/** The asking side of a session: many requests in flight to one peer and protocol. */
export class ClientSession {
  readonly conn: Conn
  readonly wire = 'mux'
  readonly createdAt: number = performance.now()
  readonly #init: ClientSessionInit
  readonly #channel: Channel
  readonly #compressor: Compressor
  readonly #calls = new Map<number, ClientCall>()
  /** In the order they came: there are as many in flight as the peer takes. */
  readonly #waiting = new Set<ClientCall>()
  /** Calls that have not ended, whatever they wait for. */
  #open = 0
  #lastId = 0
  /** Why it takes no more requests. */
  #closed: PointSubError | undefined
  readonly #dataOpener: DataOpener
  /** Whether the peer ended it for having served its share of requests, at least one of this side among them. */
  isServed = false
  /** Requests answered. */
  requests = 0
  lastActive: number = this.createdAt

  constructor(conn: Conn, init: ClientSessionInit) {
    const { options } = init
    this.conn = conn
    this.#init = init
    this.#compressor = createCompressor(options)
    this.#dataOpener = new DataOpener(
      () => init.openData(),
      error => {
        // Without a data stream there are small messages still.
        for (const call of this.#calls.values()) if (call.isLarge) this.#fail(call, this.#asPointSubError(error))
      }
    )
    const settings = { encodings: READABLE, maxBody: options.maxBlockSize }
    this.#channel = new Channel(new Plane(conn, UNHELD), newToken(), settings, {
      onMessage: (message, body) => this.#decode(this.#answered(message), message, body),
      onLarge: message => this.#onLarge(message),
      onFrame: frame => this.#onFrame(frame),
      onHello: ({ encodings }) => {
        this.#compressor.peerReads(algorithmsOf(encodings))
        this.#dataOpener.start(this.#channel)
        this.#startWaiting()
      },
      onBatch: () => {},
      onFin: () => this.#onFin(),
      onFailure: error => this.#failAll(error, error)
    })
  }

  /** Whether it takes requests. */
  get isOpen(): boolean {
    return this.#closed === undefined
  }

  get isIdle(): boolean {
    return this.isOpen && this.#open === 0
  }

  /**
   * Sends a request and resolves to its answer.
   *
   * @throws PointSubError with `sent`; whatever ended the call leaves the session as it is
   */
  request(request: MuxRequest, cancellation: Cancellation): Promise<Uint8Array> {
    const refusal = cancellation.reason ?? this.#closed
    if (refusal !== undefined) return Promise.reject(refusal.with({ sent: false }))
    this.lastActive = performance.now()
    const onCancel = (reason: PointSubError): void => this.#cancel(call, reason)
    const call: ClientCall = new ClientCall(request, cancellation, this.lastActive, onCancel)
    this.#open += 1
    const compressed = this.#compressor.compress(request.body)
    if (compressed instanceof Promise) void compressed.then(result => this.#enqueue(call, result))
    else this.#enqueue(call, compressed)
    return call.promise
  }

  /** Takes no more requests, and ends when those it has are answered. */
  retire(): void {
    this.#close(this.#error('ERR_STREAM_CLOSED', 'a call to another peer needs the place of this stream'))
    this.#endWhenDone()
  }

  /** Ends the session politely when nothing is under way, at once otherwise; resolves when it is gone. */
  async close(reason: PointSubError): Promise<void> {
    if (this.#open > 0) this.#channel.fail(reason)
    else this.#end(reason)
    await Promise.all([this.conn.closed, this.#channel.data?.conn.closed])
  }

  /** Looks for calls, and for a peer, that take too long. */
  sweep(now: number): void {
    const { readTimeout, writeTimeout } = this.#init.options
    for (const call of this.#calls.values()) {
      const overdue = call.overdue(now, { readTimeout, writeTimeout }, this.#channel.sender.lastTaken)
      if (overdue !== undefined) this.#cancel(call, this.#error('ERR_TIMEOUT', `the peer took longer to ${overdue}`))
      else if (call.isAlone(this.#channel, now, readTimeout / 2)) this.#channel.ping(now)
    }
    this.#channel.checkPeer(now, readTimeout)
    // The server, which asks for it once, waits for one that could not be opened.
    if (this.#open > 0) this.#dataOpener.start(this.#channel)
  }

  #enqueue(call: ClientCall, compressed: Compressed | undefined): void {
    if (call.settled) return
    call.compressed = compressed
    const refusal = this.#closed ?? refusedBy(this.#channel, call.request.body.byteLength)
    if (refusal !== undefined) this.#fail(call, refusal)
    else if (this.#waiting.size === 0 && this.#hasPlace) this.#start(call)
    else this.#waiting.add(call)
  }

  get #hasPlace(): boolean {
    return this.#calls.size < this.#channel.maxRequests
  }

  #startWaiting(): void {
    if (this.#closed !== undefined) return
    for (const call of this.#waiting) {
      if (!this.#hasPlace) return
      this.#waiting.delete(call)
      this.#start(call)
    }
  }

  #start(call: ClientCall): void {
    const { control, sender } = this.#channel
    this.#lastId += 1
    if (this.#lastId === MOST_REQUESTS) this.#close(this.#error('ERR_STREAM_CLOSED', 'the session has no more ids'))
    this.#calls.set(this.#lastId, call)
    call.start(
      this.#lastId,
      small => control.send(small),
      large => {
        sender.add(large)
        this.#dataOpener.need(this.#channel)
      }
    )
  }

  #cancel(call: ClientCall, reason: PointSubError): void {
    if (call.settled) return
    call.withdrawFrom(this.#channel.control)
    const plane = call.isLarge ? this.#channel.data : this.#channel.control
    if (call.sent) plane?.sendFrame({ type: 'cancel', id: call.id })
    if (call.sent && call.isAlone(this.#channel)) this.#channel.ping(performance.now())
    this.#fail(call, reason)
  }

  #decode(call: ClientCall | undefined, message: Message, body: Uint8Array): void {
    if (call === undefined) return
    const decoded = tryDecode(message, body)
    if (decoded instanceof Promise) void decoded.then(result => this.#settle(call, message, result))
    else this.#settle(call, message, decoded)
  }

  #onLarge(message: Message): Receipt | undefined {
    const call = this.#answered(message)
    if (call === undefined) return undefined
    return {
      onGrowth: () => call.touch(),
      onEnd: result => {
        if (result instanceof PointSubError) this.#settle(call, message, result)
        else this.#decode(call, message, result)
      }
    }
  }

  /** The call that an answer is for, if somebody still waits for it and it can be taken. */
  #answered(message: Message): ClientCall | undefined {
    const { type, id, size } = message
    if (type !== 'answer' || id > this.#lastId) throw this.#error('ERR_INVALID_FRAME', 'the peer answered no request')
    const call = this.#calls.get(id)
    // Each answer may cost a decompression.
    if (call?.isAnswered === true) throw this.#error('ERR_INVALID_FRAME', 'the peer answered a request twice')
    if (call === undefined) return undefined
    call.isAnswered = true
    const { maxBlockSize } = this.#init.options
    if (size <= maxBlockSize) return call
    this.#cancel(call, tooLarge('an answer', size, maxBlockSize))
    return undefined
  }

  #settle(call: ClientCall, { metadata }: Message, result: Uint8Array | PointSubError): void {
    if (call.settled) return
    if (result instanceof PointSubError) return this.#fail(call, result)
    this.requests += 1
    this.#remove(call)
    call.resolve(result, metadata)
  }

  #onFrame(frame: MuxFrame): void {
    if (frame.type === 'error') {
      const call = this.#calls.get(frame.id)
      if (call !== undefined) this.#fail(call, errorOf(frame, this.#names))
    } else if (frame.type === 'goaway') {
      this.isServed = frame.reason === GOAWAY.served
      // What it has taken it answers; what has not left yet it would refuse.
      const reason = this.#error('ERR_STREAM_CLOSED', 'the peer takes no more requests on this stream')
      this.#close(reason)
      for (const call of this.#calls.values()) if (!call.sent) this.#cancel(call, reason)
      this.#endWhenDone()
    } else if (frame.type === 'want') this.#dataOpener.need(this.#channel)
    else throw this.#error('ERR_INVALID_FRAME', `the peer sent a frame of the type ${frame.type} to a client`)
  }

  #onFin(): void {
    const reason = this.#error('ERR_STREAM_CLOSED', 'the peer ended the stream')
    this.#failAll(reason, this.#error('ERR_NO_RESPONSE', 'the peer ended the stream without an answer'))
    this.#end(reason)
  }

  /** @param unsent why requests that wait are not sent; `error` why those in flight are not answered */
  #failAll(unsent: PointSubError, error: PointSubError): void {
    this.#close(unsent)
    for (const call of this.#calls.values()) this.#fail(call, error)
  }

  #close(reason: PointSubError): void {
    if (this.#closed !== undefined) return
    this.#closed = reason
    for (const call of this.#waiting) this.#fail(call, reason)
    this.#init.onClosed()
  }

  /** Ends the streams; there are no calls any more. */
  #end(reason: PointSubError): void {
    this.#close(reason)
    if (this.#channel.hasFailed) return
    this.#channel.end(LINGER).catch((error: unknown) => this.#channel.fail(this.#asPointSubError(error)))
  }

  #endWhenDone(): void {
    if (this.#open > 0 || this.#closed === undefined) return
    if (this.requests === 0) this.isServed = false
    this.#end(this.#closed)
  }

  #fail(call: ClientCall, error: PointSubError): void {
    this.#channel.forget(call.id)
    if (call.isLarge) this.#channel.sender.remove(call.id)
    call.reject(error.with({ ...this.#names, sent: call.sent }))
    this.#remove(call)
  }

  /** The call has ended. */
  #remove(call: ClientCall): void {
    this.#calls.delete(call.id)
    this.#waiting.delete(call)
    this.#open -= 1
    this.lastActive = performance.now()
    if (this.#waiting.size > 0) this.#startWaiting()
    this.#endWhenDone()
  }

  get #names(): { peer: string; protocol: string } {
    return { peer: this.conn.remotePeer.toString(), protocol: this.#init.protocol }
  }

  #asPointSubError(cause: unknown): PointSubError {
    return toPointSubError(cause, 'ERR_STREAM_RESET', 'the stream failed', this.#names)
  }

  #error(code: ErrorCode, message: string): PointSubError {
    return new PointSubError(code, message, this.#names)
  }
}
