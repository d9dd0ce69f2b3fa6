import { encodeFrame, FrameReader } from './frames.ts'

/** Requests one behind the other on something that carries bytes in order; the n-th answer is the n-th request's. */
export class Pipeline {
  readonly #send: (frame: Uint8Array) => void
  readonly #frames = new FrameReader(body => this.#waiting.shift()?.resolve(body))
  #waiting: PromiseWithResolvers<Uint8Array>[] = []

  constructor(send: (frame: Uint8Array) => void) {
    this.#send = send
  }

  call(body: Uint8Array): Promise<Uint8Array> {
    const answer = Promise.withResolvers<Uint8Array>()
    this.#waiting.push(answer)
    this.#send(encodeFrame(body))
    return answer.promise
  }

  receive(chunk: Uint8Array): void {
    this.#frames.push(chunk)
  }

  /** Rejects what has not been answered. */
  fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
