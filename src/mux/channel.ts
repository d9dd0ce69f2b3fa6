import { PointSubError } from '../core/errors.ts'
import { type Body, DEFAULT_SETTINGS, type MessageHead, type MuxFrame, type Settings } from '../frame/mux.ts'
import { own } from '../frame/plain.ts'
import { Assembly } from './assembly.ts'
import { BodySender } from './body-sender.ts'
import { type Outgoing, type Plane, wholeFrame } from './plane.ts'

/** Bytes of BODY frames that may be under way in each direction. */
const CREDIT = 1024 * 1024
/** Bytes taken after which the peer is told that it may send more. */
const CREDIT_STEP = 32 * 1024
/** Requests sent before the peer has said how many it takes; more would be refused by one that takes few. */
const FIRST_REQUESTS = 16
/** Credit above this is a mistake of the peer, or an attack. */
const MOST_CREDIT = 2 ** 40

export type Message = MessageHead & { readonly type: 'request' | 'answer'; readonly timeout?: number }

/** A large message that is coming. */
export interface Receipt {
  /** Bytes reserved for it changed. */
  onGrowth(bytes: number): void
  /** Its body as it was sent, or why it will never be whole; bytes that still come of it are thrown away. */
  onEnd(result: Uint8Array | PointSubError): void
}

export interface ChannelEvents {
  /** A message within one frame; its body is the receiver's own. */
  onMessage(message: Message, body: Uint8Array): void
  /** A large message begins; undefined when it is not wanted. */
  onLarge(message: Message): Receipt | undefined
  /** Every other frame that the channel has not dealt with itself. */
  onFrame(frame: MuxFrame): void
  /** The peer's HELLO is there. */
  onHello(settings: Required<Settings>): void
  /** All frames that came together have been told. */
  onBatch(): void
  /** The peer ended its control stream. */
  onFin(): void
  /** Both streams are gone, or on their way. Called once. */
  onFailure(error: PointSubError): void
}

/** The two streams of a session as messages in both directions: small ones whole, large ones in pieces. */
export class Channel {
  readonly control: Plane
  readonly token: Uint8Array
  readonly sender: BodySender = new BodySender(CREDIT)
  readonly #events: ChannelEvents
  readonly #receiving = new Map<number, { assembly: Assembly; receipt: Receipt }>()
  #data: Plane | undefined
  #peer: Required<Settings> | undefined
  #failed = false
  #ending = false
  /** Bytes the peer may still send in BODY frames. */
  #granted = CREDIT
  /** Bytes taken that the peer has not been told of. */
  #owed = 0
  #pong: Outgoing | undefined
  #ping: { readonly bytes: Uint8Array; readonly since: number } | undefined

  /** @param settings of this side */
  constructor(control: Plane, token: Uint8Array, settings: Omit<Settings, 'credit'>, events: ChannelEvents) {
    this.control = control
    this.token = token
    this.#events = events
    control.hand({
      onFrame: frame => this.#onControl(frame),
      onBatch: () => events.onBatch(),
      onEnd: error => this.#onControlEnd(error)
    })
    control.sendFrame({ type: 'hello', stream: 'control', token, settings: { ...settings, credit: CREDIT } })
  }

  /** What the peer has said of itself, or what holds until then. */
  get peer(): Required<Settings> {
    return this.#peer ?? DEFAULT_SETTINGS
  }

  /** Whether the peer's HELLO is there. */
  get isGreeted(): boolean {
    return this.#peer !== undefined
  }

  /** Requests that may be in flight. */
  get maxRequests(): number {
    return this.#peer?.maxRequests ?? FIRST_REQUESTS
  }

  get data(): Plane | undefined {
    return this.#data
  }

  get hasFailed(): boolean {
    return this.#failed
  }

  /** Whether both streams are gone, or on their way. */
  get isOver(): boolean {
    return this.#failed || this.#ending
  }

  /** Bytes that have come and are no whole message yet, besides those of large ones. */
  get bytesHeld(): number {
    return this.control.bytesHeld + (this.#data?.bytesHeld ?? 0)
  }

  /** Bytes that wait to leave, besides those of large messages. */
  get bytesQueued(): number {
    return this.control.bytesQueued + (this.#data?.bytesQueued ?? 0)
  }

  /** When something last came. */
  get lastReceived(): number {
    return Math.max(this.control.lastReceived, this.#data?.lastReceived ?? 0)
  }

  /** Takes the peer's HELLO where somebody else has read it. */
  greet(settings: Settings): void {
    this.#peer = { ...DEFAULT_SETTINGS, ...settings }
    this.sender.addCredit(this.#peer.credit)
    this.#events.onHello(this.#peer)
  }

  /** @param greeted whether the peer's HELLO of this stream has been read */
  addData(plane: Plane, greeted: boolean): void {
    let expected = !greeted
    this.#data = plane
    plane.hand({
      onFrame: frame => {
        if (!expected) this.#onData(frame)
        else if (frame.type === 'hello' && frame.stream === 'data' && this.#isToken(frame.token)) expected = false
        else throw broken('another HELLO than that of its session')
      },
      onBatch: () => {
        this.#giveCredit()
        this.#events.onBatch()
      },
      onDrain: () => this.sender.drained(),
      onEnd: error => {
        // Without an error it is the client that has no more to send; what it was to receive may still go out.
        if (error !== undefined || this.#receiving.size > 0) this.fail(error ?? lost())
      }
    })
    plane.sendFrame({ type: 'hello', stream: 'data', token: this.token, settings: {} })
    this.sender.start(plane)
  }

  /** Takes no more of a large message. */
  forget(id: number): void {
    this.#receiving.delete(id)
  }

  /** Asks the peer whether it is there, unless it has been asked already. */
  ping(now: number): void {
    if (this.#ping !== undefined || this.#failed) return
    this.#ping = { bytes: crypto.getRandomValues(new Uint8Array(8)), since: now }
    this.control.sendFrame({ type: 'ping', bytes: this.#ping.bytes })
  }

  /** Gives a peer up that has not answered a ping for `timeout` ms. */
  checkPeer(now: number, timeout: number): void {
    if (this.#ping === undefined || now - this.#ping.since <= timeout) return
    this.fail(new PointSubError('ERR_TIMEOUT', `the peer has not answered a ping for readTimeout, ${timeout} ms`))
  }

  /** Sends what waits and ends both streams; a peer that does not end its side is reset after `linger` ms. */
  async end(linger: number): Promise<void> {
    this.#ending = true
    await Promise.all([this.control.end(linger), this.#data?.end(linger)])
  }

  /** Ends both streams at once. */
  fail(error: PointSubError): void {
    if (this.#failed) return
    this.#failed = true
    this.sender.clear()
    this.control.reset(error)
    this.#data?.reset(error)
    const receipts = [...this.#receiving.values()]
    this.#receiving.clear()
    for (const { receipt } of receipts) receipt.onEnd(error)
    this.#events.onFailure(error)
  }

  #onControl(frame: MuxFrame): void {
    if (this.#peer === undefined) {
      if (frame.type !== 'hello' || frame.stream !== 'control' || !this.#isToken(frame.token)) {
        throw broken('something before its HELLO')
      }
      this.greet(frame.settings)
      return
    }
    switch (frame.type) {
      case 'request':
      case 'answer':
        if (frame.large) throw broken('a large message on the control stream')
        this.#events.onMessage(frame, own(frame.body))
        break
      case 'credit':
        if (this.sender.credit + frame.bytes > MOST_CREDIT) throw broken('too much credit')
        this.sender.addCredit(frame.bytes)
        break
      case 'ping':
        // So what a peer can make this side hold is bounded, whether it reads or not.
        if (this.#pong?.given === false) throw broken('a PING before the PONG to the one before')
        this.#pong = wholeFrame({ type: 'pong', bytes: frame.bytes })
        this.control.send(this.#pong)
        break
      case 'pong':
        if (this.#ping === undefined || !areEqual(this.#ping.bytes, frame.bytes)) throw broken('a PONG to no PING')
        this.#ping = undefined
        break
      case 'hello':
      case 'body':
        throw broken(`a frame of the type ${frame.type} where there is none`)
      default:
        this.#events.onFrame(frame)
    }
  }

  #onData(frame: MuxFrame): void {
    switch (frame.type) {
      case 'request':
      case 'answer':
        if (!frame.large) throw broken('a small message on the data stream')
        this.#begin(frame)
        break
      case 'body':
        this.#onBody(frame)
        break
      case 'cancel':
        this.#events.onFrame(frame)
        break
      default:
        throw broken(`a frame of the type ${frame.type} on the data stream`)
    }
  }

  #begin(message: Message): void {
    if (this.#receiving.has(message.id)) throw broken('two messages of one id')
    const receipt = this.#events.onLarge(message)
    if (receipt === undefined) return
    this.#receiving.set(message.id, { assembly: new Assembly(message.size, message.encoding), receipt })
  }

  #onBody({ id, last, bytes }: Body): void {
    if (bytes.byteLength === 0 && !last) throw broken('a BODY with nothing in it')
    this.#granted -= bytes.byteLength
    if (this.#granted < 0) throw broken('more than it had credit for')
    this.#owed += bytes.byteLength
    const incoming = this.#receiving.get(id)
    if (incoming === undefined) return
    const { assembly, receipt } = incoming
    try {
      assembly.add(bytes)
      // Growing may cost the message its place: see onGrowth.
      receipt.onGrowth(assembly.bytes)
      if (!last || !this.#receiving.delete(id)) return
      receipt.onEnd(assembly.take())
    } catch (cause) {
      this.#receiving.delete(id)
      if (!(cause instanceof PointSubError)) throw cause
      receipt.onEnd(cause)
    }
  }

  #giveCredit(): void {
    if (this.#owed < CREDIT_STEP || this.#failed) return
    this.control.sendFrame({ type: 'credit', bytes: this.#owed })
    this.#granted += this.#owed
    this.#owed = 0
  }

  #onControlEnd(error: PointSubError | undefined): void {
    if (error !== undefined) this.fail(error)
    else this.#events.onFin()
  }

  #isToken(token: Uint8Array): boolean {
    return areEqual(token, this.token)
  }
}

/** Eight bytes that name a session. */
export function newToken(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(8))
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index])
}

function broken(what: string): PointSubError {
  return new PointSubError('ERR_INVALID_FRAME', `the peer sent ${what}`)
}

function lost(): PointSubError {
  return new PointSubError('ERR_STREAM_RESET', 'the peer ended the data stream of a session')
}
