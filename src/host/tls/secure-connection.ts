import { finished } from 'node:stream/promises'
import type { TLSSocket } from 'node:tls'
import { type AbortOptions, type MessageStream, type StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { AbstractMessageStream, type SendResult } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { Cancellation } from '../../core/cancellation.ts'
import type { Carrier } from './carrier.ts'

/** Milliseconds that a peer has to end its side of a connection once it was told of the end of ours. */
const LINGER = 500

/** What a connection is once TLS has made it safe: its plain bytes. */
export class SecureConnection extends AbstractMessageStream {
  readonly #below: MessageStream
  readonly #socket: TLSSocket
  readonly #lingers: boolean
  readonly #closeBelow: () => Promise<void>
  #closed: Promise<void> | undefined

  /**
   * Closing the connection that carries the encrypted bytes closes this one first from now on.
   *
   * @param carrier with its handshake done
   */
  constructor({ connection: below, socket, isDirect }: Carrier) {
    const { log, inactivityTimeout, maxReadBufferLength, direction } = below
    super({ log, inactivityTimeout, maxReadBufferLength, direction })
    this.#below = below
    this.#socket = socket
    this.#lingers = isDirect
    this.#closeBelow = below.close.bind(below)
    // libp2p closes what it has dialled, not what came of it: without a farewell the last bytes would stay in TLS.
    below.close = options => this.close(options)
    below.addEventListener('close', this.#onClose, { once: true })
    socket.on('data', this.#onData)
    socket.on('drain', () => this.safeDispatchEvent('drain'))
    socket.once('close', () => void this.close().catch(() => {}))
  }

  /**
   * Resolves when what was sent has left and the peer has had the time to take it. Aborting `signal` ends the waiting, not
   * the closing, as with a TCP connection.
   */
  async close({ signal }: AbortOptions = {}): Promise<void> {
    this.#closed ??= this.#end()
    // Who waits no longer does not hear of it.
    this.#closed.catch(() => {})
    using waiting = new Cancellation({ signal }, 'closing the connection')
    await waiting.race(this.#closed)
  }

  async #end(): Promise<void> {
    try {
      await this.#sayFarewell()
      await this.#closeBelow()
    } catch (error) {
      this.#below.abort(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  async #sayFarewell(): Promise<void> {
    if (this.#socket.destroyed) return
    // What waits for room goes before the end.
    this.writableNeedsDrain = false
    this.processSendQueue()
    this.#socket.end()
    await finished(this.#socket, { readable: false })
    if (!this.#lingers) return
    // To whom still sends the operating system answers with a reset, and throws away what the peer has not fetched.
    using patience = new Cancellation({ timeout: LINGER }, 'the end of the peer')
    await patience.race(finished(this.#socket)).catch(() => {})
  }

  sendData(data: Uint8ArrayList): SendResult {
    // What the muxer answers while this closes, nobody waits for.
    if (this.#socket.writableEnded) return { sentBytes: data.byteLength, canSendMore: true }
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
    // First of all, or the peer would see the end of the connection instead of its reset.
    this.#below.abort(error)
    this.#socket.destroy()
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
