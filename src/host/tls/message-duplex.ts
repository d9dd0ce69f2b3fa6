import { Duplex } from 'node:stream'
import type { MessageStream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'

type Callback = (error?: Error | null) => void

/** A libp2p stream as a Duplex that node:tls can run on, with backpressure both ways; its end does not close the stream. */
export class MessageDuplex extends Duplex {
  readonly #stream: MessageStream
  /** Tells the Duplex that what was sent has left. */
  #sending: Callback | undefined
  #paused = true
  #ended = false

  constructor(stream: MessageStream) {
    super({ allowHalfOpen: false })
    this.#stream = stream
    stream.pause()
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('drain', this.#onDrain)
    stream.addEventListener('end', this.#onEnd)
    stream.addEventListener('close', this.#onClose)
  }

  override _read(): void {
    if (!this.#paused || this.#ended) return
    this.#paused = false
    this.#stream.resume()
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Callback): void {
    try {
      if (this.#stream.send(chunk)) done()
      else this.#sending = done
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  }

  override _destroy(error: Error | null, done: Callback): void {
    const sending = this.#sending
    this.#sending = undefined
    sending?.(error ?? new Error('the stream was destroyed'))
    this.#stream.removeEventListener('message', this.#onMessage)
    this.#stream.removeEventListener('drain', this.#onDrain)
    this.#stream.removeEventListener('end', this.#onEnd)
    this.#stream.removeEventListener('close', this.#onClose)
    done(error)
  }

  readonly #onMessage = ({ data }: StreamMessageEvent): void => {
    const chunks = data instanceof Uint8Array ? [data] : data
    let wantsMore = true
    for (const chunk of chunks) wantsMore = this.push(chunk)
    if (wantsMore || this.#paused || this.#stream.status !== 'open') return
    this.#paused = true
    this.#stream.pause()
  }

  readonly #onDrain = (): void => {
    const sending = this.#sending
    this.#sending = undefined
    sending?.()
  }

  readonly #onEnd = (): void => {
    // libp2p may tell of the end before the data of the same frame.
    queueMicrotask(() => {
      if (this.#ended || this.destroyed || this.#stream.readBufferLength > 0) return
      this.#ended = true
      this.push(null)
    })
  }

  readonly #onClose = ({ error }: StreamCloseEvent): void => {
    if (error === undefined) this.#onEnd()
    else this.destroy(error)
  }
}
