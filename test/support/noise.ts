import { generateKeyPair } from '@libp2p/crypto/keys'
import type {
  ConnectionEncrypter,
  Logger,
  MultiaddrConnection,
  PeerId,
  PrivateKey,
  SecureConnectionOptions,
  SecuredConnection,
  StreamMuxerFactory,
  Upgrader
} from '@libp2p/interface'
import { type NoiseExtensions, noise as stockNoise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { AbstractMessageStream, multiaddrConnectionPair } from '@libp2p/utils'
import { type NoiseOptions, noise } from '../../src/host/noise/noise.ts'

type Secured = SecuredConnection<NoiseExtensions>

const log: Logger = Object.assign(() => {}, { error: () => {}, trace: () => {}, newScope: () => log, enabled: false })

export interface PeerOptions extends NoiseOptions {
  /** As @libp2p/noise makes it, without anything of this package. */
  stock?: boolean
  key?: 'Ed25519' | 'secp256k1' | 'RSA'
  /** Signs instead of its key. */
  sign?: PrivateKey['sign']
  /** Protocol ids of the muxers it has. */
  muxers?: string[]
}

/** A peer that can shake hands, and nothing else. */
export interface NoisePeer {
  id: PeerId
  privateKey: PrivateKey
  encrypter: ConnectionEncrypter<NoiseExtensions>
  /** What the metrics of its node have counted, by name. */
  counts: Record<string, number>
}

export async function noisePeer({
  stock = false,
  key = 'Ed25519',
  muxers = [],
  sign,
  ...options
}: PeerOptions = {}): Promise<NoisePeer> {
  const privateKey: PrivateKey = key === 'RSA' ? await generateKeyPair(key, 2048) : await generateKeyPair(key)
  if (sign !== undefined) Object.defineProperty(privateKey, 'sign', { value: sign })
  const id = peerIdFromPrivateKey(privateKey)
  const counts: Record<string, number> = {}
  const components = {
    peerId: id,
    privateKey,
    logger: { forComponent: () => log },
    upgrader: {
      getStreamMuxers: () => new Map(muxers.map(protocol => [protocol, { protocol } as StreamMuxerFactory]))
    } as Upgrader,
    metrics: {
      registerCounter: (name: string) => ({ increment: () => void (counts[name] = (counts[name] ?? 0) + 1) })
    } as never
  }
  const encrypter = stock ? stockNoise(options)(components) : noise(options)(components)
  return { id, privateKey, encrypter, counts }
}

export interface Shake {
  dialler: NoisePeer
  listener: NoisePeer
  dialOptions?: SecureConnectionOptions
  acceptOptions?: SecureConnectionOptions
}

export interface Shaken {
  dialled: PromiseSettledResult<Secured>
  accepted: PromiseSettledResult<Secured>
  /** The connection below: the dialler's end, and the listener's. */
  ends: [MultiaddrConnection, MultiaddrConnection]
}

/** Lets two peers shake hands; who fails aborts the connection, as libp2p's upgrader does. */
export async function shake({ dialler, listener, dialOptions, acceptOptions }: Shake): Promise<Shaken> {
  const ends = multiaddrConnectionPair()
  const [near, far] = ends
  const [dialled, accepted] = await Promise.allSettled([
    orAbort(near, dialler.encrypter.secureOutbound(near, { remotePeer: listener.id, ...dialOptions })),
    orAbort(far, listener.encrypter.secureInbound(far, acceptOptions))
  ])
  return { dialled, accepted, ends }
}

export async function orAbort<T>(connection: MultiaddrConnection, secured: Promise<T>): Promise<T> {
  return secured.catch((error: Error) => {
    connection.abort(error)
    throw error
  })
}

/** What a handshake has led to. @throws what it failed with */
export function outcome<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}

/** What a handshake failed with. */
export function failure(result: PromiseSettledResult<unknown>): Error {
  if (result.status === 'fulfilled') throw new Error('the handshake did not fail')
  return result.reason as Error
}

/** Listeners on a connection that a handshake may have left there. */
export function listenersOn(connection: MultiaddrConnection): Record<string, number> {
  if (!(connection instanceof AbstractMessageStream)) throw new Error('such a connection counts no listeners')
  const count = (type: string): number => connection.listenerCount(type)
  return Object.fromEntries(['message', 'close', 'remoteCloseWrite', 'drain'].map(type => [type, count(type)]))
}

/** The next `length` bytes of a connection. */
export async function read(connection: Secured['connection'], length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  const done = Promise.withResolvers<Uint8Array>()
  const onMessage = ({ data }: { data: { subarray(): Uint8Array } }): void => {
    parts.push(data.subarray())
    const whole = Buffer.concat(parts)
    if (whole.byteLength >= length) done.resolve(new Uint8Array(whole))
  }
  connection.addEventListener('message', onMessage)
  try {
    return await done.promise
  } finally {
    connection.removeEventListener('message', onMessage)
  }
}
