import type { Connection, Stream } from '@libp2p/interface'
import { join } from './bytes.ts'
import type { TestHost } from './hosts.ts'
import { until } from './until.ts'

/** Calls back with the body of each plain frame that arrives on a libp2p stream; no code of the package is used. */
export function onFrames(stream: Stream, onBody: (body: Uint8Array) => void): void {
  let rest: Uint8Array = new Uint8Array(0)
  stream.addEventListener('message', ({ data }) => {
    rest = join(rest, data.subarray())
    while (rest.byteLength >= 4) {
      const end = 4 + new DataView(rest.buffer, rest.byteOffset).getUint32(0)
      if (rest.byteLength < end) return
      const body = rest.slice(4, end)
      rest = rest.slice(end)
      onBody(body)
    }
  })
}

/** Serves a protocol with raw streams, as many as come; errors of `onStream` reset the stream. */
export async function handleRaw(
  host: TestHost,
  protocol: string,
  onStream: (stream: Stream, connection: Connection) => void | Promise<void>
): Promise<void> {
  await host.handle(protocol, onStream, { maxInboundStreams: 100_000 })
}

/** A stream as a hostile or simple peer uses it: everything that comes is kept. */
export class RawStream {
  readonly stream: Stream
  readonly #chunks: Uint8Array[] = []
  /** Whether the other side sent its FIN. */
  finished = false
  /** Whether the other side reset the stream. */
  wasReset = false

  constructor(stream: Stream) {
    this.stream = stream
    stream.addEventListener('message', ({ data }) => this.#chunks.push(data.slice()))
    stream.addEventListener('remoteCloseWrite', () => {
      this.finished = true
    })
    stream.addEventListener('close', event => {
      this.wasReset = event.error !== undefined
    })
  }

  static async open(connection: Connection, protocol: string): Promise<RawStream> {
    return new RawStream(await connection.newStream(protocol, { maxOutboundStreams: 100_000 }))
  }

  get received(): Uint8Array {
    return join(...this.#chunks)
  }

  get isOver(): boolean {
    return this.stream.status !== 'open'
  }

  /** Sends if that is still possible, and does not care about room. */
  send(bytes: Uint8Array): void {
    if (this.stream.status === 'open' && this.stream.writeStatus === 'writable') this.stream.send(bytes)
  }

  /** Waits until `length` bytes have come. */
  async receivedAtLeast(length: number): Promise<Uint8Array> {
    return until(
      `${length} bytes arrive`,
      () => this.received,
      bytes => bytes.byteLength >= length
    )
  }

  /** Waits until the other side has ended the stream, one way or the other. */
  async ended(): Promise<'fin' | 'reset'> {
    await until(
      'the other side ends the stream',
      () => ({ finished: this.finished, over: this.isOver, status: this.stream.status }),
      ({ finished, over }) => finished || over
    )
    // One that was reset while it was opened has told of it already.
    return this.wasReset || this.stream.status === 'reset' ? 'reset' : 'fin'
  }
}
