import type { Compressed, Compressor } from '../compression/compressor.ts'
import { type ErrorCode, PointSubError } from '../core/errors.ts'
import type { MemoryBudget } from '../core/memory-budget.ts'
import type { ServerSettings } from '../core/options.ts'
import { MAX_INLINE_BODY } from '../frame/mux.ts'
import { type HeadFields, messageHead } from '../frame/mux-encode.ts'
import { encodingOf, tryDecode } from './bodies.ts'
import type { Transfer } from './body-sender.ts'
import { BodyShare } from './body-share.ts'
import type { Channel, Message, Receipt } from './channel.ts'
import { Deadlines } from './deadlines.ts'
import { IncomingBody, missingBytes } from './incoming-body.ts'
import { messageFrame, SMALL } from './plane.ts'
import { bodyTimeout, outOfMemory, overloaded, tooLarge } from './refusals.ts'
import { type FailureInit, failureOf } from './remote-error.ts'
import { ServerCall } from './server-call.ts'

export interface ServerCallsInit {
  readonly options: ServerSettings
  readonly budget: MemoryBudget
  readonly channel: Channel
  readonly compressor: Compressor
  /** The names of peer and protocol, for errors. */
  readonly names: { readonly peer: string; readonly protocol: string }
  /** Why no more requests can be taken on, if that is so. */
  refusal(): PointSubError | undefined
  /** Whether the session may hold so many bytes more. */
  hasRoomFor(bytes: number): boolean
  /** Has a request handled: the call's answer() or fail(), and its handled(), are to follow. */
  onRequest(call: ServerCall, body: Uint8Array): void
  /** A call was ended here for another reason than its handler. */
  onFailure(error: PointSubError): void
  /** A call has come or gone, or what they hold has changed. */
  onChange(): void
}

/** The requests of one session that have not been answered. */
export class ServerCalls {
  readonly #init: ServerCallsInit
  readonly #calls = new Map<number, ServerCall>()
  readonly #incoming = new Map<number, IncomingBody>()
  readonly #deadlines = new Deadlines<ServerCall>(call => this.#onDeadline(call))
  /** Calls that ended before what works on them did: a handler, or threads with their bodies. They hold those. */
  #abandoned = 0
  /** Bytes of requests that handlers have, or are about to. */
  bytes = 0
  /** Requests taken on, and answers given, so far. */
  accepted = 0
  answered = 0

  constructor(init: ServerCallsInit) {
    this.#init = init
  }

  /** Whether nothing is under way, not even a handler. */
  get isIdle(): boolean {
    return this.#calls.size + this.#abandoned === 0
  }

  /** Whether no answer is owed. */
  get isDone(): boolean {
    return this.#calls.size === 0
  }

  onMessage(message: Message, body: Uint8Array): void {
    const call = this.#admit(message)
    if (call !== undefined) this.#decode(call, message, body)
  }

  onLarge(message: Message): Receipt | undefined {
    const call = this.#admit(message)
    if (call === undefined) return undefined
    const incoming = new IncomingBody(message.size, this.#openShare(call, true), {
      onBody: body => {
        this.#incoming.delete(call.id)
        this.#decode(call, message, body)
      },
      onFailure: error => this.#giveUp(call, error, true)
    })
    this.#incoming.set(call.id, incoming)
    this.#watch(call)
    return incoming
  }

  /** The client needs no answer any more. */
  cancel(id: number): void {
    const call = this.#calls.get(id)
    if (call !== undefined) this.#end(call, this.#error('ERR_ABORTED', 'the caller cancelled the request'))
  }

  /** Tells the client that its requests will not be answered. */
  refuseAll(cause: PointSubError): void {
    for (const call of this.#calls.values()) this.#tell(call, cause, { notProcessed: !call.hasBegun })
  }

  /** The session is gone. */
  abortAll(reason: PointSubError): void {
    this.#deadlines.clear()
    for (const call of this.#calls.values()) this.#end(call, reason)
  }

  /** Looks for bodies that do not come on. */
  sweep(now: number): void {
    const { readTimeout } = this.#init.options
    for (const [id, { lastActive }] of this.#incoming) {
      const call = this.#calls.get(id)
      if (call !== undefined && now - lastActive > readTimeout) this.#giveUp(call, bodyTimeout(readTimeout), true)
    }
  }

  /** Takes a request on, unless it has to be refused. */
  #admit(message: Message): ServerCall | undefined {
    const { type, id, metadata, timeout = 0 } = message
    if (type !== 'request') throw this.#error('ERR_INVALID_FRAME', 'the peer sent an ANSWER to a server')
    if (this.#calls.has(id)) throw this.#error('ERR_INVALID_FRAME', `the peer sent the request ${id} twice`)
    const refusal = this.#refusalOf(message)
    if (refusal !== undefined) {
      this.#init.channel.control.sendFrame(failureOf(id, refusal, { notProcessed: true }))
      this.#init.onChange()
      return undefined
    }
    this.accepted += 1
    const call: ServerCall = new ServerCall(id, metadata, timeout, {
      answer: (body, pairs) => this.#answer(call, body, pairs),
      fail: (cause, init) => this.#fail(call, cause, init),
      handled: () => this.#onHandled(call)
    })
    this.#calls.set(id, call)
    this.#init.onChange()
    return call
  }

  #refusalOf({ size, large }: Message): PointSubError | undefined {
    const { maxBlockSize, maxConcurrentRequestsPerConn } = this.#init.options
    if (size > maxBlockSize) return tooLarge('a request', size, maxBlockSize)
    if (this.#calls.size + this.#abandoned >= maxConcurrentRequestsPerConn)
      return overloaded('too many requests are in flight on one stream')
    // Fewer at a time get through; of more than there is memory for, each might cost another one all that has come.
    if (large && !this.#init.hasRoomFor(missingBytes(this.#incoming.values()) + size)) return outOfMemory('a request')
    return this.#init.refusal()
  }

  #decode(call: ServerCall, message: Message, body: Uint8Array): void {
    const bytes = message.encoding === 0 ? body.byteLength : body.byteLength + message.size
    // One request is refused before its session, with all the others, would have to go.
    if (!this.#init.hasRoomFor(bytes)) return this.#giveUp(call, outOfMemory('a request'), true)
    this.#hold(call, bytes)
    if (call.aborted !== undefined) return
    const decoded = tryDecode(message, body)
    if (decoded instanceof Promise) void this.#whenCoded(call, decoded, result => this.#handle(call, result))
    else this.#handle(call, decoded)
  }

  /** Until threads are done with its body a call has its place and its bytes, whether anybody still wants it or not. */
  async #whenCoded<T>(call: ServerCall, coding: Promise<T>, next: (result: T) => void): Promise<void> {
    call.isCoding = true
    const result = await coding
    call.isCoding = false
    if (call.aborted === undefined) next(result)
    else this.#onHandled(call)
  }

  #handle(call: ServerCall, request: Uint8Array | PointSubError): void {
    if (request instanceof PointSubError) return this.#giveUp(call, request, true)
    this.#hold(call, request.byteLength)
    if (call.aborted !== undefined) return
    call.begin()
    this.#init.onRequest(call, request)
    this.#watch(call)
  }

  /** Ends the call when its time is over; most are answered before anybody has to look. */
  #watch(call: ServerCall): void {
    if (this.#calls.get(call.id) !== call || call.deadline === Number.POSITIVE_INFINITY) return
    this.#deadlines.add(call, call.deadline)
  }

  #answer(call: ServerCall, body: Uint8Array, metadata: Uint8Array | undefined): void {
    const most = Math.min(this.#init.options.maxBlockSize, this.#init.channel.peer.maxBody)
    if (body.byteLength > most) {
      const message = `an answer of ${body.byteLength} bytes cannot be sent; ${most} are allowed`
      return this.#giveUp(call, this.#error('ERR_MESSAGE_TOO_LARGE', message), false)
    }
    // A copy, for the handler may change its own once it has returned it. A small one is copied behind its head, and the
    // copy of a large one would take too long. The slice() of a Buffer is none.
    const own = body.byteLength > SMALL && body.byteLength <= MAX_INLINE_BODY ? new Uint8Array(body) : body
    const compressed = this.#init.compressor.compress(own)
    if (!(compressed instanceof Promise)) return this.#send(call, own, metadata, compressed)
    if (!this.#init.hasRoomFor(body.byteLength)) return this.#giveUp(call, outOfMemory('an answer'), false)
    this.#hold(call, body.byteLength)
    void this.#whenCoded(call, compressed, result => {
      this.#hold(call, 0)
      this.#send(call, own, metadata, result)
    })
  }

  #send(call: ServerCall, body: Uint8Array, pairs: Uint8Array | undefined, compressed: Compressed | undefined): void {
    if (call.aborted !== undefined) return
    const bytes = compressed?.bytes ?? body
    const large = bytes.byteLength > MAX_INLINE_BODY
    const fields: HeadFields = {
      id: call.id,
      encoding: encodingOf(compressed),
      large,
      size: body.byteLength,
      pairs,
      bodyBytes: large ? 0 : bytes.byteLength
    }
    this.answered += 1
    if (large) {
      this.#sendLarge(call, messageHead('answer', fields), bytes)
      return
    }
    this.#remove(call)
    this.#init.channel.control.send(messageFrame('answer', fields, bytes))
  }

  #sendLarge(call: ServerCall, head: Uint8Array, body: Uint8Array): void {
    const { control, sender } = this.#init.channel
    // Whoever came first is let finish, or under pressure nobody would.
    if (!this.#init.hasRoomFor(body.byteLength)) return this.#giveUp(call, outOfMemory('an answer'), false)
    if (!sender.isReady) control.sendFrame({ type: 'want' })
    this.#openShare(call, false).set(body.byteLength)
    // There may not have been enough memory for it.
    if (call.aborted !== undefined) return
    const onProgress = ({ offset }: Transfer): void => {
      if (offset === body.byteLength) this.#remove(call)
    }
    sender.add({ id: call.id, head, body, offset: 0, given: false, onProgress })
    this.#init.onChange()
  }

  #openShare(call: ServerCall, notProcessed: boolean): BodyShare {
    const { budget, names } = this.#init
    call.share = new BodyShare(budget, names.peer, error => this.#giveUp(call, error, notProcessed))
    return call.share
  }

  /** The handler failed: it has the error for the caller. */
  #fail(call: ServerCall, cause: unknown, init?: FailureInit): void {
    this.#tell(call, cause, init)
    this.#remove(call)
  }

  #tell({ id }: ServerCall, cause: unknown, init?: FailureInit): void {
    this.#init.channel.control.sendFrame(failureOf(id, cause, init))
  }

  /** The call cannot be served. */
  #giveUp(call: ServerCall, error: PointSubError, notProcessed: boolean): void {
    this.#tell(call, error, { notProcessed })
    this.#end(call, error)
    this.#init.onFailure(error.with(this.#init.names))
  }

  #onDeadline(call: ServerCall): void {
    const reason = this.#error('ERR_TIMEOUT', 'the time that the caller gave the request is over')
    this.#tell(call, reason, { notProcessed: !call.hasBegun })
    this.#end(call, reason)
  }

  /** Ends a call that nobody needs the answer of. */
  #end(call: ServerCall, reason: PointSubError): void {
    const { channel } = this.#init
    channel.forget(call.id)
    channel.sender.remove(call.id)
    if (call.isHandling || call.isCoding) this.#abandoned += 1
    else this.#hold(call, 0)
    call.abort(reason)
    this.#remove(call)
  }

  #onHandled(call: ServerCall): void {
    if (call.aborted !== undefined) this.#abandoned -= 1
    this.#hold(call, 0)
    this.#init.onChange()
  }

  #remove(call: ServerCall): void {
    call.share?.close()
    this.#incoming.delete(call.id)
    this.#deadlines.delete(call)
    this.#calls.delete(call.id)
    this.#init.onChange()
  }

  /** Notes how many bytes a call holds. */
  #hold(call: ServerCall, bytes: number): void {
    if (bytes === call.bytes) return
    this.bytes += bytes - call.bytes
    call.bytes = bytes
    this.#init.onChange()
  }

  #error(code: ErrorCode, message: string): PointSubError {
    return new PointSubError(code, message, this.#init.names)
  }
}
