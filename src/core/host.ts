import type { Libp2p } from '@libp2p/interface'

/** What this package needs of a js-libp2p node: one of `createHost()` will do, and so will every other of libp2p 3. */
export interface Host extends Pick<Libp2p, 'peerId' | 'dial' | 'handle' | 'unhandle' | 'getConnections'> {
  readonly status?: Libp2p['status']
  /** Tells what peers serve, as they say it by identify: what a client would otherwise have to ask them. */
  addEventListener?: Libp2p['addEventListener']
  removeEventListener?: Libp2p['removeEventListener']
  /** Lets the process end although the node is up; a node without it keeps the process up until it is stopped. */
  unref?(): void
  /** Keeps the process up, also after `unref()`, until the returned function is called. */
  hold?(): () => void
}
