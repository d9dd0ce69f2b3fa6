import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p'
import { createHost } from 'pointsub/host'

const SECURITIES = ['noise', 'tls'] as const
const STACKS = ['stock', 'host'] as const

export type Security = (typeof SECURITIES)[number]
export type Stack = (typeof STACKS)[number]

/** How a row's two libp2p nodes are made. */
export interface StackOptions {
  readonly stack: Stack
  readonly security: Security | undefined
}

/** Streams of one protocol and connection: libp2p's own bounds (32 in, 64 out) are below what some rows need. */
export const STREAM_LIMITS = { maxInboundStreams: 1000, maxOutboundStreams: 1000 } as const

export const isSecurity = (text: string): text is Security => SECURITIES.some(name => name === text)
export const isStack = (text: string): text is Stack => STACKS.some(name => name === text)

/** Listens on loopback, or only dials. */
type Role = 'listener' | 'dialler'

export function createNode({ stack, security }: StackOptions, role: Role): Promise<Libp2p> {
  if (stack === 'stock') return createLibp2p(stockOptions(security, role))
  return createHost({ listen: listenOf(role), security: security === undefined ? undefined : [security] })
}

/** A node as js-libp2p's guides make it. */
export function stockOptions(
  security: Security | undefined,
  role: Role
): Pick<Libp2pOptions, 'addresses' | 'transports' | 'connectionEncrypters' | 'streamMuxers'> {
  return {
    addresses: { listen: listenOf(role) },
    transports: [tcp()],
    connectionEncrypters: [security === 'tls' ? tls() : noise()],
    streamMuxers: [yamux()]
  }
}

function listenOf(role: Role): string[] {
  return role === 'listener' ? ['/ip4/127.0.0.1/tcp/0'] : []
}

/** The address another process dials. */
export function addressOf(node: Libp2p): string {
  const [address] = node.getMultiaddrs()
  if (address === undefined) throw new Error('the node listens nowhere')
  return address.toString()
}

/** The options as arguments of a child process. */
export function stackToArguments({ stack, security }: StackOptions): string[] {
  return [stack, security ?? 'default']
}

export function stackFromArguments([stack = '', security = '']: string[]): StackOptions {
  if (!isStack(stack)) throw new Error(`unknown stack "${stack}"`)
  return { stack, security: isSecurity(security) ? security : undefined }
}
