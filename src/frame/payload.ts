import { checkLength, encodeFrame, HEADER_BYTES } from './plain.ts'

/** From this size up, in bytes, a request is sent from where its caller has it; a copy would hold up everything else. */
const LARGE = 256 * 1024

/** One request, as either wire needs it. */
export class Payload {
  readonly #maxBytes: number
  #frame: Uint8Array | undefined
  /** The request itself: a copy below 256 KiB, the caller's own from there on. */
  readonly body: Uint8Array

  /** @throws PointSubError `ERR_MESSAGE_TOO_LARGE` when it is longer than `maxBytes` */
  constructor(request: Uint8Array, maxBytes: number) {
    this.#maxBytes = maxBytes
    checkLength(request.byteLength, maxBytes, false)
    this.#frame = request.byteLength < LARGE ? encodeFrame(request, maxBytes) : undefined
    this.body = this.#frame?.subarray(HEADER_BYTES) ?? request
  }

  /** What the plain wire sends. */
  get frame(): Uint8Array {
    this.#frame ??= encodeFrame(this.body, this.#maxBytes)
    return this.#frame
  }
}
