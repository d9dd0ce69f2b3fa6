import { connect, createServer, type Socket } from 'node:net'
import { attackerSocket } from './sockets.ts'

/** `out` is from who dials to who listens. */
export type Direction = 'out' | 'back'

/**
 * What happens to one direction: its end, the end of the whole connection, nothing more, one wrong bit, or garbage from
 * there on. `pieces` passes everything on byte by byte, and `drip` takes a while for each.
 */
export type Fault = 'fin' | 'reset' | 'silence' | 'flip' | 'garbage' | 'pieces' | 'drip'

export interface Plan {
  readonly direction: Direction
  /** Bytes of this direction that come through as they are. */
  readonly at: number
  readonly fault: Fault
}

const DRIP = 5

/** A TCP proxy in front of a host, for one connection, that keeps to a plan. */
export class Tamper implements AsyncDisposable {
  readonly #server = createServer({ allowHalfOpen: true, noDelay: true })
  readonly #sockets: Socket[] = []
  readonly #plan: Plan | undefined
  /** Bytes that have come in each direction. */
  readonly came: Record<Direction, number> = { out: 0, back: 0 }
  /** All that who dials has sent. */
  readonly recording: Buffer[] = []

  private constructor(port: number, plan: Plan | undefined) {
    this.#plan = plan
    this.#server.on('connection', outer => {
      const inner = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
      this.#sockets.push(attackerSocket(outer), attackerSocket(inner))
      inner.on('connect', () => {
        this.port = inner.localPort
        this.onPort(inner.localPort ?? 0)
      })
      this.#join('out', outer, inner)
      this.#join('back', inner, outer)
    })
  }

  /** Without a plan it passes on everything as it comes. */
  static async before(port: number, plan?: Plan): Promise<Tamper> {
    const tamper = new Tamper(port, plan)
    await new Promise<void>(resolve => tamper.#server.listen(0, '127.0.0.1', resolve))
    return tamper
  }

  get address(): string {
    const bound = this.#server.address()
    if (bound === null || typeof bound === 'string') throw new Error('no port')
    return `/ip4/127.0.0.1/tcp/${bound.port}`
  }

  /** Where the host behind it sees the connection come from. */
  port: number | undefined
  /** Called as soon as that is known. */
  onPort: (port: number) => void = () => {}

  #join(direction: Direction, from: Socket, to: Socket): void {
    const pass = this.#plan?.direction === direction ? this.#faulty(this.#plan, to) : (bytes: Buffer) => to.write(bytes)
    let before = 0
    from.on('data', bytes => {
      if (direction === 'out') this.recording.push(bytes)
      pass(bytes, before)
      before += bytes.byteLength
      this.came[direction] = before
    })
    // Who stays silent does not tell of the end either, as a network that loses everything.
    from.on('end', () => this.#isSilent(direction, before) || to.end())
    from.on('close', () => this.#isSilent(direction, before) || to.destroy())
  }

  #isSilent(direction: Direction, came: number): boolean {
    return this.#plan?.fault === 'silence' && this.#plan.direction === direction && came > this.#plan.at
  }

  #faulty({ at, fault }: Plan, to: Socket): (bytes: Buffer, before: number) => void {
    return (bytes, before) => {
      if (fault === 'pieces' || fault === 'drip') return this.#dribble(to, bytes, fault)
      const good = bytes.subarray(0, Math.max(0, at - before))
      const rest = bytes.subarray(good.byteLength)
      if (good.byteLength > 0) to.write(good)
      if (rest.byteLength > 0) this.#spoil(fault, rest, to, good.byteLength > 0 || before <= at)
    }
  }

  /** @param first whether these are the first bytes that do not come through as they are */
  #spoil(fault: Fault, rest: Buffer, to: Socket, first: boolean): void {
    if (fault === 'garbage') to.write(rest.map(byte => byte ^ 0xa5))
    if (fault === 'flip') to.write(first ? rest.map((byte, at) => (at === 0 ? byte ^ 0x10 : byte)) : rest)
    if (!first) return
    if (fault === 'fin') to.end()
    if (fault === 'reset') for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  #queue: Promise<void> = Promise.resolve()

  #dribble(to: Socket, bytes: Buffer, fault: 'pieces' | 'drip'): void {
    this.#queue = this.#queue.then(async () => {
      for (const byte of bytes) {
        if (to.destroyed) return
        to.write(Uint8Array.of(byte))
        await new Promise(resolve => (fault === 'drip' ? setTimeout(resolve, DRIP) : setImmediate(resolve)))
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
