import type { Conn } from '../conn/conn.ts'
import { toPointSubError } from '../conn/stream-errors.ts'
import { type ErrorCode, PointSubError } from '../core/errors.ts'
import type { MemoryBudget, MemoryHolder, MemoryShare } from '../core/memory-budget.ts'
import type { ServerSettings } from '../core/options.ts'
import { GOAWAY, type Hello, MAX_FRAME, type MuxFrame } from '../frame/mux.ts'
import { algorithmsOf, createCompressor, READABLE } from './bodies.ts'
import { Channel } from './channel.ts'
import type { Plane } from './plane.ts'
import { ProgressWatch } from './progress-watch.ts'
import { outOfMemory, serverClosed } from './refusals.ts'
import type { ServerCall } from './server-call.ts'
import { ServerCalls } from './server-calls.ts'

/** How long a client may take to end a session that takes no more requests, in ms. */
const PATIENCE = 1_000
/** How long it may take to read the last answers, in ms. */
const LINGER = 10_000
/** Bytes that a frame in the middle of its way takes, and those behind it. */
const SPARE = 2 * MAX_FRAME
/** How a session may end between two requests without anything being wrong. */
const ENDS: ReadonlySet<string> = new Set<ErrorCode>(['ERR_CONNECTION_LOST', 'ERR_STREAM_RESET', 'ERR_STREAM_CLOSED'])

export interface ServerSessionInit {
  readonly options: ServerSettings
  readonly budget: MemoryBudget
  /** Without the suffix of the wire. */
  readonly protocol: string
  /** Why no more requests can be taken on, over all sessions. */
  refusal(): PointSubError | undefined
  /** Has a request handled: the call's answer() or fail(), and its handled(), are to follow. */
  onRequest(call: ServerCall, body: Uint8Array): void
  /** The session, or one of its calls, failed for another reason than its handler. */
  onFailure(error: PointSubError): void
}

/** The answering side of a session: many requests handled at once, answered as they are done. */
export class ServerSession implements MemoryHolder {
  readonly conn: Conn
  readonly token: Uint8Array
  readonly createdAt: number = performance.now()
  readonly #init: ServerSessionInit
  readonly #channel: Channel
  readonly #calls: ServerCalls
  readonly #share: MemoryShare
  #goingAway = false
  /** Whether the client will send no more requests. */
  #isFinReceived = false
  /** Whether this side has ended, or is ending, its streams. */
  #isOver = false
  readonly #controlWatch = new ProgressWatch()
  readonly #dataWatch = new ProgressWatch()
  lastActive: number = this.createdAt

  /** @param hello the first frame of `control` */
  constructor(control: Plane, hello: Hello, init: ServerSessionInit) {
    const { options, budget } = init
    this.conn = control.conn
    this.token = hello.token
    this.#init = init
    this.#share = budget.open(this.#names.peer, this)
    const compressor = createCompressor(options)
    const settings = {
      encodings: READABLE,
      maxBody: options.maxBlockSize,
      maxRequests: options.maxConcurrentRequestsPerConn
    }
    this.#channel = new Channel(control, hello.token, settings, {
      onMessage: (message, body) => this.#calls.onMessage(message, body),
      onLarge: message => this.#calls.onLarge(message),
      onFrame: frame => this.#onFrame(frame),
      onHello: ({ encodings }) => compressor.peerReads(algorithmsOf(encodings)),
      onBatch: () => this.#account(),
      onFin: () => this.#onFin(),
      onFailure: error => this.#onFailure(error)
    })
    this.#calls = new ServerCalls({
      options,
      budget,
      channel: this.#channel,
      compressor,
      names: this.#names,
      refusal: () => this.#refusal(),
      hasRoomFor: bytes => this.#hasRoomFor(bytes),
      onRequest: (call, body) => init.onRequest(call, body),
      onFailure: error => init.onFailure(error),
      onChange: () => this.#onChange()
    })
    this.#channel.greet(hello.settings)
    void this.conn.closed.then(() => this.#onClosed())
  }

  /** Requests answered. */
  get requests(): number {
    return this.#calls.answered
  }

  get isIdle(): boolean {
    return this.#calls.isIdle && !this.#isOver
  }

  /** A handler keeps its request, whatever becomes of the session. */
  get bytesKept(): number {
    return this.#calls.bytes
  }

  /** Takes the data stream on, whose HELLO has been read; whether there was none yet. */
  addData(plane: Plane): boolean {
    if (this.#channel.data !== undefined || this.#isOver) return false
    this.#channel.addData(plane, true)
    return true
  }

  /** Takes no more requests, answers those it has, then ends the session. */
  stop(): void {
    this.#goAway('stop')
  }

  /** Ends the session now; callers are told why. */
  kill(reason: PointSubError): void {
    if (!this.#isOver) this.#calls.refuseAll(serverClosed('the server ended the request'))
    this.#channel.fail(reason)
  }

  shed(reason: PointSubError): void {
    this.#channel.fail(reason.with(this.#names))
  }

  sweep(now: number): void {
    const { idleTimeout, readTimeout, writeTimeout } = this.#init.options
    const { control, data, sender } = this.#channel
    const waited = now - this.lastActive
    const controlWaits = this.#controlWatch.look(now, control.bytesQueued > 0, control.bytesTaken)
    const dataWaits = this.#dataWatch.look(now, !sender.isEmpty, data?.bytesTaken ?? 0)
    if ([control, data].some(plane => plane?.isStuck(now, readTimeout))) this.#timeOut('readTimeout', readTimeout)
    else if (Math.max(controlWaits, dataWaits) > writeTimeout) this.#timeOut('writeTimeout', writeTimeout)
    else if (this.#goingAway && this.#calls.isDone && waited > PATIENCE) this.#end()
    else if (this.isIdle && waited > idleTimeout) this.#goAway('idle')
    this.#calls.sweep(now)
    this.#account()
  }

  #refusal(): PointSubError | undefined {
    if (this.#goingAway) return serverClosed('the server takes no more requests')
    if (!this.#hasRoomFor(0)) return outOfMemory('a request')
    return this.#init.refusal()
  }

  /** With some to spare for frames that come: what is above the bound costs the session, and all of its requests. */
  #hasRoomFor(bytes: number): boolean {
    const { maxMemoryUsage, maxMemoryUsagePerPeer } = this.#init.options
    return this.#share.hasRoomFor(bytes + Math.min(SPARE, Math.min(maxMemoryUsage, maxMemoryUsagePerPeer) / 4))
  }

  #onFrame(frame: MuxFrame): void {
    if (frame.type === 'cancel') this.#calls.cancel(frame.id)
    else throw this.#error('ERR_INVALID_FRAME', `the peer sent a frame of the type ${frame.type} to a server`)
  }

  #onChange(): void {
    this.lastActive = performance.now()
    this.#account()
    if (this.#calls.accepted >= this.#init.options.maxRequestsPerConn) this.#goAway('served')
    if (this.#calls.isDone && this.#isFinReceived) this.#end()
  }

  #goAway(why: keyof typeof GOAWAY): void {
    if (this.#goingAway || this.#isOver) return
    this.#goingAway = true
    this.lastActive = performance.now()
    this.#channel.control.sendFrame({ type: 'goaway', reason: GOAWAY[why] })
  }

  #onFin(): void {
    this.#isFinReceived = true
    if (this.#calls.isDone) this.#end()
  }

  /** Every answer is on its way. */
  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#channel.end(LINGER).catch((error: unknown) => this.#init.onFailure(this.#asPointSubError(error)))
  }

  #onFailure(error: PointSubError): void {
    this.#isOver = true
    const isExpected = this.#calls.isDone && ENDS.has(error.code)
    this.#calls.abortAll(error)
    // A session that goes away between two requests is an end like a FIN.
    if (!isExpected) this.#init.onFailure(error.with(this.#names))
  }

  #onClosed(): void {
    this.#channel.fail(this.#error('ERR_STREAM_CLOSED', 'the session is over'))
    this.#account()
  }

  /** Tells how many bytes the session holds; handlers may have some longer than it lasts. */
  #account(): void {
    const { bytesHeld, bytesQueued, hasFailed } = this.#channel
    if (!hasFailed) this.#share.set(bytesHeld + bytesQueued + this.#calls.bytes)
    else if (this.#calls.isIdle) this.#share.close()
    else this.#share.set(this.#calls.bytes)
  }

  #timeOut(option: string, limit: number): void {
    this.#channel.fail(this.#error('ERR_TIMEOUT', `the peer took longer than ${option}, ${limit} ms`))
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
