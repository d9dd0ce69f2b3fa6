import { appendFileSync } from 'node:fs'
import { afterEach, describe, inject } from 'vitest'
import type { PeerBinary } from './build.ts'
import type { Host } from './hosts.ts'
import type { Dialect, Security, Transport } from './lines.ts'
import { type Flags, WirePeer } from './peer.ts'

/** One way to reach one peer. */
export interface Link {
  name: string
  binary: string
  transport: Transport
  /** QUIC brings its own. */
  security: Security | undefined
  dialect: Dialect
  /** Whether a reset can be told from a FIN on our side: @chainsafe/libp2p-quic 2.1 makes a FIN of both. */
  tellsResets: boolean
  /** Whether our side can hold a sender back: @chainsafe/libp2p-quic 2.1 reads on whatever `pause()` says. */
  holdsBack: boolean
}

/** Declares the same cases for every peer, transport and handshake; not for those that keep the basic contract alone. */
export function overEveryLink(cases: (link: Link) => void): void {
  overLinks(wholePeers(), cases)
}

/** The peers that keep the whole contract. */
export function wholePeers(): PeerBinary[] {
  return inject('peers').filter(({ info }) => info.basic !== true)
}

/** For the peers that keep the basic contract alone, and each other one by one transport and handshake. */
export function overEveryBasicLink(cases: (link: Link, modes: string[]) => void): void {
  for (const { path, info } of inject('peers')) {
    const peer = { path, info: info.basic === true ? info : withOneLink(info) }
    overLinks([peer], link => cases(link, info.modes))
  }
}

/** The same for the peers that have `net-listen` and `net-dial`. */
export function overEveryNetLink(cases: (link: Link) => void): void {
  overLinks(
    inject('peers').filter(({ info }) => info.net === true),
    cases
  )
}

/** The same for the peers that speak the mux wire. */
export function overEveryMuxLink(cases: (link: Link) => void): void {
  overLinks(muxPeers(), cases)
}

/** Each of them by one transport and handshake, for what does not depend on these and takes its time. */
export function overOneMuxLink(cases: (link: Link) => void): void {
  overLinks(
    muxPeers().map(({ path, info }) => ({ path, info: withOneLink(info) })),
    cases
  )
}

function withOneLink(info: PeerBinary['info']): PeerBinary['info'] {
  return { ...info, transports: info.transports.slice(0, 1), security: info.security.slice(0, 1) }
}

/** The same for the peers that speak the frames of Go v1.2. */
export function overEverySmtsLink(cases: (link: Link) => void): void {
  overLinks(
    inject('peers').filter(({ info }) => info.smts === true),
    cases
  )
}

function muxPeers(): PeerBinary[] {
  return inject('peers').filter(({ info }) => info.mux === true)
}

function overLinks(peers: PeerBinary[], cases: (link: Link) => void): void {
  describe.each(peers.flatMap(linksOf))('$name', link => {
    afterEach(({ task }) => appendFileSync(inject('tally'), `${link.name}\t${task.file.name} ${task.name}\n`))
    cases(link)
  })
}

function linksOf({ path, info }: PeerBinary): Link[] {
  return info.transports.flatMap(transport =>
    (transport === 'quic' ? [undefined] : info.security).map(security => ({
      name: `${info.name} ${security === undefined ? transport : `${transport}+${security}`}`,
      binary: path,
      transport,
      security,
      dialect: info.dialect ?? 'libp2p',
      tellsResets: transport !== 'quic',
      holdsBack: transport !== 'quic'
    }))
  )
}

/** Who can be dialled: a host of ours, a serving peer, or whoever is at an address. */
type Target = Host | Pick<WirePeer, 'address'>

function addressOf(target: Target): string {
  if ('address' in target) return target.address
  const [address] = target.getMultiaddrs()
  if (address === undefined) throw new Error('the host listens nowhere')
  return address.toString()
}

/** A serving peer, ready to be called. */
export async function serve(link: Link, flags: Flags = {}): Promise<WirePeer> {
  const peer = new WirePeer(link.binary, 'serve', {
    ...linkFlags(link),
    ...flags
  })
  await peer.first('ready')
  return peer
}

/** A peer that calls a host of ours, or another peer. */
export function send(link: Link, target: Target, protocol: string, flags: Flags = {}): WirePeer {
  return new WirePeer(link.binary, 'send', {
    ...linkFlags(link),
    addr: addressOf(target),
    protocol,
    ...flags
  })
}

/** A peer that calls a host of ours, or another peer, on the mux wire. */
export function muxSend(link: Link, target: Target, protocol: string, flags: Flags = {}): WirePeer {
  return new WirePeer(link.binary, 'mux-send', {
    ...linkFlags(link),
    addr: addressOf(target),
    protocol,
    ...flags
  })
}

/** A peer that opens a stream without frames to a host of ours, or to another peer. */
export function raw(link: Link, target: Target, protocol: string, flags: Flags): WirePeer {
  return new WirePeer(link.binary, 'raw', {
    ...linkFlags(link),
    addr: addressOf(target),
    protocol,
    ...flags
  })
}

/** A peer that listens as a Go `net.Listener` for every play, and for HTTP. */
export async function netListen(link: Link, flags: Flags = {}): Promise<WirePeer> {
  const peer = new WirePeer(link.binary, 'net-listen', { ...linkFlags(link), ...flags })
  await peer.first('ready')
  return peer
}

/** A peer that dials a host of ours, or another peer, as a Go `net.Conn` and plays on it. */
export function netDial(link: Link, target: Target, protocol: string, play: string, flags: Flags = {}): WirePeer {
  return new WirePeer(link.binary, 'net-dial', {
    ...linkFlags(link),
    addr: addressOf(target),
    protocol,
    play,
    ...flags
  })
}

/** A peer that offers every play of `smts-listen`, and streams without frames. */
export async function smtsListen(link: Link, flags: Flags = {}): Promise<WirePeer> {
  const peer = new WirePeer(link.binary, 'smts-listen', { ...linkFlags(link), ...flags })
  await peer.first('ready')
  return peer
}

/** A peer that sends messages or streams to a host of ours, or to another peer, and reads what comes back. */
export function smtsDial(link: Link, target: Host | WirePeer, protocol: string, flags: Flags): WirePeer {
  return new WirePeer(link.binary, 'smts-dial', { ...linkFlags(link), addr: addressOf(target), protocol, ...flags })
}

function linkFlags(link: Link): Flags {
  return {
    transport: link.transport,
    ...(link.security === undefined ? {} : { security: link.security })
  }
}
