import type { Libp2p } from '@libp2p/interface'

/** What this package needs of a js-libp2p node: any node of libp2p 3 will do, made by `createHost()` or by hand. */
export type Host = Pick<Libp2p, 'peerId' | 'dial' | 'handle' | 'unhandle' | 'getConnections'>
