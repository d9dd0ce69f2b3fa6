import type { Stream } from '@libp2p/interface'
import { vi } from 'vitest'
import type { Client } from '../../src/index.ts'
import type { TestHost } from './hosts.ts'
import { type Leftovers, nothingLeft, streamsOf } from './leftovers.ts'
import { PROTOCOL, type Rpc } from './rpc.ts'
import { until } from './until.ts'

/** {@link PROTOCOL} as it is called on the mux wire. */
export const MUX: string = `${PROTOCOL}/mux/1`

/** The open streams of {@link PROTOCOL} on the mux wire: a session has one or two. */
export function muxStreams(...hosts: TestHost[]): Stream[] {
  return streamsOf(MUX, ...hosts)
}

/** The wire of each stream that a client has open. */
export function wiresOf(client: Client): string[] {
  return client.getConnectionsInfo().map(({ wire }) => wire)
}

/** Ends the client, and waits until neither wire has anything left on either side. */
export async function nothingLeftOf(rpc: Rpc, before?: Leftovers): Promise<void> {
  await rpc.client.close()
  await nothingLeft(MUX, rpc.pair.both)
  await rpc.nothingLeft(before)
}

/** Waits until libp2p's identify has told `host` of what `peer` serves. */
export async function identified(host: TestHost, peer: TestHost, protocol: string): Promise<void> {
  const seen = new Set<string>()
  const note = ({ detail }: CustomEvent<{ peerId: { toString(): string }; protocols: string[] }>): void => {
    if (detail.peerId.toString() !== peer.peerId.toString()) return
    seen.clear()
    for (const each of detail.protocols) seen.add(each)
  }
  host.addEventListener('peer:identify', note)
  try {
    await until(
      `identify tells of ${protocol}`,
      () => seen,
      protocols => protocols.has(protocol)
    )
  } finally {
    host.removeEventListener('peer:identify', note)
  }
}

/**
 * What a host offers its peers from now on, a list of ids for each stream that it opens of {@link PROTOCOL}: every id
 * but the last that the peer takes has cost a round trip.
 */
export function watchOffers(host: TestHost): string[][] {
  const offers: string[][] = []
  const watch = (connection: ReturnType<TestHost['getConnections']>[number]): void => {
    const { newStream } = connection
    vi.spyOn(connection, 'newStream').mockImplementation(async (ids, options) => {
      const offered = [ids].flat()
      if (offered.some(id => id.startsWith(PROTOCOL))) offers.push(offered)
      return newStream.call(connection, ids, options)
    })
  }
  for (const connection of host.getConnections()) watch(connection)
  host.addEventListener('connection:open', ({ detail }) => watch(detail))
  return offers
}
