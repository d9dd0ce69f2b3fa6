import { vi } from 'vitest'
import type { Client } from '../../src/index.ts'
import type { TestHost } from './hosts.ts'
import { PROTOCOL } from './rpc.ts'

/** The wire of each stream that a client has open. */
export function wiresOf(client: Client): string[] {
  return client.getConnectionsInfo().map(({ wire }) => wire)
}

/**
 * What a host offers its peers from now on, a list of ids for each stream that it opens of {@link PROTOCOL}: every id
 * but the last that the peer takes has cost a round trip.
 */
export function watchOffers(host: TestHost): string[][] {
  const offers: string[][] = []
  const watch = (connection: ReturnType<TestHost['getConnections']>[number]): void => {
    const newStream = connection.newStream.bind(connection)
    vi.spyOn(connection, 'newStream').mockImplementation(async (ids, options) => {
      const offered = [ids].flat()
      if (offered.some(id => id.startsWith(PROTOCOL))) offers.push(offered)
      return newStream(ids, options)
    })
  }
  for (const connection of host.getConnections()) watch(connection)
  host.addEventListener('connection:open', ({ detail }) => watch(detail))
  return offers
}
