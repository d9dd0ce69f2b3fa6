import { connect, createServer, type Socket } from 'node:net'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '@libp2p/interface'

export type Side = 'dialler' | 'listener'

/** What is passed on instead of bytes that one side sent. */
export type Change = (bytes: Buffer, from: Side) => Uint8Array

/** A TCP proxy that can be told to change what it passes on, to merge or split it, and to pass on nothing more. */
export class TcpProxy implements AsyncDisposable {
  readonly #server = createServer({ allowHalfOpen: true, noDelay: true })
  readonly #sockets = new Map<Side, Set<Socket>>([
    ['dialler', new Set()],
    ['listener', new Set()]
  ])
  #frozen = false
  change: Change = bytes => bytes
  /** Whether every byte goes in a segment of its own. */
  splits = false
  /** Milliseconds of silence after which what came meanwhile goes in one segment; 0 passes on at once. */
  gathers = 0
  /** Connections that came, over all. */
  connections = 0

  private constructor(port: number) {
    this.#server.on('connection', outer => {
      this.connections += 1
      const inner = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
      this.#join('dialler', outer, inner)
      this.#join('listener', inner, outer)
    })
  }

  /** A proxy in front of the TCP port of `address`. */
  static async before(address: Multiaddr): Promise<TcpProxy> {
    const proxy = new TcpProxy(Number(/\/tcp\/(\d+)/.exec(address.toString())?.[1]))
    await new Promise<void>(resolve => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  address(peer?: PeerId): Multiaddr {
    const bound = this.#server.address()
    if (bound === null || typeof bound === 'string') throw new Error('no port')
    return multiaddr(`/ip4/127.0.0.1/tcp/${bound.port}${peer === undefined ? '' : `/p2p/${peer.toString()}`}`)
  }

  /** From now on neither side hears of the other, nor is what they send read. */
  freeze(): void {
    this.#frozen = true
    for (const socket of this.sockets()) socket.pause()
  }

  sockets(...sides: Side[]): Socket[] {
    return [...this.#sockets].flatMap(([side, sockets]) =>
      sides.length === 0 || sides.includes(side) ? [...sockets] : []
    )
  }

  #join(side: Side, from: Socket, to: Socket): void {
    const sockets = this.#sockets.get(side)
    sockets?.add(from)
    const write = this.#writer(to)
    from.on('error', () => {})
    from.on('data', bytes => write(this.change(bytes, side)))
    from.on('end', () => this.#frozen || write())
    from.on('close', () => {
      sockets?.delete(from)
      if (!this.#frozen) to.destroy()
    })
  }

  /** Writes, or without bytes ends, one after the other. */
  #writer(to: Socket): (bytes?: Uint8Array) => void {
    let last = Promise.resolve()
    let gathered: Uint8Array[] = []
    let timer: ReturnType<typeof setTimeout> | undefined
    const flush = (): void => {
      to.write(Buffer.concat(gathered))
      gathered = []
    }
    return bytes => {
      if (this.#frozen) return
      clearTimeout(timer)
      if (bytes !== undefined && this.gathers > 0) {
        gathered.push(bytes)
        timer = setTimeout(flush, this.gathers)
        return
      }
      if (gathered.length > 0) flush()
      last = last.then(async () => (bytes === undefined ? void to.end() : this.#write(to, bytes)))
    }
  }

  async #write(to: Socket, bytes: Uint8Array): Promise<void> {
    if (!this.splits) return void to.write(bytes)
    for (const byte of bytes) {
      to.write(Uint8Array.of(byte))
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets()) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
