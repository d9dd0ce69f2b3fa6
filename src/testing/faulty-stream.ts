import type { AbortOptions, Connection, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { StreamResetError } from '@libp2p/interface'
import { AbstractStream } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { Link, LinkStream, StreamFaults } from './link.ts'
import { type Bytes, Pipe, type PipeEnd, type PipeSource, WINDOW } from './pipe.ts'

/** What a paused stream may have to hold: a whole window of libp2p, and what was on its way. */
const READ_BUFFER = 16 * 1024 * 1024 + 2 * WINDOW

/** What a stream can tell its own kind only. */
type SendResult = ReturnType<AbstractStream['sendData']>

/**
 * A libp2p stream with the faults of a link between its user and `inner`. The states, buffers and events are those of
 * libp2p's own base class; what is here moves bytes and ends through one pipe each way, in order.
 */
export class FaultyStream extends AbstractStream implements LinkStream {
  readonly connection: Connection
  readonly #inner: Stream
  readonly #link: Link
  readonly #out: Pipe
  readonly #in: Pipe
  /** Whether the peer's FIN has arrived at `inner`, with what came before it or not. */
  #remoteFin = false
  #finQueued = false
  /** Whether this side's FIN has been handed to `inner`. */
  #localFin = false
  #detached = false
  #resuming = false

  constructor(inner: Stream, connection: Connection, link: Link, faults: StreamFaults) {
    const { id, protocol, direction, inactivityTimeout, maxReadBufferLength, log } = inner
    super({ id, protocol, direction, inactivityTimeout, maxReadBufferLength, log })
    this.connection = connection
    this.#inner = inner
    this.#link = link
    const source = (way: 'out' | 'in'): PipeSource => ({
      lane: link[way],
      dice: faults.dice(way),
      isHeld: () => link.isHeld,
      record: fault => faults.record(way, fault)
    })
    this.#out = new Pipe(source('out'), this.#outEnd())
    this.#in = new Pipe(source('in'), this.#inEnd())
    inner.maxReadBufferLength = Math.max(maxReadBufferLength, READ_BUFFER)
    inner.addEventListener('message', this.#onMessage)
    inner.addEventListener('remoteCloseWrite', this.#onFin)
    inner.addEventListener('end', this.#onEnd)
    inner.addEventListener('drain', this.#onDrain)
    inner.addEventListener('close', this.#onClose)
    link.streams.add(this)
    // It may have ended before it got here, and libp2p does not repeat its events.
    if (inner.status !== 'open') queueMicrotask(() => this.#onInnerClosed(undefined))
    else if (inner.remoteWriteStatus === 'closed') this.#onFin()
  }

  /** Bytes on their way count as not sent: the peer has not got them. */
  override get writeBufferLength(): number {
    return this.writeBuffer.byteLength + this.#out.byteLength + this.#inner.writeBufferLength
  }

  /** Bytes on their way count as arrived: this side holds them. */
  override get readBufferLength(): number {
    const held = this.status === 'open' ? this.#inner.readBufferLength : 0
    return this.readBuffer.byteLength + this.#in.byteLength + held
  }

  sendData(data: Uint8ArrayList): SendResult {
    const room = Math.min(data.byteLength, WINDOW - this.#out.byteLength)
    if (room <= 0) return { sentBytes: 0, canSendMore: false }
    this.#out.push(data.sublist(0, room))
    return { sentBytes: room, canSendMore: this.#out.byteLength < WINDOW && !this.#inner.writableNeedsDrain }
  }

  /**
   * Resolves when the FIN, and so every byte before it, has been handed to `inner`; also when the stream ends before, for
   * what is on its way counts as taken, as it does on a stream without faults.
   */
  sendCloseWrite(options?: AbortOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void): void => {
        this.removeEventListener('close', onClose)
        options?.signal?.removeEventListener('abort', onAbort)
        how()
      }
      const onClose = (): void => settle(resolve)
      const onAbort = (): void => settle(() => reject(options?.signal?.reason))
      this.addEventListener('close', onClose)
      options?.signal?.addEventListener('abort', onAbort)
      this.#out.close(() => {
        this.#localFin = true
        this.#inner.close(options).then(onClose, (error: unknown) => settle(() => reject(error)))
      })
    })
  }

  sendCloseRead(options?: AbortOptions): Promise<void> {
    return this.#inner.closeRead(options)
  }

  /** The reset comes behind the bytes that were sent before it. */
  sendReset(error: Error): void {
    this.#in.clear()
    if (this.#inner.status === 'open') this.#out.reset(() => this.#inner.abort(error))
    else this.#detach()
  }

  sendPause(): void {
    // The pipe asks before it lets bytes out.
  }

  sendResume(): void {
    this.#in.pump()
  }

  /** Aborted when the stream is closed; for one wait at most. */
  get gone(): AbortSignal {
    const controller = new AbortController()
    if (this.status === 'open') {
      this.addEventListener('close', ({ error }) => controller.abort(error ?? new StreamResetError()), { once: true })
    } else {
      controller.abort(new StreamResetError())
    }
    return controller.signal
  }

  onRules(): void {
    this.#out.reschedule()
    this.#in.reschedule()
  }

  onHealed(): void {
    this.#out.pump()
    this.#in.pump()
  }

  /** A fault resets the stream: both sides see it as done by the other. */
  fail(): void {
    this.#out.clear()
    this.#in.clear()
    if (this.status === 'open') this.onRemoteReset()
    if (this.#inner.status === 'open') this.#inner.abort(new StreamResetError('a fault was injected'))
    else this.#detach()
  }

  /** What had come can be read, unless it is held; nothing more comes or goes. */
  onConnectionClose(): void {
    this.#out.clear()
    if (!this.#link.isHeld) this.#in.flush()
    this.#in.clear()
    this.#detach()
    this.onTransportClosed()
  }

  #outEnd(): PipeEnd {
    const inner = this.#inner
    return {
      get ready() {
        return !inner.writableNeedsDrain
      },
      onData: data => this.#give(data),
      onOverrun: () => {
        // libp2p, too, drops what waits for the peer when a stream is reset.
      },
      onFault: () => this.fail(),
      onRoom: () => this.#onRoom()
    }
  }

  #inEnd(): PipeEnd {
    const isPaused = (): boolean => this.readStatus === 'paused'
    return {
      get ready() {
        return !isPaused()
      },
      onData: data => this.onData(data),
      onOverrun: data => this.onData(data),
      onFault: () => this.fail(),
      onRoom: () => this.#flow()
    }
  }

  #give(data: Bytes): void {
    try {
      this.#inner.send(data)
    } catch (error) {
      // The connection is closing below; it tells of itself in its own time.
      this.#out.clear()
      this.abort(error instanceof Error ? error : new StreamResetError())
    }
  }

  #onRoom(): void {
    if (this.writableNeedsDrain && this.#out.byteLength <= WINDOW / 2 && !this.#inner.writableNeedsDrain) {
      this.safeDispatchEvent('drain')
    }
  }

  /** Lets the peer go on, or not, as there is room. */
  #flow(): void {
    if (this.#resuming) return
    if (this.#inner.readStatus === 'paused' && this.#in.byteLength <= WINDOW / 2) this.#resumeInner()
    if (this.#inner.readStatus === 'readable' && this.#in.byteLength >= WINDOW) this.#inner.pause()
  }

  #resumeInner(): void {
    // resume() first hands over what libp2p held back and then asks the peer for more, so a pause in between is lost.
    this.#resuming = true
    try {
      this.#inner.resume()
    } catch {
      // The connection is gone, so the peer could not be asked; the bytes have been handed over by now.
    }
    this.#resuming = false
  }

  readonly #onMessage = ({ data }: StreamMessageEvent): void => {
    this.#in.push(data)
    if (this.#remoteFin) this.#queueFin()
  }

  readonly #onFin = (): void => {
    this.#remoteFin = true
    this.#onEnd()
  }

  /** A frame may carry both data and FIN, and libp2p tells of the FIN first. */
  readonly #onEnd = (): void => {
    queueMicrotask(() => this.#queueFin())
  }

  #queueFin(): void {
    if (!this.#remoteFin || this.#finQueued || this.#inner.readBufferLength > 0) return
    this.#finQueued = true
    this.#in.close(() => this.onRemoteCloseWrite())
  }

  readonly #onDrain = (): void => {
    // A drain event also means "the connection has room" while the window is used up; libp2p finds out in a microtask.
    queueMicrotask(() => this.#out.pump())
  }

  readonly #onClose = ({ local, error }: StreamCloseEvent): void => {
    this.#onInnerClosed(local === true ? error : undefined)
  }

  /** @param error what it was aborted with on this side, if it was */
  #onInnerClosed(error: Error | undefined): void {
    this.#out.clear()
    if (this.status !== 'open') {
      this.#in.clear()
      this.#detach()
    } else if (error !== undefined) {
      this.#detach()
      this.abort(error)
    } else if (this.#inner.status === 'reset') {
      this.#drainInner()
      this.#in.reset(() => {
        this.#detach()
        this.onRemoteReset()
      })
    } else if (this.#remoteFin && this.#localFin) {
      // Both sides have ended; what comes is on its way.
      this.addEventListener('close', () => this.#detach(), { once: true })
    } else {
      this.#drainInner()
      this.onConnectionClose()
    }
  }

  /** Takes what `inner` has held back. */
  #drainInner(): void {
    if (this.#inner.readStatus !== 'paused') return
    this.maxReadBufferLength += this.#inner.readBufferLength + WINDOW
    this.#resumeInner()
  }

  #detach(): void {
    if (this.#detached) return
    this.#detached = true
    this.#link.streams.delete(this)
    this.#inner.removeEventListener('message', this.#onMessage)
    this.#inner.removeEventListener('remoteCloseWrite', this.#onFin)
    this.#inner.removeEventListener('end', this.#onEnd)
    this.#inner.removeEventListener('drain', this.#onDrain)
    this.#inner.removeEventListener('close', this.#onClose)
  }
}
