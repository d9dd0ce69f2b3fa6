import type { EventEmitter } from 'node:events'
import type { Conn } from '../conn/conn.ts'
import { addressOf, type Found, type Network } from './network.ts'
import { nodeError } from './node-errors.ts'
import type { Target } from './targets.ts'

/** What a socket wants to know of its attempt to connect. */
export interface ConnectListener {
  /** An event of `net.Socket`: `lookup`, `connectionAttempt` or `connectionAttemptFailed`. */
  onStep(event: string, ...args: unknown[]): void
  onConn(conn: Conn): void
  onError(error: Error): void
}

/** One attempt of a socket to connect. Its listener is called in turns of its own, and never after `abort()`. */
export class Connecting {
  readonly #network: Network
  readonly #target: Target
  readonly #listener: ConnectListener
  readonly #abort = new AbortController()

  constructor(network: Network, target: Target, listener: ConnectListener) {
    this.#network = network
    this.#target = target
    this.#listener = listener
    void this.#run()
  }

  abort(): void {
    this.#abort.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    try {
      const conn = await this.#open()
      // A socket that was destroyed meanwhile ends what it had begun, as TCP does; a reset would be a failure.
      process.nextTick(() => (signal.aborted ? void conn.close({ unread: 'reset' }) : this.#listener.onConn(conn)))
    } catch (error) {
      this.#later(() => this.#listener.onError(error instanceof Error ? error : new Error(String(error))))
    }
  }

  async #open(): Promise<Conn> {
    const { port, host } = this.#target
    const found = await this.#find()
    const address = addressOf(found.peer)
    if (found.byName) this.#tell('lookup', null, address, 'libp2p', host)
    this.#tell('connectionAttempt', address, port, 'libp2p')
    try {
      return await this.#network.open(found, this.#target, this.#abort.signal)
    } catch (error) {
      this.#tell('connectionAttemptFailed', address, port, 'libp2p', error)
      throw error
    }
  }

  async #find(): Promise<Found> {
    try {
      return await this.#network.find(this.#target)
    } catch (error) {
      this.#tell('lookup', error, undefined, undefined, this.#target.host)
      throw error
    }
  }

  #tell(event: string, ...args: unknown[]): void {
    this.#later(() => this.#listener.onStep(event, ...args))
  }

  /** What a listener throws must not become the failure of the connection. */
  #later(step: () => void): void {
    process.nextTick(() => {
      if (!this.#abort.signal.aborted) step()
    })
  }
}

/** Calls one of the two when it is clear whether a socket that is connecting does connect. */
export function onceConnected(socket: EventEmitter, onConnect: () => void, onFailure: (error: Error) => void): void {
  const onClose = (): void => {
    socket.off('connect', onConnected)
    const text = 'Socket closed before the connection was established'
    onFailure(nodeError(Error, 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION', text))
  }
  const onConnected = (): void => {
    socket.off('close', onClose)
    onConnect()
  }
  socket.once('connect', onConnected)
  socket.once('close', onClose)
}
