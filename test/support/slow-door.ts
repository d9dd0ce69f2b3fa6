import { connect, createServer, type Server, type Socket } from 'node:net'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'

/** A TCP proxy that lets nothing through until it is opened: dialling the peer behind it takes as long as that. */
export class SlowDoor implements AsyncDisposable {
  readonly #server: Server
  readonly #target: number
  readonly #waiting: Socket[] = []
  readonly #sockets = new Set<Socket>()
  #isOpen = false
  /** Connections that came, over all. */
  knocks = 0

  private constructor(server: Server, target: number) {
    this.#server = server
    this.#target = target
    server.on('connection', socket => {
      this.knocks += 1
      this.#keep(socket)
      if (this.#isOpen) this.#join(socket)
      else this.#waiting.push(socket)
    })
  }

  /** A door before the TCP port of `address`. */
  static async before(address: Multiaddr): Promise<SlowDoor> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new SlowDoor(server, Number(/\/tcp\/(\d+)/.exec(address.toString())?.[1]))
  }

  /** The address of `peer` through the door. */
  address(peer: { toString(): string }): Multiaddr {
    const bound = this.#server.address()
    if (bound === null || typeof bound === 'string') throw new Error('no port')
    return multiaddr(`/ip4/127.0.0.1/tcp/${bound.port}/p2p/${peer.toString()}`)
  }

  open(): void {
    this.#isOpen = true
    for (const socket of this.#waiting.splice(0)) this.#join(socket)
  }

  #join(socket: Socket): void {
    const inner = this.#keep(connect(this.#target, '127.0.0.1'))
    socket.pipe(inner).pipe(socket)
    socket.on('close', () => inner.destroy())
    inner.on('close', () => socket.destroy())
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    return socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
