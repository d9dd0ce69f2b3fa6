import type { Libp2p } from '@libp2p/interface'

/** What this package needs of a js-libp2p node: any node of libp2p 3 will do, made by `createHost()` or by hand. */
export interface Host extends Pick<Libp2p, 'peerId' | 'dial' | 'handle' | 'unhandle' | 'getConnections'> {
  /** Keeps the process up until a call of `unref()`; a node without it does so itself until it is stopped. */
  ref?(): void
  /** Takes back one `ref()`. */
  unref?(): void
}
