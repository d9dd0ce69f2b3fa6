import { connect, createServer, type Server, type Socket } from 'node:net'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { addressOf, type TestHost } from './hosts.ts'

/** Turns of the event loop, a millisecond each at the least, in which nobody sends anything: all wait for the link. */
const QUIET = 30

/**
 * A TCP proxy before a host in the same process. It takes its time, and what it takes is counted in trips, not in
 * milliseconds: whatever is under way in both directions arrives when neither side has anything more to send.
 */
export class LongLink implements AsyncDisposable {
  readonly #server: Server
  readonly #host: TestHost
  readonly #sockets = new Set<Socket>()
  #held: (() => void)[] = []
  #quiet = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Half of the round trips so far. */
  trips = 0

  private constructor(server: Server, host: TestHost) {
    this.#server = server
    this.#host = host
    const target = Number(/\/tcp\/(\d+)/.exec(addressOf(host).toString())?.[1])
    server.on('connection', socket => {
      const inner = connect(target, '127.0.0.1')
      this.#carry(socket, inner)
      this.#carry(inner, socket)
    })
    this.#watch()
  }

  static async before(host: TestHost): Promise<LongLink> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new LongLink(server, host)
  }

  /** The host's address over this link. */
  get address(): Multiaddr {
    const bound = this.#server.address()
    if (bound === null || typeof bound === 'string') throw new Error('no port')
    return multiaddr(`/ip4/127.0.0.1/tcp/${bound.port}/p2p/${this.#host.peerId.toString()}`)
  }

  #watch(): void {
    this.#timer = setTimeout(() => {
      this.#quiet += 1
      if (this.#quiet >= QUIET && this.#held.length > 0) {
        this.trips += 1
        this.#quiet = 0
        for (const deliver of this.#held.splice(0)) deliver()
      }
      this.#watch()
    }, 1)
  }

  #hold(deliver: () => void): void {
    this.#quiet = 0
    this.#held.push(deliver)
  }

  #carry(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.setNoDelay(true)
    from.on('error', () => {})
    from.on('data', chunk => this.#hold(() => to.write(chunk)))
    from.on('close', () => {
      this.#sockets.delete(from)
      this.#hold(() => to.destroy())
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer)
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
