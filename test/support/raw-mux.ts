import type { Connection, Stream } from '@libp2p/interface'
import { idOf } from '../../src/core/wire.ts'
import type { Answer, MuxFrame, Request, Settings } from '../../src/frame/mux.ts'
import { decodeMuxFrame } from '../../src/frame/mux-decode.ts'
import { encodeMuxFrame } from '../../src/frame/mux-encode.ts'
import { join, randomBody } from './bytes.ts'
import type { TestHost } from './hosts.ts'
import { handleRaw, onFrames, RawStream } from './raw.ts'
import { PROTOCOL } from './rpc.ts'
import { until } from './until.ts'

/** The id of {@link PROTOCOL} on the mux wire. */
export const MUX: string = idOf(PROTOCOL, 'mux')

/** A frame, or bytes that are to pass for one or more. */
export type Sendable = MuxFrame | Uint8Array

type FrameOf<T extends MuxFrame['type']> = Extract<MuxFrame, { readonly type: T }>

export function encoded(sendable: Sendable): Uint8Array {
  return sendable instanceof Uint8Array ? sendable : encodeMuxFrame(sendable)
}

export function requestOf(id: number, body: Uint8Array, more: Partial<Request> = {}): Request {
  const whole = { encoding: 0, large: false, size: body.byteLength, metadata: undefined, timeout: 0 } as const
  return { type: 'request', id, ...whole, body, ...more }
}

export function answerOf(id: number, body: Uint8Array, more: Partial<Answer> = {}): Answer {
  return { type: 'answer', id, encoding: 0, large: false, size: body.byteLength, metadata: undefined, body, ...more }
}

/** What goes before the BODY frames of a large request. */
export function largeRequest(id: number, size: number, more: Partial<Request> = {}): Request {
  return requestOf(id, new Uint8Array(0), { large: true, size, ...more })
}

export function largeAnswer(id: number, size: number, more: Partial<Answer> = {}): Answer {
  return answerOf(id, new Uint8Array(0), { large: true, size, ...more })
}

export function bodyOf(id: number, bytes: Uint8Array, last = false): MuxFrame {
  return { type: 'body', id, bytes, last }
}

/** One stream of a session as a peer has it that may break every rule. */
export class RawMuxStream {
  readonly raw: RawStream
  /** All that have come, in order. */
  readonly frames: MuxFrame[] = []
  readonly #untaken: MuxFrame[] = []

  constructor(stream: Stream) {
    this.raw = new RawStream(stream)
    onFrames(stream, bytes => {
      const frame = decodeMuxFrame(bytes.slice())
      if (frame === undefined) return
      this.frames.push(frame)
      this.#untaken.push(frame)
    })
  }

  get stream(): Stream {
    return this.raw.stream
  }

  send(...sendables: Sendable[]): void {
    this.raw.send(join(...sendables.map(encoded)))
  }

  /** Waits for the next frame of a type that no other call of this has returned. */
  async next<T extends MuxFrame['type']>(type: T): Promise<FrameOf<T>> {
    const isOf = (frame: MuxFrame): frame is FrameOf<T> => frame.type === type
    const look = (): number => this.#untaken.findIndex(isOf)
    const index = await until(
      `a frame of the type ${type} comes`,
      () => ({ at: look(), frames: this.frames.length, isOver: this.raw.isOver }),
      ({ at }) => at !== -1
    )
    const frame = this.#untaken.splice(index.at, 1).find(isOf)
    if (frame === undefined) throw new Error('the frame is gone')
    return frame
  }
}

/** The asking side of a session by hand. */
export class RawMuxClient {
  readonly connection: Connection
  readonly token: Uint8Array = randomBody(8)
  readonly control: RawMuxStream

  constructor(connection: Connection, control: RawMuxStream) {
    this.connection = connection
    this.control = control
  }

  /** Opens a control stream, and does not say a word. */
  static async openSilently(connection: Connection): Promise<RawMuxClient> {
    const { stream } = await RawStream.open(connection, MUX)
    return new RawMuxClient(connection, new RawMuxStream(stream))
  }

  static async open(connection: Connection, settings: Settings = {}): Promise<RawMuxClient> {
    const client = await RawMuxClient.openSilently(connection)
    client.control.send({ type: 'hello', stream: 'control', token: client.token, settings })
    await client.control.next('hello')
    return client
  }

  /** Opens a data stream of the session, and waits for the server's HELLO. */
  async openData(): Promise<RawMuxStream> {
    const data = await this.tryOpenData({ type: 'hello', stream: 'data', token: this.token, settings: {} })
    await data.next('hello')
    return data
  }

  async tryOpenData(first: Sendable): Promise<RawMuxStream> {
    const data = new RawMuxStream((await RawStream.open(this.connection, MUX)).stream)
    data.send(first)
    return data
  }
}

/** The answering side of a session by hand. */
export interface RawMuxServer {
  readonly token: Uint8Array
  readonly control: RawMuxStream
  /** The data stream; resolves when its HELLO has come. */
  readonly data: Promise<RawMuxStream>
}

export interface RawMuxServerOptions {
  /** What the HELLO says; nothing is said at all without it. */
  readonly settings?: Settings | undefined
  /** What stands in the place of the HELLO on the data stream. */
  readonly dataHello?: ((token: Uint8Array) => Sendable) | undefined
}

/** Serves {@link PROTOCOL} on the mux wire by hand: `play` is called with each session when its HELLO has come. */
export async function handleMux(
  host: TestHost,
  { settings, dataHello = token => ({ type: 'hello', stream: 'data', token, settings: {} }) }: RawMuxServerOptions,
  play: (session: RawMuxServer) => void | Promise<void>
): Promise<void> {
  const waiting = new Map<string, (data: RawMuxStream) => void>()
  await handleRaw(host, MUX, async stream => {
    const raw = new RawMuxStream(stream)
    stream.addEventListener('remoteCloseWrite', () => void stream.close())
    const hello = await raw.next('hello')
    const { token } = hello
    if (hello.stream === 'data') {
      raw.send(dataHello(token))
      waiting.get(token.join())?.(raw)
      return
    }
    const { promise, resolve } = Promise.withResolvers<RawMuxStream>()
    waiting.set(token.join(), resolve)
    if (settings !== undefined) raw.send({ type: 'hello', stream: 'control', token, settings })
    await play({ token, control: raw, data: promise })
  })
}
