import type { Conn } from '../conn/conn.ts'
import { PointSubError } from '../core/errors.ts'

/** Where they come from. */
export interface ConnSource {
  accept(): Promise<Conn>
  close(): Promise<void>
}

/** The raw streams of a protocol as they come, for `for await`; leaving the loop stops accepting. */
export class AcceptedConns implements AsyncIterableIterator<Conn>, AsyncDisposable {
  readonly #listening: Promise<ConnSource>

  constructor(listening: Promise<ConnSource>) {
    this.#listening = listening
    // Who asks for the first stream is told.
    listening.catch(() => {})
  }

  /** Resolves when the protocol is registered; awaiting it is only needed by who must know. */
  get ready(): Promise<void> {
    return this.#listening.then(() => {})
  }

  async next(): Promise<IteratorResult<Conn, undefined>> {
    const listener = await this.#listening
    try {
      return { done: false, value: await listener.accept() }
    } catch (error) {
      if (error instanceof PointSubError && error.code === 'ERR_LISTENER_CLOSED')
        return { done: true, value: undefined }
      throw error
    }
  }

  async return(): Promise<IteratorResult<Conn, undefined>> {
    // Where nothing was registered there is nothing to close; next() has told.
    const listener = await this.#listening.catch(() => undefined)
    await listener?.close()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
