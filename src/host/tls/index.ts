import type { ConnectionEncrypter } from '@libp2p/interface'
import { type Dialect, Dialects } from '../dialects.ts'
import { createTls, type TlsComponents } from './tls.ts'

export interface TlsOptions {
  /** What peers are dialled with of whom nothing is known. Default `'libp2p'`. */
  dialect?: Dialect | undefined
}

/**
 * The TLS handshake of libp2p and of go-dep2p, for `connectionEncrypters` of a js-libp2p node; `createHost()` has it. A peer
 * that was dialled with the wrong dialect is known by the next dial, which `createHost()` makes by itself.
 */
export function tls({ dialect = 'libp2p' }: TlsOptions = {}): (components: TlsComponents) => ConnectionEncrypter {
  return components => createTls(components, new Dialects(dialect))
}
