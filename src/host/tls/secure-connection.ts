import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { type AbortOptions, type MessageStream, type StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { AbstractMessageStream, type SendResult } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'

/** What a connection is once TLS has made it safe: its plain bytes. */
export class SecureConnection extends AbstractMessageStream {
  readonly #below: MessageStream
  readonly #socket: TLSSocket
  readonly #closeBelow: (options?: AbortOptions) => Promise<void>

  /**
   * @param below the connection that carries the encrypted bytes; closing it closes this one first from now on
   * @param socket over that connection, its handshake done
   */
  constructor(below: MessageStream, socket: TLSSocket) {
    const { log, inactivityTimeout, maxReadBufferLength, direction } = below
    super({ log, inactivityTimeout, maxReadBufferLength, direction })
    this.#below = below
    this.#socket = socket
    this.#closeBelow = below.close.bind(below)
    // libp2p closes what it has dialled, not what came of it: without a farewell the last bytes would stay in TLS.
    below.close = options => this.close(options)
    below.addEventListener('close', this.#onClose, { once: true })
    socket.on('data', this.#onData)
    socket.on('drain', () => this.safeDispatchEvent('drain'))
    socket.once('close', () => void this.close().catch((error: Error) => below.abort(error)))
  }

  async close(options?: AbortOptions): Promise<void> {
    if (!this.#socket.destroyed && !this.#socket.writableFinished) {
      const finished = once(this.#socket, 'finish', options)
      this.#socket.end()
      await finished
    }
    await this.#closeBelow(options)
  }

  sendData(data: Uint8ArrayList): SendResult {
    // What is sent in one turn becomes one record, or as few as it takes.
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork()
      process.nextTick(queueMicrotask, this.#uncorkLast)
    }
    let canSendMore = true
    for (const chunk of data) canSendMore = this.#socket.write(chunk)
    return { sentBytes: data.byteLength, canSendMore }
  }

  sendPause(): void {
    this.#socket.pause()
  }

  sendResume(): void {
    this.#socket.resume()
  }

  sendReset(error: Error): void {
    this.#socket.destroy()
    this.#below.abort(error)
  }

  /** Called between promises that have settled already: what they lead to in this turn is sent along. */
  readonly #uncorkLast = (): void => {
    process.nextTick(uncork, this.#socket)
  }

  readonly #onData = (data: Uint8Array): void => {
    // Most of the time nothing waits: then a detour through the buffer only costs.
    const isDirect = this.readStatus === 'readable' && this.readBufferLength === 0
    if (isDirect && this.listenerCount('message') > 0) this.dispatchEvent(new StreamMessageEvent(data))
    else this.onData(data)
  }

  readonly #onClose = ({ error, local }: StreamCloseEvent): void => {
    this.#socket.destroy()
    if (error === undefined) this.onTransportClosed()
    else if (local === true) this.abort(error)
    else this.onRemoteReset()
  }
}

function uncork(socket: TLSSocket): void {
  socket.uncork()
}
