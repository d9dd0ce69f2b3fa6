import { multiaddr } from '@multiformats/multiaddr'
import { Client, type ClientOptions, Server } from 'pointsub'
import { addressOf, createNode } from '../../stack.ts'
import type { Row } from '../row.ts'

const PROTOCOL = '/bench/client-send/1.0.0'

/** This package, with its default options. */
export const clientSend: Row = rowOf({})
/** On Go PointSub's wire. */
export const clientPlain: Row = rowOf({ wire: 'plain' })
/** On our own. */
export const clientMux: Row = rowOf({ wire: 'mux' })

function rowOf(options: ClientOptions): Row {
  return {
    async serve(stack) {
      const node = await createNode(stack, 'listener')
      const server = new Server(node)
      await server.start(PROTOCOL, request => request)
      return addressOf(node)
    },

    async connect(endpoint, stack) {
      const node = await createNode(stack, 'dialler')
      const { remotePeer } = await node.dial(multiaddr(endpoint))
      const client = new Client(node, options)
      return body => client.send(remotePeer, PROTOCOL, body)
    }
  }
}
