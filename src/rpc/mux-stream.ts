import type { Conn } from '../conn/conn.ts'
import { PointSubError } from '../core/errors.ts'
import { protocolOf } from '../core/wire.ts'
import type { Hello, MuxFrame } from '../frame/mux.ts'
import type { Plane } from '../mux/plane.ts'
import type { ServerSession } from '../mux/server-session.ts'
import type { ServedStream } from './served-stream.ts'

/** How long the first frame of a stream may take to come once its server stops, in ms. */
const PATIENCE = 1_000

export interface MuxStreamInit {
  /** Milliseconds in which the first frame has to come. */
  readonly readTimeout: number
  openSession(plane: Plane, hello: Hello): ServerSession
  findSession(hello: Hello): ServerSession | undefined
  onFailure(error: PointSubError): void
}

/** An inbound stream of the mux wire: the control or the data stream of a session, as its first frame says. */
export class MuxStream implements ServedStream {
  readonly conn: Conn
  readonly isRaw = false
  readonly wire = 'mux'
  readonly createdAt: number = performance.now()
  readonly #plane: Plane
  readonly #init: MuxStreamInit
  #session: ServerSession | undefined
  #isData = false
  /** When it was told to stop before its first frame had come. */
  #stopped: number | undefined

  constructor(plane: Plane, init: MuxStreamInit) {
    this.conn = plane.conn
    this.#plane = plane
    this.#init = init
    plane.hand({
      onFrame: frame => this.#onHello(frame),
      onEnd: error => this.#onEnd(error)
    })
  }

  get requests(): number {
    return this.#isData ? 0 : (this.#session?.requests ?? 0)
  }

  get lastActive(): number {
    return this.#session?.lastActive ?? this.createdAt
  }

  /** A data stream lasts as long as its session. */
  get isIdle(): boolean {
    return this.#session === undefined || (this.#session.isIdle && !this.#isData)
  }

  /** Before the first frame it waits for that: requests may come with it, whose callers are to be told that they were too late. */
  stop(): void {
    if (this.#session === undefined) this.#stopped ??= performance.now()
    else this.#session.stop()
  }

  kill(reason: PointSubError): void {
    if (this.#session === undefined) this.conn.reset(reason)
    else this.#session.kill(reason)
  }

  sweep(now: number): void {
    const { readTimeout } = this.#init
    if (this.#session === undefined) {
      if (this.#stopped !== undefined && now - this.#stopped > PATIENCE) this.conn.reset()
      if (now - this.createdAt <= readTimeout) return
      this.#fail(this.#error('ERR_TIMEOUT', `the peer took longer than readTimeout, ${readTimeout} ms`))
    } else if (!this.#isData) {
      this.#session.sweep(now)
    }
  }

  #onHello(frame: MuxFrame): void {
    if (frame.type !== 'hello') throw this.#error('ERR_INVALID_FRAME', 'the peer sent something before its HELLO')
    if (frame.stream === 'control') {
      this.#session = this.#init.openSession(this.#plane, frame)
      if (this.#stopped !== undefined) this.#session.stop()
      return
    }
    const session = this.#init.findSession(frame)
    if (session?.addData(this.#plane) !== true) {
      throw this.#error('ERR_INVALID_FRAME', 'the peer opened a data stream of no session, or a second one')
    }
    this.#session = session
    this.#isData = true
  }

  /** Whatever ends it before its first frame; later it is the session's. */
  #onEnd(error: PointSubError | undefined): void {
    if (error === undefined) this.conn.reset()
    else this.#fail(error)
  }

  #fail(error: PointSubError): void {
    this.conn.reset(error)
    this.#init.onFailure(error)
  }

  #error(code: 'ERR_INVALID_FRAME' | 'ERR_TIMEOUT', message: string): PointSubError {
    const protocol = protocolOf(this.conn.protocol, 'mux')
    return new PointSubError(code, message, { peer: this.conn.remotePeer.toString(), protocol })
  }
}
