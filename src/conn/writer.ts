import type { Connection, Stream } from '@libp2p/interface'
import { isUint8ArrayList, Uint8ArrayList } from 'uint8arraylist'
import { Cancellation, type CancelOptions } from '../core/cancellation.ts'
import { PointSubError, textOf } from '../core/errors.ts'
import { Deadline } from './deadline.ts'
import { closedStreamError, onStreamClose } from './stream-errors.ts'

/** Up to this many bytes are copied together into one buffer; more are handed over as they are. */
const COPY_LIMIT = 64 * 1024
/** Bytes given to libp2p at once, so that a deadline can still take back the rest. */
const BATCH_LIMIT = 1024 * 1024
const NOTHING = new Uint8Array(0)

interface Entry {
  data: Uint8Array | Uint8ArrayList
  /** Given to libp2p: it cannot be taken back any more. */
  sent: boolean
  done(error?: PointSubError): void
}

/**
 * The writing half of a Conn. Writes of one tick go out in one `send()`; a write resolves when libp2p can take more.
 */
export class StreamWriter {
  readonly #stream: Stream
  readonly #connection: Connection
  readonly #deadline = new Deadline(() => this.#timeOut())
  #pending: Entry[] = []
  /** Entries given to libp2p that have not been told so, perhaps because it has to drain. */
  #given: Entry[] = []
  #scheduled = false
  #end: PointSubError | undefined
  #closing: PromiseWithResolvers<void> | undefined
  bytesWritten = 0

  constructor(stream: Stream, connection: Connection) {
    this.#stream = stream
    this.#connection = connection
    if (stream.status !== 'open') this.#end = closedStreamError(stream, connection, undefined)
    stream.addEventListener('drain', this.#onDrain)
    onStreamClose(stream, connection, ({ error }) => this.#onClose(error))
  }

  /** Whether the FIN is on its way. */
  finished = false

  /** Whether `write()` takes no more bytes. */
  get ended(): boolean {
    return this.#end !== undefined || this.#closing !== undefined
  }

  /** Whether nothing waits to be given to libp2p. */
  get idle(): boolean {
    return this.#given.length + this.#pending.length === 0
  }

  write(data: Uint8Array | Uint8ArrayList, options?: CancelOptions): Promise<void> {
    const refusal = this.#refusal(data)
    if (refusal !== undefined) return Promise.reject(refusal)
    if (data.byteLength === 0) return Promise.resolve()
    if (options?.signal !== undefined || options?.timeout !== undefined) return this.#writeCancellable(data, options)
    return handled(
      new Promise<void>((resolve, reject) => this.#add({ data, sent: false, done: settler(resolve, reject) }))
    )
  }

  /** Writes without a promise, and at once when nothing waits: the rest of this tick is gathered. */
  send(data: Uint8Array | Uint8ArrayList, done: (error?: PointSubError) => void): void {
    const refusal = this.#refusal(data)
    if (refusal !== undefined || data.byteLength === 0) {
      queueMicrotask(() => done(refusal))
      return
    }
    const idle = !this.#scheduled && this.#given.length === 0
    this.#add({ data, sent: false, done })
    if (idle) this.#give()
  }

  /** Sends what is pending, then a FIN; resolves when libp2p has taken both. */
  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.promise
    if (this.#end !== undefined) return Promise.resolve()
    this.#closing = Promise.withResolvers()
    if (this.#deadline.passed && this.#given.length + this.#pending.length > 0) this.#timeOut()
    this.#schedule()
    return handled(this.#closing.promise)
  }

  setDeadline(at: number | Date | undefined): void {
    if (this.#end === undefined) this.#deadline.set(at)
  }

  #add(entry: Entry): void {
    this.#pending.push(entry)
    this.#schedule()
  }

  async #writeCancellable(data: Uint8Array | Uint8ArrayList, options: CancelOptions): Promise<void> {
    using cancellation = new Cancellation(options, 'write')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const entry: Entry = { data, sent: false, done: settler(resolve, reject) }
    this.#add(entry)
    cancellation.onCancel(reason => {
      // One that has not been given to libp2p yet is left out when its turn comes.
      if (!entry.sent) entry.data = NOTHING
      reject(reason.with({ sent: entry.sent }))
    })
    await promise
  }

  #schedule(): void {
    if (this.#scheduled || this.#given.length > 0) return
    this.#scheduled = true
    queueMicrotask(this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    while (this.#end === undefined) {
      if (this.#given.length > 0 && this.#stream.writableNeedsDrain) return
      this.#settle()
      if (this.#pending.length === 0) break
      this.#give()
    }
    if (this.#closing !== undefined && this.#end === undefined) void this.#sendFin()
  }

  /** Gives libp2p the next batch. */
  #give(): void {
    const batch = this.#takeBatch()
    for (const entry of batch) entry.sent = true
    try {
      this.#stream.send(gather(batch))
    } catch (cause) {
      this.#fail(closedStreamError(this.#stream, this.#connection, cause), batch)
      return
    }
    for (const { data } of batch) this.bytesWritten += data.byteLength
    this.#given = batch
  }

  #settle(): void {
    const given = this.#given
    this.#given = []
    for (const entry of given) entry.done()
  }

  #takeBatch(): Entry[] {
    let bytes = 0
    const end = this.#pending.findIndex(({ data }, index) => {
      bytes += data.byteLength
      return index > 0 && bytes > BATCH_LIMIT
    })
    if (end !== -1) return this.#pending.splice(0, end)
    const batch = this.#pending
    this.#pending = []
    return batch
  }

  readonly #onDrain = (): void => {
    // A drain event also means "the connection has room" while the stream's own window is used up. libp2p finds out
    // in a microtask it queued before this one.
    if (this.#given.length > 0) queueMicrotask(this.#flush)
  }

  async #sendFin(): Promise<void> {
    try {
      this.finished = true
      await this.#stream.close()
      this.#end ??= this.#closedHere()
    } catch (cause) {
      this.finished = false
      this.#fail(closedStreamError(this.#stream, this.#connection, cause))
    }
    this.#deadline.clear()
    this.#stream.removeEventListener('drain', this.#onDrain)
    this.#closing?.resolve()
  }

  #onClose(error: PointSubError): void {
    this.#stream.removeEventListener('drain', this.#onDrain)
    // Both sides have ended properly when this side's FIN was what closed the stream.
    const ended = this.#closing !== undefined && this.idle
    this.#fail(ended && this.#stream.status === 'closed' ? this.#closedHere() : error)
  }

  #fail(error: PointSubError, unsent: Entry[] = []): void {
    const sent = this.#given
    const pending = [...unsent, ...this.#pending]
    this.#given = []
    this.#pending = []
    this.#end ??= error
    this.#deadline.clear()
    for (const entry of sent) entry.done(error.with({ sent: true }))
    for (const entry of pending) entry.done(error.with({ sent: false }))
    if (sent.length + pending.length > 0) this.#closing?.reject(error)
    else this.#closing?.resolve()
  }

  #timeOut(): void {
    const pending = this.#pending
    this.#pending = []
    for (const entry of this.#given) {
      entry.done(this.#timeout(true))
      entry.done = () => {}
    }
    for (const entry of pending) entry.done(this.#timeout(false))
    // A FIN that cannot be sent in time is a stream that cannot be ended politely.
    if (this.#closing !== undefined) this.#stream.abort(this.#timeout(this.#given.length > 0))
  }

  /** Why `data` cannot be written now, if it cannot. */
  #refusal(data: unknown): PointSubError | undefined {
    if (this.#end !== undefined) return this.#end.with({ sent: false })
    if (this.#closing !== undefined) return this.#closedHere()
    if (this.#deadline.passed) return this.#timeout(false)
    return data instanceof Uint8Array || isUint8ArrayList(data) ? undefined : this.#notBytes(data)
  }

  #closedHere(): PointSubError {
    return this.#error('ERR_STREAM_CLOSED', 'the stream was ended on this side and takes no more bytes', false)
  }

  #timeout(sent: boolean): PointSubError {
    return this.#error('ERR_TIMEOUT', 'the write deadline has passed', sent)
  }

  #notBytes(data: unknown): PointSubError {
    return this.#error('ERR_INVALID_ARGUMENT', `write() takes a Uint8Array, not ${textOf(data).slice(0, 100)}`, false)
  }

  #error(
    code: 'ERR_STREAM_CLOSED' | 'ERR_TIMEOUT' | 'ERR_INVALID_ARGUMENT',
    message: string,
    sent: boolean
  ): PointSubError {
    const peer = this.#connection.remotePeer.toString()
    return new PointSubError(code, message, { peer, protocol: this.#stream.protocol, sent })
  }
}

function settler(resolve: () => void, reject: (error: PointSubError) => void): Entry['done'] {
  return error => (error === undefined ? resolve() : reject(error))
}

function gather(batch: Entry[]): Uint8Array | Uint8ArrayList {
  const [first] = batch
  if (first !== undefined && batch.length === 1) return first.data
  const list = new Uint8ArrayList()
  list.appendAll(batch.map(entry => entry.data))
  return list.byteLength <= COPY_LIMIT ? list.subarray() : list
}

/** A peer that resets must not crash a process that writes without awaiting: the next operation reports it too. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
