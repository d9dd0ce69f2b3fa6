import type { Connection, Logger, MessageStreamDirection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { AbstractStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import { Conn } from '../../src/conn/conn.ts'
import type { Random } from './random.ts'

/** Bytes of one direction that nobody has read yet, unless a test says otherwise: more wait with their sender. */
const WINDOW = 256 * 1024

const log: Logger = Object.assign(() => {}, { error: () => {}, trace: () => {}, newScope: () => log, enabled: false })

const PEERS: Record<MessageStreamDirection, PeerId> = {
  outbound: peerIdFromString('12D3KooWCsGYvRujteXJVCZPfcyMaLsPMfSYd7WQi3qPZXDm37jq'),
  inbound: peerIdFromString('12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq')
}

type Item = Uint8Array | 'fin' | 'reset'

/** One end of a stream in memory: what is sent comes out at the other end, in other pieces and some time later. */
export class MemoryStream extends AbstractStream {
  readonly #random: Random | undefined
  readonly #window: number
  /** The other end. */
  #peer: MemoryStream | undefined
  #items: Item[] = []
  #onTheWay = 0
  #pumping = false
  /** See what leaves this end, and what comes to it before it is read. */
  onSend: ((bytes: Uint8Array) => void) | undefined
  onReceive: ((bytes: Uint8Array) => void) | undefined

  constructor(protocol: string, direction: MessageStreamDirection, random: Random | undefined, window: number) {
    super({ id: direction, protocol, direction, log })
    this.#random = random
    this.#window = window
  }

  /** @param random how it is cut and delayed; without it all that is sent at once comes at once */
  static pair(protocol: string, random?: Random, window: number = WINDOW): [MemoryStream, MemoryStream] {
    const ways = ['outbound', 'inbound'] as const
    const [outbound, inbound] = ways.map(way => new MemoryStream(protocol, way, random, window))
    if (outbound === undefined || inbound === undefined) throw new Error('there are two ends')
    outbound.#peer = inbound
    inbound.#peer = outbound
    return [outbound, inbound]
  }

  get otherEnd(): MemoryStream {
    if (this.#peer === undefined) throw new Error('made by pair() alone')
    return this.#peer
  }

  /** The connection is gone. */
  cut(): void {
    this.#items = []
    this.onTransportClosed()
  }

  sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean } {
    const sentBytes = Math.min(data.byteLength, Math.max(0, this.#room))
    if (sentBytes > 0) {
      const bytes = data.slice(0, sentBytes)
      this.onSend?.(bytes)
      this.#onTheWay += sentBytes
      this.#add(bytes)
    }
    return { sentBytes, canSendMore: this.#room > 0 }
  }

  sendReset(): void {
    this.#add('reset')
  }

  async sendCloseWrite(): Promise<void> {
    this.#add('fin')
  }

  async sendCloseRead(): Promise<void> {}

  sendPause(): void {}

  sendResume(): void {
    this.#peer?.drain()
  }

  get #room(): number {
    return this.#window - this.#onTheWay - (this.#peer?.readBufferLength ?? 0)
  }

  #add(item: Item): void {
    this.#items.push(item)
    if (this.#pumping) return
    this.#pumping = true
    this.#later(() => this.#pump())
  }

  #later(act: () => void): void {
    if (this.#random?.chance(0.3) === true) setImmediate(act)
    else queueMicrotask(act)
  }

  #pump(): void {
    const item = this.#items.shift()
    const peer = this.#peer
    if (item === undefined || peer === undefined) {
      this.#pumping = false
      return
    }
    if (item === 'reset') {
      if (peer.status === 'open') peer.onRemoteReset()
    } else if (item === 'fin') {
      if (peer.status === 'open') peer.onRemoteCloseWrite()
    } else {
      this.#deliver(item, peer)
    }
    this.#later(() => this.#pump())
  }

  #deliver(item: Uint8Array, peer: MemoryStream): void {
    const end = this.#random?.chance(0.5) === true ? 1 + this.#random.below(item.byteLength) : item.byteLength
    if (end < item.byteLength) this.#items.unshift(item.subarray(end))
    this.#onTheWay -= end
    if (peer.status === 'open') {
      const bytes = item.slice(0, end)
      peer.onReceive?.(bytes)
      peer.onData(bytes)
    }
    this.drain()
  }

  /** Lets what waits go on, if there is room now. */
  drain(): void {
    if (this.writableNeedsDrain && this.#room > 0) this.safeDispatchEvent('drain')
  }
}

/** As much of a connection as a Conn looks at; `direction` is that of its streams. */
export function memoryConn(stream: MemoryStream, connection: { status: string }): Conn {
  const remotePeer = PEERS[stream.direction]
  const whole = Object.assign(connection, { remotePeer, remoteAddr: multiaddr('/memory/test') })
  return new Conn(stream, whole as unknown as Connection)
}
