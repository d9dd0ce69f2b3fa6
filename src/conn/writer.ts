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
  resolve(): void
  reject(error: PointSubError): void
}

/**
 * The writing half of a Conn. Writes of one tick go out in one `send()`; a write resolves when libp2p can take more.
 */
export class StreamWriter {
  readonly #stream: Stream
  readonly #connection: Connection
  readonly #deadline = new Deadline(() => this.#timeOut())
  #pending: Entry[] = []
  /** Entries given to libp2p, waiting for it to drain. */
  #draining: Entry[] | undefined
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

  write(data: Uint8Array | Uint8ArrayList, options?: CancelOptions): Promise<void> {
    if (this.#end !== undefined) return Promise.reject(this.#end.with({ sent: false }))
    if (this.#closing !== undefined) return Promise.reject(this.#closedHere())
    if (this.#deadline.passed) return Promise.reject(this.#timeout(false))
    if (!(data instanceof Uint8Array || isUint8ArrayList(data))) return Promise.reject(this.#notBytes(data))
    if (data.byteLength === 0) return Promise.resolve()
    if (options?.signal !== undefined || options?.timeout !== undefined) return this.#writeCancellable(data, options)
    return handled(new Promise<void>((resolve, reject) => this.#add({ data, sent: false, resolve, reject })))
  }

  /** Sends what is pending, then a FIN; resolves when libp2p has taken both. */
  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.promise
    if (this.#end !== undefined) return Promise.resolve()
    this.#closing = Promise.withResolvers()
    if (this.#deadline.passed && (this.#draining !== undefined || this.#pending.length > 0)) this.#timeOut()
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
    const entry: Entry = { data, sent: false, resolve, reject }
    this.#add(entry)
    cancellation.onCancel(reason => {
      // One that has not been given to libp2p yet is left out when its turn comes.
      if (!entry.sent) entry.data = NOTHING
      reject(reason.with({ sent: entry.sent }))
    })
    await promise
  }

  #schedule(): void {
    if (this.#scheduled || this.#draining !== undefined) return
    this.#scheduled = true
    queueMicrotask(this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    while (this.#end === undefined && this.#draining === undefined && this.#pending.length > 0) {
      const batch = this.#takeBatch()
      for (const entry of batch) entry.sent = true
      let more: boolean
      try {
        more = this.#stream.send(gather(batch))
      } catch (cause) {
        this.#fail(closedStreamError(this.#stream, this.#connection, cause), batch)
        return
      }
      for (const { data } of batch) this.bytesWritten += data.byteLength
      if (more) settle(batch)
      else this.#draining = batch
    }
    if (this.#closing !== undefined && this.#draining === undefined && this.#end === undefined) void this.#sendFin()
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
    if (this.#draining === undefined) return
    // A drain event also means "the connection has room" while the stream's own window is used up. libp2p finds out
    // in a microtask it queued before this one.
    queueMicrotask(() => {
      if (this.#draining === undefined || this.#stream.writableNeedsDrain) return
      settle(this.#draining)
      this.#draining = undefined
      this.#flush()
    })
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
    const ended = this.#closing !== undefined && this.#draining === undefined && this.#pending.length === 0
    this.#fail(ended && this.#stream.status === 'closed' ? this.#closedHere() : error)
  }

  #fail(error: PointSubError, unsent: Entry[] = []): void {
    const sent = this.#draining ?? []
    const pending = [...unsent, ...this.#pending]
    this.#draining = undefined
    this.#pending = []
    this.#end ??= error
    this.#deadline.clear()
    for (const entry of sent) entry.reject(error.with({ sent: true }))
    for (const entry of pending) entry.reject(error.with({ sent: false }))
    if (sent.length + pending.length > 0) this.#closing?.reject(error)
    else this.#closing?.resolve()
  }

  #timeOut(): void {
    const pending = this.#pending
    this.#pending = []
    for (const entry of this.#draining ?? []) entry.reject(this.#timeout(true))
    for (const entry of pending) entry.reject(this.#timeout(false))
    // A FIN that cannot be sent in time is a stream that cannot be ended politely.
    if (this.#closing !== undefined) this.#stream.abort(this.#timeout(this.#draining !== undefined))
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

function settle(batch: Entry[]): void {
  for (const entry of batch) entry.resolve()
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
