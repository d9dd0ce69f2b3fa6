import net from 'node:net'
import { afterAll, beforeAll } from 'vitest'
import { createNet } from '../../../src/net/index.ts'
import { HostPair } from '../../support/hosts.ts'
import { until } from '../../support/until.ts'

/** The members of node:net that the libraries here are given. */
export type Net = Pick<typeof net, 'createServer' | 'connect' | 'createConnection' | 'Socket' | 'Server'>

/** Two ends: what listens on `server` is reached by its port from `client`. */
export interface Nets {
  readonly server: Net
  readonly client: Net
  /** Fails when a socket was left open. */
  close(): Promise<void>
}

export interface Flavour {
  name: string
  open(): Promise<Nets>
}

const node: Flavour = {
  name: 'node:net',
  async open() {
    const before = openTcpSockets()
    return {
      server: net,
      client: net,
      async close() {
        await until('every TCP socket is closed', openTcpSockets, sockets => sockets <= before)
      }
    }
  }
}

const pointsub: Flavour = {
  name: 'pointsub/net',
  async open() {
    const hosts = await HostPair.create()
    const { client, server, address } = hosts
    return {
      server: createNet(server) as unknown as Net,
      client: createNet(client, { resolve: () => address }) as unknown as Net,
      async close() {
        await until(
          'every stream is closed',
          () => openStreams(hosts),
          streams => streams.length === 0
        )
        await hosts[Symbol.asyncDispose]()
      }
    }
  }
}

/** The streams that are open on any connection of the two hosts, those of libp2p's own protocols left out. */
export function openStreams({ both }: HostPair): string[] {
  return both
    .flatMap(host => host.getConnections())
    .flatMap(connection => connection.streams)
    .filter(({ protocol }) => !/^\/(ipfs|libp2p)\//.test(protocol))
    .map(({ direction, id, protocol, status, readStatus, writeStatus }) =>
      [direction, id, protocol, status, readStatus, writeStatus].join(' ')
    )
}

function openTcpSockets(): number {
  return process.getActiveResourcesInfo().filter(resource => resource === 'TCPSocketWrap').length
}

/** What every test here runs over: node:net itself is the control. */
export const flavours: readonly Flavour[] = [node, pointsub]

/** The nets of a flavour for all tests of a `describe`; fails at its end when one of them left a socket open. */
export function useNets(flavour: Flavour): Pick<Nets, 'server' | 'client'> {
  let nets: Nets | undefined
  const opened = (): Nets => {
    if (nets === undefined) throw new Error('nets are there for tests and hooks only')
    return nets
  }
  beforeAll(async () => {
    nets = await flavour.open()
  })
  afterAll(async () => nets?.close())
  return {
    get server() {
      return opened().server
    },
    get client() {
      return opened().client
    }
  }
}
