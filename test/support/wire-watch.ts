import type { MuxFrame } from '../../src/frame/mux.ts'
import { decodeMuxFrame } from '../../src/frame/mux-decode.ts'
import { join } from './bytes.ts'
import type { MemoryStream } from './memory-stream.ts'

/** Tells each frame among bytes that come in any pieces. */
function framesOf(onFrame: (frame: MuxFrame) => void): (bytes: Uint8Array) => void {
  let rest: Uint8Array = new Uint8Array(0)
  return bytes => {
    rest = rest.byteLength === 0 ? bytes : join(rest, bytes)
    for (;;) {
      if (rest.byteLength < 4) return
      const end = 4 + new DataView(rest.buffer, rest.byteOffset).getUint32(0)
      if (rest.byteLength < end) return
      const frame = decodeMuxFrame(rest.subarray(4, end))
      rest = rest.subarray(end)
      if (frame !== undefined) onFrame(frame)
    }
  }
}

/** Sees whether one side of a session keeps to what the other one allows. */
export class WireWatch {
  readonly #broken: string[]
  readonly #isClient: boolean
  readonly #inFlight = new Set<number>()
  #maxRequests = 128
  #credit = 0
  readonly #requests: () => number
  /** Requests that got their places before the HELLO was there, whenever they left. */
  #early = 0

  /** @param broken where it tells what was not kept; `requests` how many there have been */
  constructor(isClient: boolean, broken: string[], requests: () => number) {
    this.#isClient = isClient
    this.#broken = broken
    this.#requests = requests
  }

  /** Both sides of a session; what it returns takes the client's ends of its streams. */
  static session(broken: string[], requests: () => number): (near: MemoryStream) => void {
    const watches = [true, false].map(isClient => new WireWatch(isClient, broken, requests))
    return near => {
      watches[0]?.watch(near)
      watches[1]?.watch(near.otherEnd)
    }
  }

  watch(stream: MemoryStream): void {
    stream.onSend = framesOf(frame => this.#onSent(frame))
    stream.onReceive = framesOf(frame => this.#onReceived(frame))
  }

  #onSent(frame: MuxFrame): void {
    if (frame.type === 'body') {
      this.#credit -= frame.bytes.byteLength
      if (this.#credit < 0) this.#broken.push(`${-this.#credit} bytes more than there was credit for`)
    } else if (frame.type === 'request' && !frame.large) {
      // The CANCEL of a large one takes another stream than the small one that gets its place.
      if (this.#inFlight.has(frame.id)) this.#broken.push(`the request ${frame.id} twice`)
      this.#inFlight.add(frame.id)
      const { size } = this.#inFlight
      if (frame.id > this.#early && size > this.#maxRequests)
        this.#broken.push(`${size} requests in flight, not ${this.#maxRequests}`)
    } else if (frame.type === 'cancel') {
      this.#inFlight.delete(frame.id)
    }
  }

  #onReceived(frame: MuxFrame): void {
    switch (frame.type) {
      case 'hello':
        if (frame.stream === 'data') return
        this.#early = this.#requests()
        this.#credit += frame.settings.credit ?? 0
        this.#maxRequests = frame.settings.maxRequests ?? this.#maxRequests
        break
      case 'credit':
        this.#credit += frame.bytes
        break
      case 'answer':
        if (!frame.large) this.#ended(frame.id)
        break
      case 'error':
        this.#ended(frame.id)
        break
      case 'body':
        if (frame.last) this.#ended(frame.id)
        break
      default:
    }
  }

  #ended(id: number): void {
    if (this.#isClient) this.#inFlight.delete(id)
  }
}
