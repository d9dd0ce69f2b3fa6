import { quic } from '@chainsafe/libp2p-quic'
import { createHost } from '../src/host/index.ts'
import type { Transport } from './lines.ts'
import type { Link } from './links.ts'

/**
 * The QUIC library gives a peer new streams only with its next keep-alive, seconds after it has used up this many,
 * however many of them are closed by then.
 */
const QUIC_STREAMS = 65_536

export type Host = Awaited<ReturnType<typeof createHost>>

const LISTEN: Record<Transport, string> = {
  tcp: '/ip4/127.0.0.1/tcp/0',
  quic: '/ip4/127.0.0.1/udp/0/quic-v1'
}

/** A host of ours that can be reached over the link. */
export function listeningHost(link: Link): Promise<Host> {
  // Over noise alone a listener signs before it knows who dials; everything else finds out by itself.
  const signs = link.security === 'noise' ? { dialect: link.dialect } : {}
  return createHost({ ...hostOptions(link), ...signs, listen: [LISTEN[link.transport]] })
}

/** A host of ours that only dials. */
export function diallingHost(link: Link): Promise<Host> {
  return createHost({ ...hostOptions(link), listen: [] })
}

function hostOptions(link: Link): NonNullable<Parameters<typeof createHost>[0]> {
  return {
    ...(link.security === undefined ? {} : { security: [link.security] }),
    ...(link.transport === 'quic' ? { transports: [quic({ maxConcurrentStreamLimit: QUIC_STREAMS })] } : {})
  }
}
