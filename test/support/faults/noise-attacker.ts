import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { createLibp2p } from 'libp2p'
import { override } from '../../../src/host/override.ts'
import { bytesOf, join } from '../bytes.ts'
import { PROBE } from './probe.ts'

/** What a peer signs before its static key. */
const PREFIX = 'noise-libp2p-static-key:'

/** A js-libp2p node whose noise uses another key than its own; it opens a stream on every connection it gets. */
export class NoiseAttacker implements AsyncDisposable {
  readonly node: Libp2p

  private constructor(node: Libp2p) {
    this.node = node
    node.addEventListener('connection:open', ({ detail }) => {
      // The other side is to refuse it, and then it fails.
      detail.newStream(PROBE).catch(() => {})
    })
  }

  static async start(key: PrivateKey, listens: boolean): Promise<NoiseAttacker> {
    const create = noise()
    const node = await createLibp2p({
      addresses: { listen: listens ? ['/ip4/127.0.0.1/tcp/0'] : [] },
      transports: [tcp()],
      connectionEncrypters: [components => create(override(components, 'privateKey', () => key))],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false }
    })
    return new NoiseAttacker(node)
  }

  /** Without a peer id. */
  get address(): string {
    return String(this.node.getMultiaddrs()[0]).replace(/\/p2p\/.*/, '')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.stop()
  }
}

/** A key that signs with what `sign` makes of it. */
async function signing(sign: (key: PrivateKey, bytes: Uint8Array) => Promise<Uint8Array>): Promise<PrivateKey> {
  const key = await generateKeyPair('Ed25519')
  return override(key, 'sign', () => async (bytes: Uint8Array) => sign(key, bytes))
}

/** A key with something else than its public half. */
async function showing(raw: (key: PrivateKey) => Uint8Array): Promise<PrivateKey> {
  const key = await generateKeyPair('Ed25519')
  return override(key, 'publicKey', publicKey => override(publicKey, 'raw', () => raw(key)))
}

const withPrefix = (prefix: string): Promise<PrivateKey> =>
  signing(async (key, bytes) => key.sign(join(bytesOf(prefix), bytes.subarray(PREFIX.length))))

/** Keys with which nobody may get in, or only where `only` does not say. */
export const BAD_KEYS: readonly { name: string; key: () => Promise<PrivateKey>; only?: 'client' }[] = [
  {
    name: 'a broken signature',
    key: () => signing(async (key, bytes) => (await key.sign(bytes)).map((byte, at) => (at === 9 ? byte ^ 1 : byte)))
  },
  { name: 'an empty signature', key: () => signing(async () => new Uint8Array(0)) },
  {
    name: 'a signature that is too long',
    key: () => signing(async (key, bytes) => join(await key.sign(bytes), bytes))
  },
  {
    name: 'the signature of another peer',
    key: async () => {
      const other = await generateKeyPair('Ed25519')
      return signing(async (_, bytes) => other.sign(bytes))
    }
  },
  { name: 'a signature of something else', key: () => signing(async (key, bytes) => key.sign(bytes.slice(1))) },
  { name: 'a signature for another purpose', key: () => withPrefix('noise-other-static-key:') },
  // Towards a host that dials it is no fault: that one then signs as dep2p does, too.
  { name: 'the signature of a dep2p peer', key: () => withPrefix('noise-dep2p-static-key:'), only: 'client' },
  { name: 'another peer’s key', key: () => showing(() => new Uint8Array(32).fill(7)) },
  { name: 'a key that is too short', key: () => showing(key => key.publicKey.raw.subarray(1)) },
  { name: 'an empty key', key: () => showing(() => new Uint8Array(0)) },
  { name: 'a key of 40 KiB', key: () => showing(() => new Uint8Array(40 * 1_024)) }
]
